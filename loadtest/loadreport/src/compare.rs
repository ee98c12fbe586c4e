//! Two runs side by side, with a verdict that respects noise.
//!
//! How much a figure scatters is taken from the intervals of both runs: the median absolute deviation, scaled to a standard
//! deviation, over the root of their number. A change counts when it is larger than twice the standard error of the difference
//! (about 95 %). What a machine does differently from one run to the next is not in there: repeat runs in turn to see it.

use crate::report::{IntervalSummary, Report};
use std::fmt::{self, Write as _};

/// Fewer whole intervals than this say nothing about noise.
const INTERVALS_MIN: usize = 4;
/// Of a normal distribution: standard deviation by median absolute deviation.
const MAD_TO_DEVIATION: f64 = 1.4826;
/// Standard errors that chance seldom exceeds.
const ERRORS_OF_CHANCE: f64 = 2.0;

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Not told apart from noise.
    Same,
    /// Beyond noise, for the better.
    Better,
    /// Beyond noise, for the worse.
    Worse,
    /// The runs are too short, or the figure is not one of every interval.
    Unknown,
}

/// A figure of both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// With its unit.
    pub name: &'static str,
    /// In the first run.
    pub before: f64,
    /// In the second.
    pub after: f64,
    /// Of the first, in percent; of a share, in percentage points.
    pub percent: f64,
    /// What noise alone may change, in the same; `None` where it is not known.
    pub noise: Option<f64>,
    /// What became of it.
    pub change: Change,
}

/// Two runs side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Figure by figure.
    pub rows: Vec<Row>,
    /// Why the runs may not be comparable.
    pub warnings: Vec<String>,
}

/// Compares `after` with `before`.
#[must_use]
pub fn compare(before: &Report, after: &Report) -> Comparison {
    let rate = |interval: &IntervalSummary| interval.answered as f64 / interval.seconds;
    let known = |name, before_value, after_value, more_is_better, of: &dyn Fn(&IntervalSummary) -> f64| {
        let noise = noise(&values(before, of), &values(after, of)).map(|noise| noise / before_value * 100.0);
        row(name, before_value, after_value, more_is_better, noise)
    };
    let (one, other) = (&before.latency_ms, &after.latency_ms);
    let unknown = |name, before, after| row(name, before, after, false, None);
    let rows = vec![
        known("answers per second", before.requests_per_second, after.requests_per_second, true, &rate),
        known("p50 ms", one.p50, other.p50, false, &|interval| interval.p50_ms),
        unknown("p90 ms", one.p90, other.p90),
        known("p99 ms", one.p99, other.p99, false, &|interval| interval.p99_ms),
        unknown("p99.9 ms", one.p99_9, other.p99_9),
        unknown("max ms", one.max, other.max),
        failures(before, after),
    ];
    Comparison { rows, warnings: warnings(before, after) }
}

impl Comparison {
    /// The figures that are worse beyond noise and by more than so many percent; failed requests by any number.
    pub fn regressions(&self, percent: f64) -> impl Iterator<Item = &Row> {
        let worse = self.rows.iter().filter(|row| row.change == Change::Worse);
        worse.filter(move |row| row.percent.abs() > percent || row.name == FAILURES)
    }
}

const FAILURES: &str = "failed requests, %";

fn row(name: &'static str, before: f64, after: f64, more_is_better: bool, noise: Option<f64>) -> Row {
    let percent = if before > 0.0 { (after - before) / before * 100.0 } else { 0.0 };
    let change = match noise {
        None => Change::Unknown,
        Some(noise) if percent.abs() <= noise || percent == 0.0 => Change::Same,
        Some(_) if (percent > 0.0) == more_is_better => Change::Better,
        Some(_) => Change::Worse,
    };
    Row { name, before, after, percent, noise, change }
}

