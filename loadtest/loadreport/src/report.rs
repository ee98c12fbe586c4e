//! What a run is told as: [`Report`] (JSON), [`summary`] (terminal), [`page`] (HTML), [`hdr_log`] (HdrHistogram's interval log).
//!
//! ```text
//! Plan, Recording -> Report --> JSON file --> compare
//!                      |`-----> summary
//!                      `--with the Recording--> page, hdr_log
//! ```
//!
//! Pure: no file is written here. Values of fields, bodies and queries are not in a report: they may be secrets.

mod chart;
mod hdr;
mod html;
mod live;
mod summary;

use crate::{clock, objective::Verdict};
pub use hdr::hdr_log;
pub use html::page;
pub use live::{line, share_done};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};
pub use summary::summary;
use tollgate_loadtest::load::{Arrivals, End, ErrorKind, Errors, Latencies, Plan, Recording, limit};

/// Of the format: changes that break readers count it up.
const FORMAT: u32 = 1;
/// Share of their time that the generator's threads may work, where they were not the limit.
const BUSY_MAX: f64 = 0.9;
/// Slip is small where this many times it is less than the latency.
const SLIP_SHARE: u32 = 4;
/// How many requests of a mix are named.
const REQUESTS_NAMED: usize = 10;

/// A run, as it is kept and compared. Latencies are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Of this format.
    pub format: u32,
    /// Version of Tollgate.
    pub version: String,
    /// RFC 3339, when the run began.
    pub started: String,
    /// Why it ended.
    pub end: End,
    /// Whole answers per second.
    pub requests_per_second: f64,
    /// Requests sent while it was measured.
    pub requests: u64,
    /// Whole answers.
    pub answered: u64,
    /// Requests that were due and found no connection.
    pub never_sent: u64,
    /// Requests without a whole answer at the end.
    pub unanswered: u64,
    /// How long was measured.
    pub duration_seconds: f64,
    /// From the intended send time.
    pub latency_ms: Percentiles,
    /// From the actual send time: what a generator tells that waits for its target.
    pub latency_uncorrected_ms: Percentiles,
    /// How late the generator itself was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub slip_ms: Option<Percentiles>,
    /// How long requests that were due waited for a connection, of those that did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waited_ms: Option<Percentiles>,
    /// TCP connects.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connect_ms: Option<Percentiles>,
    /// TLS handshakes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub handshake_ms: Option<Percentiles>,
    /// From the actual send time to the first byte of the answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_byte_ms: Option<Percentiles>,
    /// To the end of the first server-sent event.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_event_ms: Option<Percentiles>,
    /// Between the ends of two events of a stream.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event_gap_ms: Option<Percentiles>,
    /// Server-sent events.
    pub events: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// What went wrong, by kind.
    pub errors: BTreeMap<String, Errors>,
    /// Received, heads and TLS included.
    pub bytes_in: u64,
    /// Sent, likewise.
    pub bytes_out: u64,
    /// Connections made.
    pub connections: u64,
    /// What was asked of the run.
    pub expectations: Vec<Verdict>,
    /// Who measured, and whether that was the limit.
    pub generator: Generator,
    /// What was to be done.
    pub plan: PlanSummary,
    /// Over time.
    pub intervals: Vec<IntervalSummary>,
}

/// Latencies of one kind, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Percentiles {
    pub count: u64,
    pub mean: f64,
    pub p50: f64,
    pub p75: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    #[serde(rename = "p99.9")]
    pub p99_9: f64,
    #[serde(rename = "p99.99")]
    pub p99_99: f64,
    pub max: f64,
}

/// The load generator of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// Why it, and not the target, was the limit; `null` where it was not.
    pub limit: Option<String>,
    /// Machines that took part, by address; none where only this one did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<String>,
    /// Those of them whose part is missing, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
    /// Threads that sent.
    pub workers: u32,
    /// CPU time of these threads, without the next.
    pub cpu_seconds: f64,
    /// CPU time spent on waiting for the next due time.
    pub spun_seconds: f64,
    /// Share of the time that they worked.
    pub busy: f64,
    /// `cpu_seconds` for one answer that ended in that time.
    pub cpu_us_per_request: f64,
}

/// What a run was to do, without what may be secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Scheme, host and port.
    pub target: String,
    /// The first requests: method and path without query.
    pub requests: Vec<String>,
    /// How many requests the mix has.
    pub mix: usize,
    /// When requests are due.
    pub arrivals: Arrivals,
    /// Connections over all workers.
    pub connections: usize,
    /// Requests in flight on one connection.
    pub pipeline: usize,
    /// A connection for each request.
    pub fresh: bool,
    /// How long it was to take.
    pub duration_seconds: f64,
    /// Before, without being measured.
    pub warmup_seconds: f64,
    /// Longest time for an answer.
    pub timeout_seconds: f64,
    /// Where chance begins.
    pub seed: u64,
}

/// One interval of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntervalSummary {
    /// Where it begins.
    pub at_seconds: f64,
    /// How long it is; the last one may be shorter.
    pub seconds: f64,
    /// Requests sent in it.
    pub sent: u64,
    /// Answers that ended in it.
    pub answered: u64,
    /// What went wrong in it.
    pub errors: u64,
    /// Corrected latency.
    pub p50_ms: f64,
    /// Corrected latency.
    pub p99_ms: f64,
    /// Corrected latency.
    pub max_ms: f64,
}

