//! A run for people at a terminal: rates, latencies side by side, what went wrong, and whether the figures can be trusted.
//!
//! A string out of a report, and pure; `cli` prints it. Everything in it is in the JSON report too.

use super::{Percentiles, Report};
use std::fmt::Write as _;
use tollgate_loadtest::load::{Arrivals, End};

/// Several lines, without a line end behind the last.
#[must_use]
pub fn summary(report: &Report) -> String {
    let mut text = String::new();
    for part in [header(report), counts(report), latencies(report), outcomes(report), verdicts(report)] {
        text += &part;
    }
    if let Some(limit) = &report.generator.limit {
        let _ = writeln!(text, "\nNot the target but the load generator was the limit: {limit}.");
    }
    for lost in &report.generator.lost {
        let _ = writeln!(text, "\nIncomplete: {lost}.");
    }
    match report.end {
        End::Complete => {}
        End::Stopped => text += "\nStopped before its end: these are the figures until then.\n",
        End::Unreachable => text += "\nThe target cannot be reached: not one connection was made.\n",
    }
    text.trim_end().to_owned()
}

fn header(report: &Report) -> String {
    let plan = &report.plan;
    let requests = match plan.requests.first() {
        Some(first) if plan.mix == 1 => first.clone(),
        Some(first) => format!("{} requests, first {first}", plan.mix),
        None => String::new(),
    };
    let mut how = vec![arrivals(&plan.arrivals), format!("{} connections", plan.connections)];
    if plan.pipeline > 1 {
        how.push(format!("{} in flight on each", plan.pipeline));
    }
    if plan.fresh {
        how.push("a fresh one for each request".to_owned());
    }
    if !report.generator.agents.is_empty() {
        how.push(format!("agents {}", report.generator.agents.join(" and ")));
    }
    format!("{}  {requests}\n{}\n\n", plan.target, how.join(", "))
}

/// When requests are due, in words.
pub(super) fn arrivals(arrivals: &Arrivals) -> String {
    match arrivals {
        Arrivals::Closed => "closed loop: each request waits for the answer before".to_owned(),
        Arrivals::Fixed { rate } => format!("open loop: {} per second", number(*rate)),
        Arrivals::Poisson { rate } => format!("open loop: {} per second at random", number(*rate)),
        Arrivals::Ramp { from, to } => format!("open loop: from {} to {} per second", number(*from), number(*to)),
        Arrivals::Steps(rates) => {
            let rates: Vec<_> = rates.iter().map(|rate| number(*rate)).collect();
            format!("open loop: {} per second, one after the other", rates.join(", "))
        }
        Arrivals::Replay { speed } => format!("replay at {speed} times its speed"),
    }
}

fn counts(report: &Report) -> String {
    let seconds = report.duration_seconds;
    let mut text = String::new();
    let _ = writeln!(text, "{:>14}/s  for {seconds:.1} s", number(report.requests_per_second));
    let mut counts = vec![format!("{} sent, {} answered", grouped(report.requests), grouped(report.answered))];
    for (count, what) in [(report.never_sent, "due and never sent"), (report.unanswered, "unanswered at the end")] {
        if count > 0 {
            counts.push(format!("{} {what}", grouped(count)));
        }
    }
    let _ = writeln!(text, "{:>14}    {}", "requests", counts.join(", "));
    let _ = writeln!(text, "{:>14}    {} in, {} out", "bytes", bytes(report.bytes_in), bytes(report.bytes_out));
    if report.events > 0 {
        let _ = writeln!(text, "{:>14}    {}", "events", grouped(report.events));
    }
    text
}

/// A row for each kind of latency; what was not measured has none.
fn latencies(report: &Report) -> String {
    if report.latency_ms.count == 0 {
        return String::new();
    }
    let mut text = format!(
        "\n{:<30}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}\n",
        "latency in milliseconds", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"
    );
    let is_open = report.plan.arrivals != Arrivals::Closed;
    let whole = if is_open { "from the intended send time" } else { "to the last byte" };
    let uncorrected = is_open.then_some(report.latency_uncorrected_ms);
    let rows = [
        (whole, Some(report.latency_ms)),
        ("from the actual send time", uncorrected),
        ("waiting for a connection", report.waited_ms),
        ("slip of the generator", report.slip_ms),
        ("to the first byte", report.first_byte_ms),
        ("to the first event", report.first_event_ms),
        ("between events", report.event_gap_ms),
        ("TCP connect", report.connect_ms),
        ("TLS handshake", report.handshake_ms),
    ];
    for (name, row) in rows.into_iter().filter_map(|(name, row)| Some((name, row?))) {
        let Percentiles { mean, p50, p90, p99, p99_9, p99_99, max, .. } = row;
        let _ = write!(text, "  {name:<28}");
        for value in [mean, p50, p90, p99, p99_9, p99_99, max] {
            let _ = write!(text, "{:>9}", latency(value));
        }
        text.push('\n');
    }
    text
}

fn outcomes(report: &Report) -> String {
    let mut text = String::new();
    let statuses = report.statuses.iter().map(|(status, count)| format!("{status}: {}", grouped(*count)));
    let statuses: Vec<_> = statuses.collect();
    if !statuses.is_empty() {
        let _ = writeln!(text, "\nstatuses  {}", statuses.join(", "));
    }
    for (at, (kind, errors)) in report.errors.iter().enumerate() {
        let title = if at == 0 { "errors" } else { "" };
        let _ = writeln!(text, "{title:<9} {kind}: {} ({})", grouped(errors.count), errors.example);
    }
    text
}

fn verdicts(report: &Report) -> String {
    let mut text = String::new();
    for (at, verdict) in report.expectations.iter().enumerate() {
        let (word, space) = (if verdict.held { "held" } else { "NOT HELD" }, if at == 0 { "\n" } else { "" });
        let _ = writeln!(text, "{space}{word}: {}, measured {}", verdict.objective, verdict.measured);
    }
    text
}

/// Milliseconds with as many places as say something.
pub(super) fn latency(milliseconds: f64) -> String {
    match milliseconds {
        value if value >= 1000.0 => format!("{value:.0}"),
        value if value >= 100.0 => format!("{value:.1}"),
        value if value >= 10.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

/// With commas between thousands.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate: whole where it is large.
pub(super) fn number(rate: f64) -> String {
    if rate >= 100.0 || rate.fract() == 0.0 { grouped(rate.round() as u64) } else { format!("{rate:.1}") }
}

fn bytes(count: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.iter().find(|(_, shift)| count >= 1 << shift);
    unit.map_or_else(
        || format!("{count} B"),
        |(name, shift)| format!("{:.1} {name}", count as f64 / f64::from(1 << shift)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.5, 12.0, 1234.4].map(number), ["0.5", "12", "1,234"]);
        assert_eq!([12, 2048, 3 << 29].map(bytes), ["12 B", "2.0 KiB", "1.5 GiB"]);
        assert_eq!([0.0123, 12.345, 123.45, 1234.5].map(latency), ["0.012", "12.35", "123.5", "1234"]);
    }
}