/// Shares of requests without a whole answer; each request is one throw of a coin.
fn failures(before: &Report, after: &Report) -> Row {
    let share = |report: &Report| {
        let due = (report.requests + report.never_sent).max(1) as f64;
        let failed = (report.requests + report.never_sent).saturating_sub(report.answered) as f64;
        (failed / due, failed / due * (1.0 - failed / due) / due)
    };
    let ((one, variance), (other, other_variance)) = (share(before), share(after));
    let noise = ERRORS_OF_CHANCE * (variance + other_variance).sqrt() * 100.0;
    let points = (other - one) * 100.0;
    let change = match points {
        points if points.abs() <= noise || points == 0.0 => Change::Same,
        points if points > 0.0 => Change::Worse,
        _ => Change::Better,
    };
    Row { name: FAILURES, before: one * 100.0, after: other * 100.0, percent: points, noise: Some(noise), change }
}

/// A figure of each interval that is whole and has answers.
fn values(report: &Report, of: &dyn Fn(&IntervalSummary) -> f64) -> Vec<f64> {
    let widest = report.intervals.iter().map(|interval| interval.seconds).fold(0.0, f64::max);
    let whole = report.intervals.iter().filter(|interval| interval.seconds >= widest && interval.answered > 0);
    whole.map(of).collect()
}

/// What the difference of two means may be by chance.
fn noise(one: &[f64], other: &[f64]) -> Option<f64> {
    let square = |values: &[f64]| {
        let error = deviation(values) / (values.len() as f64).sqrt();
        error * error
    };
    let is_enough = one.len() >= INTERVALS_MIN && other.len() >= INTERVALS_MIN;
    is_enough.then(|| ERRORS_OF_CHANCE * (square(one) + square(other)).sqrt())
}

/// Without being led astray by a few intervals.
fn deviation(values: &[f64]) -> f64 {
    let middle = median(values.to_vec());
    median(values.iter().map(|value| (value - middle).abs()).collect()) * MAD_TO_DEVIATION
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[half],
        _ => f64::midpoint(values[half - 1], values[half]),
    }
}

