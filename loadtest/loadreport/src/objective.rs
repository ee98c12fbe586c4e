//! Objectives: what a run has to hold, as `p99<2ms,errors<0.1%,rate>=1000,status:5xx=0`.
//!
//! Pure: text in, [`Objective`]s out; figures of a run in, verdicts out. Latencies are the corrected ones. An error is a request
//! without a whole answer, or with an answer of status 5xx. Nothing here knows how the figures came about.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};
use tollgate_loadtest::load::Recording;

/// One condition on the figures of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    subject: Subject,
    comparison: Comparison,
    /// Milliseconds, requests per second, a share (0 to 1) or a count.
    bound: f64,
    /// Whether the subject is told as a share of all requests.
    is_share: bool,
}

/// What an objective said of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The objective as text.
    pub objective: String,
    /// What was measured, with its unit.
    pub measured: String,
    /// Whether it was held.
    pub held: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Subject {
    /// Of the latency, 0 to 100.
    Percentile(f64),
    Mean,
    Max,
    Errors,
    Rate,
    /// Statuses from and to, both included.
    Status(u16, u16),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Below,
    AtMost,
    Equal,
    AtLeast,
    Above,
}

/// In the order in which they are looked for: the longer ones first.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("<", Comparison::Below),
    (">", Comparison::Above),
    ("=", Comparison::Equal),
];

const SUBJECTS: &str = "p50, p99, p99.9 (any percentile), mean, max, errors, rate, status:5xx or status:404";

/// Reads objectives with commas between.
///
/// # Errors
/// What is wrong with the first that is not understood, and what to write.
pub fn objectives(text: &str) -> Result<Vec<Objective>, String> {
    text.split(',').map(str::parse).collect()
}

impl Objective {
    /// What it says of a run. A latency of a run without answers does not hold any bound.
    #[must_use]
    pub fn judge(&self, recording: &Recording) -> Verdict {
        let value = self.value(recording);
        let held = value.is_some_and(|value| self.comparison.holds(value, self.bound));
        let measured = value.map_or_else(|| "no answers".to_owned(), |value| self.with_unit(value));
        Verdict { objective: self.to_string(), measured, held }
    }

    /// Whether it bounds from above what grows with the rate, so that a highest rate can be searched with it.
    #[must_use]
    pub fn limits_the_rate(&self) -> bool {
        self.subject != Subject::Rate && matches!(self.comparison, Comparison::Below | Comparison::AtMost)
            || matches!(self.subject, Subject::Errors | Subject::Status(..)) && self.comparison == Comparison::Equal
    }

    fn value(&self, recording: &Recording) -> Option<f64> {
        let latency = &recording.corrected;
        let milliseconds = |duration: Duration| (latency.count() > 0).then_some(duration.as_secs_f64() * 1e3);
        let requests = due(recording).max(1);
        let of_all = |count: u64| if self.is_share { count as f64 / requests as f64 } else { count as f64 };
        match self.subject {
            Subject::Percentile(percentile) => milliseconds(latency.quantile(percentile / 100.0)),
            Subject::Mean => milliseconds(latency.mean()),
            Subject::Max => milliseconds(latency.max()),
            Subject::Errors => Some(of_all(errors(recording))),
            Subject::Rate => Some(recording.requests_per_second()),
            Subject::Status(from, to) => Some(of_all(with_status(recording, from, to))),
        }
    }

    fn with_unit(&self, value: f64) -> String {
        match self.subject {
            Subject::Percentile(_) | Subject::Mean | Subject::Max => format!("{}ms", digits(value)),
            Subject::Rate => format!("{}/s", digits(value)),
            _ if self.is_share => format!("{}%", digits(value * 100.0)),
            _ => digits(value),
        }
    }
}

/// Requests that were due while it was measured.
fn due(recording: &Recording) -> u64 {
    recording.sent + recording.never_sent
}

