//! A run while it goes: one line, and how much of it is done.

use super::milliseconds;
use tollgate_loadtest::load::{Phase, Progress};

/// What happens right now; `rate` is by the seconds since the last line.
#[must_use]
pub fn line(progress: &Progress, since_last: f64) -> String {
    let phase = match progress.phase {
        Phase::Opening => return format!("connecting: {} open", progress.connections),
        Phase::WarmUp => "warm-up: ",
        Phase::Measuring => "",
        Phase::Draining => "last answers: ",
    };
    let interval = &progress.interval;
    let rate = interval.answered as f64 / since_last.max(1e-3);
    let mut line = format!("{phase}{rate:.0}/s");
    if interval.latencies.count() > 0 {
        let at = |share| milliseconds(interval.latencies.quantile(share));
        line += &format!("  p50 {:.3} ms  p99 {:.3} ms", at(0.5), at(0.99));
    }
    line += &format!("  {} answered", progress.answered);
    for (count, what) in [(progress.errors, "errors"), (progress.waiting, "waiting for a connection")] {
        if count > 0 {
            line += &format!("  {count} {what}");
        }
    }
    line
}

/// 0 to 1, by time.
#[must_use]
pub fn share_done(progress: &Progress) -> f64 {
    let planned = progress.planned.as_secs_f64();
    if planned > 0.0 { (progress.elapsed.as_secs_f64() / planned).min(1.0) } else { 0.0 }
}