fn warnings(before: &Report, after: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    let (one, other) = (&before.plan, &after.plan);
    let differences = [
        ("arrivals", one.arrivals != other.arrivals),
        ("connections", one.connections != other.connections),
        ("pipeline", one.pipeline != other.pipeline),
        ("fresh connections", one.fresh != other.fresh),
        ("requests", one.requests != other.requests || one.mix != other.mix),
    ];
    let differ: Vec<_> = differences.iter().filter(|(_, differ)| *differ).map(|(name, _)| *name).collect();
    if !differ.is_empty() {
        warnings.push(format!("the runs differ in what was asked of them: {}", differ.join(", ")));
    }
    for (name, report) in [("first", before), ("second", after)] {
        if report.generator.limit.is_some() {
            warnings.push(format!("in the {name} run the load generator was the limit, not the target"));
        }
        if values(report, &|interval| interval.seconds).len() < INTERVALS_MIN {
            warnings.push(format!("the {name} run is too short to tell noise from change: measure 5 s or more"));
        }
    }
    warnings
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{:<20}{:>12}{:>12}{:>10}{:>10}  verdict\n", "", "before", "after", "change", "noise");
        for Row { name, before, after, percent, noise, change } in &self.rows {
            let unit = if *name == FAILURES { " pp" } else { " %" };
            let noise = noise.map_or_else(|| "-".to_owned(), |noise| format!("{noise:.1}{unit}"));
            let word = match change {
                Change::Same => "within noise",
                Change::Better => "better",
                Change::Worse => "worse",
                Change::Unknown => "",
            };
            let percent = format!("{percent:+.1}{unit}");
            writeln!(text, "{name:<20}{before:>12.3}{after:>12.3}{percent:>10}{noise:>10}  {word}")?;
        }
        for warning in &self.warnings {
            writeln!(text, "\nCareful: {warning}.")?;
        }
        let of = |wanted| self.rows.iter().filter(move |row| row.change == wanted).map(|row| row.name);
        let (better, worse): (Vec<_>, Vec<_>) = (of(Change::Better).collect(), of(Change::Worse).collect());
        let verdict = match (better.is_empty(), worse.is_empty()) {
            (true, true) => "No difference beyond noise.".to_owned(),
            (false, true) => format!("The second run is better: {}.", better.join(", ")),
            (true, false) => format!("The second run is worse: {}.", worse.join(", ")),
            (false, false) => format!("Better: {}. Worse: {}.", better.join(", "), worse.join(", ")),
        };
        write!(formatter, "{text}\n{verdict}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};
    use tollgate_loadtest::load::{Mix, Plan, Recording, Request, Target};

    /// A run of 5 s with so many answers per second and such a latency, both scattered by `scatter` (a share of them).
    fn run(rate: f64, millis: f64, scatter: f64, failed: u64) -> Report {
        let (target, _) = Target::parse("http://127.0.0.1:9/").unwrap();
        let plan = Plan::new(target, Mix::one(Request::new("GET", "/")));
        let mut recording = Recording { elapsed: Duration::from_secs(5), workers: 1, ..Recording::default() };
        for index in 0..20_u32 {
            let swing = 1.0 + scatter * if index % 2 == 0 { 1.0 } else { -1.0 };
            let interval = recording.series.at(Duration::from_millis(250) * index);
            interval.answered = (rate / 4.0 * swing) as u64;
            for _ in 0..100 {
                interval.latencies.record((millis * swing * 1e6) as u64);
                recording.corrected.record((millis * swing * 1e6) as u64);
            }
            recording.answered += (rate / 4.0 * swing) as u64;
        }
        recording.sent = recording.answered + failed;
        recording.completed = recording.answered;
        Report::new(&plan, &recording, UNIX_EPOCH, Vec::new())
    }

    fn change(before: &Report, after: &Report, name: &str) -> Change {
        compare(before, after).rows.iter().find(|row| row.name == name).unwrap().change
    }

    #[test]
    fn a_change_counts_only_beyond_the_noise_of_both() {
        let (calm, wild) = (run(10_000.0, 1.0, 0.01, 0), run(10_000.0, 1.0, 0.3, 0));
        let slower = |scatter| run(9_500.0, 1.05, scatter, 0);
        assert_eq!(change(&calm, &slower(0.01), "answers per second"), Change::Worse);
        assert_eq!(change(&calm, &slower(0.01), "p50 ms"), Change::Worse);
        assert_eq!(change(&slower(0.01), &calm, "answers per second"), Change::Better);
        assert_eq!(change(&wild, &slower(0.3), "answers per second"), Change::Same);
        assert_eq!(change(&calm, &calm, "p99 ms"), Change::Same);
        assert!(compare(&calm, &calm).to_string().ends_with("No difference beyond noise."));
        assert!(compare(&calm, &slower(0.01)).to_string().contains("The second run is worse: answers per second"));
    }

    #[test]
    fn a_regression_is_worse_by_more_than_was_allowed() {
        let (before, after) = (run(10_000.0, 1.0, 0.01, 0), run(9_000.0, 1.0, 0.01, 0));
        let comparison = compare(&before, &after);
        assert_eq!(comparison.regressions(5.0).map(|row| row.name).collect::<Vec<_>>(), ["answers per second"]);
        assert_eq!(comparison.regressions(15.0).count(), 0);
        let failing = compare(&before, &run(10_000.0, 1.0, 0.01, 100));
        assert_eq!(failing.regressions(50.0).map(|row| row.name).collect::<Vec<_>>(), [FAILURES]);
        assert_eq!(change(&before, &run(10_000.0, 1.0, 0.01, 1), FAILURES), Change::Same);
    }

    #[test]
    fn what_cannot_be_compared_is_said() {
        let (before, mut after) = (run(10_000.0, 1.0, 0.01, 0), run(10_000.0, 1.0, 0.01, 0));
        after.plan.connections = 1;
        after.intervals.truncate(2);
        after.generator.limit = Some("busy".to_owned());
        let text = compare(&before, &after).to_string();
        for expected in ["asked of them: connections", "second run the load generator", "second run is too short"] {
            assert!(text.contains(expected), "{text}");
        }
        assert_eq!(change(&before, &after, "p50 ms"), Change::Unknown);
    }
}