/// Requests without a whole answer, and answers of status 5xx. Where not even a connection could be made, the attempts to make
/// one. Streams of events that were still going on at the end are no errors.
fn errors(recording: &Recording) -> u64 {
    let streams = if recording.events > 0 { recording.unanswered } else { 0 };
    let failed = match due(recording) {
        0 => recording.error_count(),
        due => due.saturating_sub(recording.answered + streams),
    };
    failed + with_status(recording, 500, 599)
}

fn with_status(recording: &Recording, from: u16, to: u16) -> u64 {
    recording.statuses.range(from..=to).map(|(_, count)| count).sum()
}

/// Three significant places behind the point at most.
fn digits(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Comparison {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
            Self::Equal => (value - bound).abs() < f64::EPSILON,
            Self::AtLeast => value >= bound,
            Self::Above => value > bound,
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comparison = COMPARISONS.iter().rfind(|(_, comparison)| *comparison == self.comparison);
        let comparison = comparison.map_or("=", |(text, _)| text);
        let bound = self.with_unit(self.bound);
        write!(formatter, "{}{comparison}{}", self.subject, bound.trim_end_matches("/s"))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Percentile(percentile) => write!(formatter, "p{percentile}"),
            Self::Mean => formatter.write_str("mean"),
            Self::Max => formatter.write_str("max"),
            Self::Errors => formatter.write_str("errors"),
            Self::Rate => formatter.write_str("rate"),
            Self::Status(from, to) if from == to => write!(formatter, "status:{from}"),
            Self::Status(from, _) => write!(formatter, "status:{}xx", from / 100),
        }
    }
}

impl FromStr for Objective {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let found = text.find(['<', '>', '=']).and_then(|at| {
            let (sign, comparison) = COMPARISONS.iter().find(|(sign, _)| text[at..].starts_with(sign))?;
            Some((text[..at].trim(), *comparison, text[at + sign.len()..].trim()))
        });
        let Some((subject, comparison, bound)) = found else {
            return Err(format!("`{text}` compares nothing: write for example p99<2ms, errors<0.1% or rate>=1000"));
        };
        let subject = subject.parse()?;
        let (bound, is_share) = match subject {
            Subject::Percentile(_) | Subject::Mean | Subject::Max => (milliseconds(bound)?, false),
            Subject::Rate => (count(bound.trim_end_matches("/s"))?, false),
            Subject::Errors | Subject::Status(..) => match bound.strip_suffix('%') {
                Some(percent) => (count(percent)? / 100.0, true),
                None => (count(bound)?, false),
            },
        };
        Ok(Self { subject, comparison, bound, is_share })
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is nothing that is measured: {SUBJECTS}");
        if let Some(percentile) = text.strip_prefix('p') {
            let percentile: f64 = percentile.parse().map_err(|_| unknown())?;
            let is_one = (0.0..=100.0).contains(&percentile);
            return is_one.then_some(Self::Percentile(percentile)).ok_or_else(unknown);
        }
        if let Some(status) = text.strip_prefix("status:") {
            return statuses(status).ok_or_else(unknown);
        }
        match text {
            "mean" => Ok(Self::Mean),
            "max" => Ok(Self::Max),
            "errors" => Ok(Self::Errors),
            "rate" => Ok(Self::Rate),
            _ => Err(unknown()),
        }
    }
}

/// `404`, `5xx`.
fn statuses(text: &str) -> Option<Subject> {
    if let Some(class) = text.strip_suffix("xx") {
        let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
        return Some(Subject::Status(class * 100, class * 100 + 99));
    }
    let status = text.parse().ok().filter(|status| (100..=599).contains(status))?;
    Some(Subject::Status(status, status))
}

fn milliseconds(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is no latency: write 2ms, 500us or 1.5s");
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
    let factor = match &text[at..] {
        "ns" => 1e-6,
        "us" | "µs" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        _ => return Err(wrong()),
    };
    text[..at].parse::<f64>().map(|number| number * factor).map_err(|_| wrong())
}

