//! What a search makes small, as people write it: `max rate at p99<2ms`, `min cpu`, `min p99 at rate 5000`.

use std::{fmt, str::FromStr, time::Duration};

/// What a search is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objective {
    /// The highest rate at which a share of the requests is within a time. Its cost is seconds per request.
    MaxRate {
        /// 0 to 1.
        quantile: f64,
        /// Within this.
        limit: Duration,
    },
    /// CPU time of the gateway per request. Its cost is in microseconds.
    MinCpu,
    /// The time within which a share of the requests is answered. Its cost is in microseconds.
    MinLatency {
        /// 0 to 1.
        quantile: f64,
        /// Requests per second.
        rate: f64,
    },
}

/// What may be written.
const FORMS: &str = "one of `max rate at p99<2ms`, `min cpu`, `min p99 at rate 5000`";

impl FromStr for Objective {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = text.to_lowercase().replace('<', " < ");
        let words: Vec<&str> = words.split_whitespace().collect();
        let objective = match words[..] {
            ["min", "cpu"] => Some(Self::MinCpu),
            ["max", "rate", "at", percentile, "<", limit] => {
                quantile(percentile).zip(time(limit)).map(|(quantile, limit)| Self::MaxRate { quantile, limit })
            }
            ["min", percentile, "at", "rate", rate] => {
                let rate = rate.parse().ok().filter(|rate| (1.0..=1e8).contains(rate));
                quantile(percentile).zip(rate).map(|(quantile, rate)| Self::MinLatency { quantile, rate })
            }
            _ => None,
        };
        objective.ok_or_else(|| format!("`{text}` is no objective; write {FORMS}"))
    }
}

/// `p99` is 0.99, `p99.9` is 0.999.
fn quantile(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_prefix('p')?.parse().ok()?;
    (1.0..100.0).contains(&percent).then_some(percent / 100.0)
}

fn time(text: &str) -> Option<Duration> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let (number, unit) = units.into_iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
    let number: f64 = number.parse().ok()?;
    let seconds = number * unit;
    (seconds > 0.0 && seconds <= 3600.0).then(|| Duration::from_secs_f64(seconds))
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxRate { quantile, limit } => write!(f, "max rate at p{}<{limit:?}", percent(*quantile)),
            Self::MinCpu => f.write_str("min cpu"),
            Self::MinLatency { quantile, rate } => write!(f, "min p{} at rate {rate}", percent(*quantile)),
        }
    }
}

/// Without the digits that binary numbers add.
fn percent(quantile: f64) -> f64 {
    (quantile * 1e6).round() / 1e4
}

impl Objective {
    /// A cost with its unit.
    #[must_use]
    pub fn show(&self, cost: f64) -> String {
        match self {
            Self::MaxRate { .. } => format!("{:.0} /s", 1.0 / cost),
            Self::MinCpu => format!("{cost:.2} us CPU"),
            Self::MinLatency { .. } => format!("{cost:.0} us"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_is_read_as_it_is_written() {
        for text in ["max rate at p99<2ms", "min cpu", "min p99.9 at rate 5000", "max rate at p50<300µs"] {
            let read = text.replace('µ', "u").parse::<Objective>().unwrap();
            assert_eq!(read.to_string(), text);
        }
        assert_eq!("  MIN  CPU ".parse(), Ok(Objective::MinCpu));
        assert_eq!("max rate at p99 < 2ms".parse::<Objective>(), "max rate at p99<2ms".parse());
        for text in [
            "",
            "min",
            "max cpu",
            "min p99 at rate 0",
            "min p0 at rate 5",
            "max rate at p99<0ms",
            "max rate at p100<1s",
        ] {
            let error = text.parse::<Objective>().unwrap_err();
            assert!(error.contains("write one of `max rate at p99<2ms`"), "{error}");
        }
        assert_eq!(Objective::MinCpu.show(12.345), "12.35 us CPU");
        assert_eq!("max rate at p99<2ms".parse::<Objective>().unwrap().show(1e-4), "10000 /s");
    }
}
