//! One page that needs nothing but itself: charts as SVG, tables, styles for light, dark, wide and narrow. No script, no network.
//!
//! A string out of a report, and pure. What comes from a target or a plan is escaped.

use super::{
    IntervalSummary, Percentiles, Report,
    chart::{Axis, Chart, Line},
    milliseconds,
    summary::{arrivals, grouped, latency, number},
};
use std::fmt::Write as _;
use tollgate_loadtest::load::{Arrivals, End, Latencies, Recording};

const STYLE: &str = include_str!("page.css");
/// Points of a percentile line for each nine.
const POINTS: u32 = 25;

/// The page of a run.
#[must_use]
pub fn page(report: &Report, recording: &Recording) -> String {
    let title = format!("Load on {}", escaped(&report.plan.target));
    let parts: String = [
        header(report),
        notices(report),
        tiles(report),
        format!("<div class=\"charts\">\n{}</div>\n", charts(report, recording)),
        latencies(report),
        outcomes(report),
        plan(report),
        intervals(report),
    ]
    .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{parts}</main>\n\
         </body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn header(report: &Report) -> String {
    let how = arrivals(&report.plan.arrivals);
    let (started, version) = (escaped(&report.started), escaped(&report.version));
    let connections = report.plan.connections;
    format!("<p class=\"how\">{how}, {connections} connections. Begun {started}, Tollgate {version}.</p>\n")
}

fn notices(report: &Report) -> String {
    let mut text = String::new();
    let mut notice = |class: &str, what: &str| {
        let _ = writeln!(text, "<p class=\"notice {class}\">{}</p>", escaped(what));
    };
    if let Some(limit) = &report.generator.limit {
        notice("warn", &format!("Not the target but the load generator was the limit: {limit}."));
    }
    for lost in &report.generator.lost {
        notice("fail", &format!("Incomplete: {lost}."));
    }
    match report.end {
        End::Complete => {}
        End::Stopped => notice("warn", "Stopped before its end: these are the figures until then."),
        End::Unreachable => notice("fail", "The target cannot be reached: not one connection was made."),
    }
    for verdict in &report.expectations {
        let (class, word) = if verdict.held { ("pass", "Held") } else { ("fail", "Not held") };
        notice(class, &format!("{word}: {}, measured {}", verdict.objective, verdict.measured));
    }
    text
}

fn tiles(report: &Report) -> String {
    let errors: u64 = report.errors.values().map(|errors| errors.count).sum();
    let tiles = [
        (number(report.requests_per_second), "answers per second"),
        (grouped(report.answered), "answers"),
        (latency(report.latency_ms.p50) + " ms", "p50"),
        (latency(report.latency_ms.p99) + " ms", "p99"),
        (latency(report.latency_ms.p99_9) + " ms", "p99.9"),
        (grouped(errors + report.never_sent), "errors and never sent"),
    ];
    let tiles: String = tiles.iter().map(|(value, name)| format!("<li><b>{value}</b>{name}</li>")).collect();
    format!("<ul class=\"tiles\">{tiles}</ul>\n")
}

fn charts(report: &Report, recording: &Recording) -> String {
    if report.intervals.is_empty() {
        return String::new();
    }
    [percentiles(report, recording), rate(report), over_time(report), errors(report)]
        .map(|chart| chart.figure())
        .concat()
}

fn percentiles(report: &Report, recording: &Recording) -> Chart {
    let is_open = report.plan.arrivals != Arrivals::Closed;
    let mut kinds = vec![("from the intended send time", "first", &recording.corrected)];
    if is_open {
        kinds.push(("from the actual send time", "second", &recording.uncorrected));
        kinds.push(("slip of the generator", "third", &recording.slip));
    } else {
        kinds[0].0 = "to the last byte";
    }
    // One more nine than there are requests for would be made of one of them.
    let nines = (report.latency_ms.count.max(10) as f64).log10().floor() as u32;
    let lines: Vec<_> = kinds
        .into_iter()
        .map(|(name, class, latencies)| Line { name, class, points: curve(latencies, nines) })
        .collect();
    let title = "Latency by percentile, in milliseconds".to_owned();
    Chart { title, x: Axis::nines(nines), y: log_around(&lines), lines }
}

fn curve(latencies: &Latencies, nines: u32) -> Vec<(f64, Option<f64>)> {
    let shares = (0..=nines.clamp(1, 7) * POINTS).map(|at| 1.0 - 0.1_f64.powf(f64::from(at) / f64::from(POINTS)));
    let value = |share| (latencies.count() > 0).then(|| milliseconds(latencies.quantile(share)));
    shares.map(|share| (share, value(share))).collect()
}

/// An axis around all values above zero.
fn log_around(lines: &[Line]) -> Axis {
    let values = lines.iter().flat_map(|line| line.points.iter().filter_map(|(_, value)| *value));
    let (least, most) = values.fold((f64::INFINITY, 0.0_f64), |(least, most), value| {
        (if value > 0.0 { least.min(value) } else { least }, most.max(value))
    });
    Axis::log(if least.is_finite() { least.max(1e-3) } else { 0.1 }, most, "")
}

fn end(report: &Report) -> f64 {
    report.intervals.last().map_or(1.0, |last| last.at_seconds + last.seconds)
}

/// A line over time, each interval at its middle.
fn timeline(
    report: &Report,
    name: &'static str,
    class: &'static str,
    value: impl Fn(&IntervalSummary) -> Option<f64>,
) -> Line {
    let points =
        report.intervals.iter().map(|interval| (interval.at_seconds + interval.seconds / 2.0, value(interval)));
    Line { name, class, points: points.collect() }
}

fn most(lines: &[Line]) -> f64 {
    lines.iter().flat_map(|line| &line.points).filter_map(|(_, value)| *value).fold(0.0, f64::max)
}

fn rate(report: &Report) -> Chart {
    // Behind the end nothing is due any more: what is answered then is no rate.
    let rate = |interval: &IntervalSummary, count: u64| {
        (interval.at_seconds < report.duration_seconds).then_some(count as f64 / interval.seconds)
    };
    let lines = vec![
        timeline(report, "sent", "second", |interval| rate(interval, interval.sent)),
        timeline(report, "answered", "first", |interval| rate(interval, interval.answered)),
    ];
    let y = Axis::linear(most(&lines), "");
    Chart { title: "Requests per second".to_owned(), x: Axis::time(end(report)), y, lines }
}

fn over_time(report: &Report) -> Chart {
    let some = |interval: &IntervalSummary, value: f64| (interval.answered > 0).then_some(value);
    let lines = vec![
        timeline(report, "max", "third", |interval| some(interval, interval.max_ms)),
        timeline(report, "p99", "second", |interval| some(interval, interval.p99_ms)),
        timeline(report, "p50", "first", |interval| some(interval, interval.p50_ms)),
    ];
    let title = "Latency over time, in milliseconds".to_owned();
    Chart { title, x: Axis::time(end(report)), y: log_around(&lines), lines }
}

fn errors(report: &Report) -> Chart {
    let lines = vec![timeline(report, "errors", "bad", |interval| Some(interval.errors as f64 / interval.seconds))];
    let y = Axis::linear(most(&lines), "");
    Chart { title: "Errors per second".to_owned(), x: Axis::time(end(report)), y, lines }
}

fn latencies(report: &Report) -> String {
    let rows = [
        ("From the intended send time", Some(report.latency_ms)),
        ("From the actual send time", Some(report.latency_uncorrected_ms)),
        ("Waiting for a connection", report.waited_ms),
        ("Slip of the generator", report.slip_ms),
        ("To the first byte", report.first_byte_ms),
        ("To the first event", report.first_event_ms),
        ("Between events", report.event_gap_ms),
        ("TCP connect", report.connect_ms),
        ("TLS handshake", report.handshake_ms),
    ];
    let mut body = String::new();
    for (name, row) in rows.into_iter().filter_map(|(name, row)| Some((name, row?))) {
        let Percentiles { count, mean, p50, p75, p90, p95, p99, p99_9, p99_99, max } = row;
        let cells = [mean, p50, p75, p90, p95, p99, p99_9, p99_99, max];
        let cells: String = cells.iter().map(|value| format!("<td>{}</td>", latency(*value))).collect();
        let _ = writeln!(body, "<tr><th scope=\"row\">{name}</th><td>{}</td>{cells}</tr>", grouped(count));
    }
    let names = ["count", "mean", "p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "max"];
    table("Latencies in milliseconds", &names, &body)
}

/// A table whose first column has row headers.
fn table(title: &str, names: &[&str], body: &str) -> String {
    let names: String = names.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
    format!(
        "<h2>{title}</h2>\n<div class=\"wide\" tabindex=\"0\"><table><thead><tr><td></td>{names}</tr></thead>\n\
         <tbody>{body}</tbody></table></div>\n"
    )
}

fn outcomes(report: &Report) -> String {
    let mut body = String::new();
    for (status, count) in &report.statuses {
        let _ = writeln!(body, "<tr><th scope=\"row\">status {status}</th><td>{}</td><td></td></tr>", grouped(*count));
    }
    for (kind, errors) in &report.errors {
        let (count, example) = (grouped(errors.count), escaped(&errors.example));
        let _ =
            writeln!(body, "<tr><th scope=\"row\">{kind}</th><td>{count}</td><td class=\"text\">{example}</td></tr>");
    }
    let rows = [("due and never sent", report.never_sent), ("unanswered at the end", report.unanswered)];
    for (name, count) in rows.into_iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(body, "<tr><th scope=\"row\">{name}</th><td>{}</td><td></td></tr>", grouped(count));
    }
    table("Answers and errors", &["count", "the first said"], &body)
}

fn plan(report: &Report) -> String {
    let (plan, generator) = (&report.plan, &report.generator);
    let mut requests = plan.requests.iter().map(|request| escaped(request)).collect::<Vec<_>>().join("<br>");
    if plan.mix > plan.requests.len() {
        let _ = write!(requests, "<br>and {} more", grouped((plan.mix - plan.requests.len()) as u64));
    }
    let agents = if generator.agents.is_empty() { "none".to_owned() } else { escaped(&generator.agents.join(", ")) };
    let rows = [
        ("Requests", requests),
        ("Arrivals", arrivals(&plan.arrivals)),
        (
            "Connections",
            format!(
                "{}, {}",
                plan.connections,
                if plan.fresh {
                    "a new one for each request".to_owned()
                } else {
                    format!("{} in flight on each", plan.pipeline)
                }
            ),
        ),
        (
            "Measured",
            format!(
                "{:.1} s of {} s, after {} s of warm-up",
                report.duration_seconds, plan.duration_seconds, plan.warmup_seconds
            ),
        ),
        ("Timeout", format!("{} s", plan.timeout_seconds)),
        ("Seed", plan.seed.to_string()),
        ("Agents", agents),
        (
            "Generator",
            format!(
                "{} threads, busy {:.0} % of the time, {:.2} us of CPU for each answer",
                generator.workers,
                generator.busy * 100.0,
                generator.cpu_us_per_request
            ),
        ),
    ];
    let rows: String = rows.iter().map(|(name, text)| format!("<dt>{name}</dt><dd>{text}</dd>\n")).collect();
    format!("<h2>The run</h2>\n<dl>\n{rows}</dl>\n")
}

fn intervals(report: &Report) -> String {
    let mut body = String::new();
    for interval in &report.intervals {
        let rate = |count: u64| number(count as f64 / interval.seconds);
        let cells = [
            rate(interval.sent),
            rate(interval.answered),
            grouped(interval.errors),
            latency(interval.p50_ms),
            latency(interval.p99_ms),
            latency(interval.max_ms),
        ];
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        let _ = writeln!(body, "<tr><th scope=\"row\">{:.2} s</th>{cells}</tr>", interval.at_seconds);
    }
    let names = ["sent/s", "answered/s", "errors", "p50", "p99", "max"];
    let table = table("Intervals", &names, &body);
    format!("<details><summary>Each interval as a table</summary>\n{table}</details>\n")
}