fn count(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| format!("`{text}` is no number: write for example 1000, or 0.1% of errors and statuses"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_loadtest::load::ErrorKind;

    fn held(objective: &str) -> (bool, String) {
        let mut recording = Recording {
            statuses: [(200, 900), (404, 60), (503, 30)].into(),
            sent: 995,
            answered: 990,
            completed: 990,
            never_sent: 5,
            elapsed: Duration::from_secs(1),
            ..Recording::default()
        };
        (1..=1000).for_each(|n| recording.corrected.record(n * 10_000));
        let verdict = objective.parse::<Objective>().unwrap().judge(&recording);
        (verdict.held, verdict.measured)
    }

    #[test]
    fn objectives_are_judged_by_what_was_measured() {
        for (objective, expected) in [
            ("p50<5.1ms", true),
            ("p50<4.9ms", false),
            ("p99.9<=9999us", false),
            ("p99<10ms", true),
            ("max<10ms", false),
            ("max<10.1ms", true),
            ("mean<0.006s", true),
            ("mean<5ms", false),
            ("errors<4%", false),
            ("errors<=4%", true),
            ("errors<40", false),
            ("errors=40", true),
            ("rate>=990", true),
            ("rate>990/s", false),
            ("status:5xx=0", false),
            ("status:503=30", true),
            ("status:404<6%", false),
            ("status:2xx>=90%", true),
            ("status:301=0", true),
        ] {
            assert_eq!(held(objective).0, expected, "{objective}: {}", held(objective).1);
        }
        assert_eq!(held("errors<4%").1, "4%");
        assert_eq!(held("rate>=990").1, "990/s");
    }

    #[test]
    fn a_run_without_answers_holds_no_latency() {
        let mut recording = Recording::default();
        recording.count_error(ErrorKind::ConnectRefused, || "refused".to_owned());
        let judge = |text: &str| text.parse::<Objective>().unwrap().judge(&recording);
        assert!(!judge("p99<2ms").held);
        assert_eq!(judge("p99<2ms").measured, "no answers");
        assert!(!judge("errors<1%").held);
    }

    #[test]
    fn objectives_are_written_as_they_are_read() {
        for text in ["p99<2ms", "p99.9<=10ms", "max<0.5ms", "errors<0.1%", "rate>=1000", "status:5xx=0", "status:404>3"]
        {
            let objectives = objectives(&format!(" {text} ,mean<1ms")).unwrap();
            assert_eq!(objectives.len(), 2);
            assert_eq!(objectives[0].to_string(), text);
        }
        assert_eq!("p99 == 1.5s".parse::<Objective>().unwrap().to_string(), "p99=1500ms");
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_write() {
        for (text, remedy) in [
            ("", "write for example p99<2ms"),
            ("p99", "write for example p99<2ms"),
            ("p101<2ms", "any percentile"),
            ("pxx<2ms", "any percentile"),
            ("latency<2ms", "any percentile"),
            ("p99<2", "write 2ms"),
            ("p99<fast", "write 2ms"),
            ("p99<1.2.3ms", "write 2ms"),
            ("rate>=lots", "is no number"),
            ("rate>=-1", "is no number"),
            ("errors<NaN", "is no number"),
            ("status:9xx=0", "status:5xx"),
            ("status:99=0", "status:5xx"),
            ("p99<2ms,,", "write for example"),
        ] {
            let error = objectives(text).unwrap_err();
            assert!(error.contains(remedy), "{text}: {error}");
        }
    }

    #[test]
    fn a_rate_can_be_searched_for_what_grows_with_it() {
        for (text, expected) in
            [("p99<2ms", true), ("errors<=1%", true), ("status:5xx=0", true), ("rate<10", false), ("p50>1ms", false)]
        {
            assert_eq!(text.parse::<Objective>().unwrap().limits_the_rate(), expected, "{text}");
        }
    }
}