impl Percentiles {
    /// `None` where nothing was counted.
    fn of(latencies: &Latencies) -> Option<Self> {
        (latencies.count() > 0).then(|| {
            let at = |share| milliseconds(latencies.quantile(share));
            Self {
                count: latencies.count(),
                mean: milliseconds(latencies.mean()),
                p50: at(0.5),
                p75: at(0.75),
                p90: at(0.9),
                p95: at(0.95),
                p99: at(0.99),
                p99_9: at(0.999),
                p99_99: at(0.9999),
                max: milliseconds(latencies.max()),
            }
        })
    }
}

impl Report {
    /// Tells a run that began at `started`.
    #[must_use]
    pub fn new(plan: &Plan, recording: &Recording, started: SystemTime, expectations: Vec<Verdict>) -> Self {
        let errors = recording.errors.iter().map(|(kind, errors)| (kind.name().to_owned(), errors.clone()));
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: clock::text(started),
            end: recording.end,
            requests_per_second: rounded(recording.requests_per_second()),
            requests: recording.sent,
            answered: recording.answered,
            never_sent: recording.never_sent,
            unanswered: recording.unanswered,
            duration_seconds: rounded(recording.elapsed.as_secs_f64()),
            latency_ms: Percentiles::of(&recording.corrected).unwrap_or_default(),
            latency_uncorrected_ms: Percentiles::of(&recording.uncorrected).unwrap_or_default(),
            slip_ms: Percentiles::of(&recording.slip),
            waited_ms: Percentiles::of(&recording.waited),
            connect_ms: Percentiles::of(&recording.connect),
            handshake_ms: Percentiles::of(&recording.handshake),
            first_byte_ms: Percentiles::of(&recording.first_byte),
            first_event_ms: Percentiles::of(&recording.first_event),
            event_gap_ms: Percentiles::of(&recording.event_gap),
            events: recording.events,
            statuses: recording.statuses.clone(),
            errors: errors.collect(),
            bytes_in: recording.bytes_in,
            bytes_out: recording.bytes_out,
            connections: recording.connections,
            expectations,
            generator: Generator::of(plan, recording),
            plan: PlanSummary::of(plan),
            intervals: intervals(recording),
        }
    }

    /// As JSON, with a line end.
    ///
    /// # Errors
    /// Never: all keys are text.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Reads what [`Report::to_json`] wrote.
    ///
    /// # Errors
    /// It is no such report, or one of a later format.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let report: Self =
            serde_json::from_str(text).map_err(|error| format!("no report of `tollgate load`: {error}"))?;
        if report.format != FORMAT {
            return Err(format!("a report of format {}, and this version reads {FORMAT}", report.format));
        }
        Ok(report)
    }

    /// Whether everything that was expected held.
    #[must_use]
    pub fn held(&self) -> bool {
        self.expectations.iter().all(|verdict| verdict.held)
    }
}

/// Why the generator, and not the target, was the limit of a run. Its slip is none where it is small beside the latency that it
/// is part of, while CPUs and ports were enough.
pub(crate) fn generator_limit(recording: &Recording, plan: &Plan) -> Option<String> {
    let has_room = recording.busy() < BUSY_MAX && !recording.errors.contains_key(&ErrorKind::Local);
    let is_small = recording.slip.quantile(0.99) * SLIP_SHARE < recording.corrected.quantile(0.99);
    limit(recording, plan).filter(|_| !(has_room && is_small))
}

impl Generator {
    fn of(plan: &Plan, recording: &Recording) -> Self {
        let worked = recording.cpu.saturating_sub(recording.spun);
        Self {
            limit: generator_limit(recording, plan),
            agents: Vec::new(),
            lost: Vec::new(),
            workers: recording.workers,
            cpu_seconds: rounded(worked.as_secs_f64()),
            spun_seconds: rounded(recording.spun.as_secs_f64()),
            busy: rounded(recording.busy()),
            cpu_us_per_request: rounded(worked.as_secs_f64() * 1e6 / recording.completed.max(1) as f64),
        }
    }
}

impl PlanSummary {
    fn of(plan: &Plan) -> Self {
        let named = plan.mix.requests.iter().take(REQUESTS_NAMED);
        let without_query = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
        Self {
            target: plan.target.to_string(),
            requests: named.map(|request| format!("{} {}", request.method, without_query(&request.path))).collect(),
            mix: plan.mix.requests.len(),
            arrivals: plan.arrivals.clone(),
            connections: plan.connections,
            pipeline: plan.pipeline,
            fresh: plan.fresh,
            duration_seconds: plan.duration.as_secs_f64(),
            warmup_seconds: plan.warmup.as_secs_f64(),
            timeout_seconds: plan.timeout.as_secs_f64(),
            seed: plan.seed,
        }
    }
}

fn intervals(recording: &Recording) -> Vec<IntervalSummary> {
    let width = recording.series.width();
    let all = recording.series.intervals().iter().enumerate().map(|(index, interval)| {
        let at = width * index as u32;
        let latencies = &interval.latencies;
        // Answers to the last requests come after the time in which requests are due.
        let seconds = recording.elapsed.saturating_sub(at).min(width);
        let seconds = if seconds.is_zero() { width } else { seconds };
        IntervalSummary {
            at_seconds: at.as_secs_f64(),
            seconds: rounded(seconds.as_secs_f64()),
            sent: interval.sent,
            answered: interval.answered,
            errors: interval.errors,
            p50_ms: milliseconds(latencies.quantile(0.5)),
            p99_ms: milliseconds(latencies.quantile(0.99)),
            max_ms: milliseconds(latencies.max()),
        }
    });
    all.collect()
}

/// To a nanosecond.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

/// To six places behind the point: what comes after says nothing.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests;
