//! Thresholds: rules that figures of a run must hold, and what became of each.
//!
//! Goose judges times, rates and the share of failed requests, and shows that in its report. What it has no rule for is a
//! least count of requests, since a journey that nobody could make has no failures either, and a most count of failed
//! steps, since one may fail before it asks for anything. Both kinds are written alike.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use goose::{metrics::GooseMetrics, threshold::Threshold};

/// What holds where nothing else was asked for: no answer that a journey does not expect, calls that are not slow, and every
/// step made at least once.
pub(crate) const DEFAULTS: &[&str] = &[
    "error-rate<=0%",
    "failed-steps<=0",
    "p95<250ms for GET call with a token",
    "p95<250ms for GET call within the plan",
    "count>=1 for POST token",
    "count>=1 for GET catalog",
    "count>=1 for GET call with a token",
    "count>=1 for GET call within the plan",
    "count>=1 for GET call beyond the plan",
    "count>=1 for POST rotate",
    "count>=1 for GET call with the new key",
    "count>=1 for GET until the old key ends",
    "count>=1 for POST publication",
    "count>=1 for GET until a revision is served",
];

/// Rules that were understood.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    of_goose: Vec<Threshold>,
    ours: Vec<Count>,
}

/// A rule of ours.
#[derive(Debug)]
struct Count {
    rule: String,
    of: Of,
    bound: usize,
}

/// What is counted.
#[derive(Debug)]
enum Of {
    /// `count>=N for REQUEST`: requests of that name, at least; without a name all of them.
    Requests(Option<String>),
    /// `failed-steps<=N`: at most.
    FailedSteps,
}

/// What became of a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) rule: String,
    pub(crate) observed: String,
    pub(crate) holds: bool,
}

/// The rules of a file: its lines without comments.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|line| !line.is_empty())
}

impl Rules {
    /// Understands all of them, or says which one not.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, String> {
        let mut rules = Self::default();
        for text in texts {
            let text = text.trim();
            match Count::parse(text) {
                Some(count) => rules.ours.push(count?),
                None => rules.of_goose.push(text.parse().map_err(|error| crate::told(&error))?),
            }
        }
        Ok(rules)
    }

    /// Those that goose is to judge.
    pub(crate) fn of_goose(&self) -> Vec<String> {
        self.of_goose.iter().map(ToString::to_string).collect()
    }

    /// What became of each. A run that goose has not judged holds none of its rules.
    pub(crate) fn judge(&self, metrics: &GooseMetrics) -> Vec<Verdict> {
        let of_goose = self.of_goose.iter().map(|threshold| {
            let rule = threshold.to_string();
            match metrics.thresholds.iter().find(|result| result.rule == rule) {
                Some(result) => Verdict { rule, observed: result.observed.clone(), holds: result.passed },
                None => Verdict { rule, observed: "not judged".to_owned(), holds: false },
            }
        });
        of_goose.chain(self.ours.iter().map(|count| count.judge(metrics))).collect()
    }
}

impl Count {
    /// A rule of ours, if it is one.
    fn parse(rule: &str) -> Option<Result<Self, String>> {
        let parsed = if let Some(rest) = rule.strip_prefix("count") {
            Self::requests(rest).ok_or("write `count>=N` or `count>=N for REQUEST`, with N from 1")
        } else {
            Self::failed_steps(rule.strip_prefix("failed-steps")?).ok_or("write `failed-steps<=N`")
        };
        let named = |(of, bound)| Self { rule: rule.to_owned(), of, bound };
        Some(parsed.map(named).map_err(|remedy| format!("threshold {rule:?}: {remedy}")))
    }

    fn requests(rest: &str) -> Option<(Of, usize)> {
        let rest = rest.trim_start().strip_prefix(">=")?;
        let (least, request) = match rest.split_once(" for ") {
            Some((least, request)) => (least, Some(request.trim().to_owned())),
            None => (rest, None),
        };
        let least = least.trim().parse().ok().filter(|&least| least > 0 && request.as_deref() != Some(""))?;
        Some((Of::Requests(request), least))
    }

    fn failed_steps(rest: &str) -> Option<(Of, usize)> {
        let most = rest.trim_start().strip_prefix("<=")?.trim().parse().ok()?;
        Some((Of::FailedSteps, most))
    }

    fn judge(&self, metrics: &GooseMetrics) -> Verdict {
        let (found, holds) = match &self.of {
            Of::Requests(request) => {
                let asked =
                    metrics.requests.iter().filter(|(name, _)| request.as_ref().is_none_or(|asked| asked == *name));
                let found = asked.map(|(_, request)| request.raw_data.counter).sum::<usize>();
                (found, found >= self.bound)
            }
            Of::FailedSteps => {
                let found = metrics.transactions.iter().flatten().map(|step| step.fail_count).sum::<usize>();
                (found, found <= self.bound)
            }
        };
        Verdict { rule: self.rule.clone(), observed: found.to_string(), holds }
    }
}

/// All of them, for people.
pub(crate) fn table(verdicts: &[Verdict]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["THRESHOLD", "OBSERVED", ""]);
    for Verdict { rule, observed, holds } in verdicts {
        table.add_row([rule.as_str(), observed, if *holds { "holds" } else { "FAILS" }]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use goose::{
        goose::{GooseMethod, TransactionName},
        metrics::{GooseRequestMetricAggregate, GooseRequestMetricTimingData, TransactionMetricAggregate},
        threshold::ThresholdResult,
    };
    use std::collections::HashMap;

    fn rules(texts: &[&str]) -> Result<Rules, String> {
        Rules::parse(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    /// What a run with that many requests of a name has measured.
    fn measured(name: &str, count: usize) -> GooseMetrics {
        let request = GooseRequestMetricAggregate {
            path: name.to_owned(),
            method: GooseMethod::Get,
            raw_data: GooseRequestMetricTimingData { counter: count, ..GooseRequestMetricTimingData::default() },
            coordinated_omission_data: None,
            status_code_counts: HashMap::new(),
            status_code_timings: HashMap::new(),
            success_count: count,
            fail_count: 0,
            load_test_hash: 0,
            custom_method: String::new(),
        };
        let mut metrics = GooseMetrics::default();
        metrics.requests.insert(format!("GET {name}"), request);
        metrics
    }

    fn holds(rule: &str, metrics: &GooseMetrics) -> bool {
        rules(&[rule]).unwrap().judge(metrics)[0].holds
    }

    #[test]
    fn the_defaults_are_understood() {
        let rules = rules(DEFAULTS).unwrap();
        assert_eq!(rules.of_goose.len() + rules.ours.len(), DEFAULTS.len());
        assert_eq!(rules.of_goose().len(), 3);
    }

    #[test]
    fn a_least_count_holds_from_there_on() {
        let metrics = measured("call", 5);
        assert!(holds("count>=5 for GET call", &metrics) && holds("count >= 5", &metrics));
        assert!(!holds("count>=6 for GET call", &metrics) && !holds("count>=6", &metrics));
        assert!(!holds("count>=1 for GET another", &metrics));
    }

    #[test]
    fn steps_that_failed_are_counted() {
        let mut metrics = GooseMetrics::default();
        let step = TransactionMetricAggregate {
            scenario_index: 0,
            scenario_name: "machine client".into(),
            transaction_index: 0,
            transaction_name: TransactionName::default_value(),
            run_times: GooseRequestMetricTimingData::default(),
            success_count: 1,
            fail_count: 2,
        };
        metrics.transactions = vec![vec![step]];
        assert!(holds("failed-steps<=2", &metrics) && !holds("failed-steps<=1", &metrics));
    }

    #[test]
    fn what_goose_says_of_its_rules_counts_and_silence_fails() {
        let mut metrics = GooseMetrics::default();
        assert!(!holds("p95<1ms", &metrics));
        for passed in [true, false] {
            metrics.thresholds = vec![ThresholdResult {
                rule: "p95<1ms".to_owned(),
                observed: "2ms".to_owned(),
                value: Some(2.0),
                passed,
                aborted: false,
            }];
            let verdict = Verdict { rule: "p95<1ms".to_owned(), observed: "2ms".to_owned(), holds: passed };
            assert_eq!(rules(&["p95<1ms"]).unwrap().judge(&metrics), [verdict]);
        }
    }

    #[test]
    fn a_rule_that_is_not_understood_is_named() {
        for rule in [
            "failed-steps<1",
            "failed-steps<=x",
            "count>5",
            "count>=0",
            "count>=x",
            "count>=1 for",
            "p95",
            "p100<1s",
            "speed<1",
            "",
        ] {
            let error = rules(&["error-rate<1%", rule]).unwrap_err();
            assert!(error.contains(rule), "{error}");
        }
    }

    #[test]
    fn a_file_has_a_rule_on_a_line() {
        let text = "# slow machines\np95<2s\n\n  count>=1 # any\n";
        assert_eq!(lines(text).collect::<Vec<_>>(), ["p95<2s", "count>=1"]);
    }

    #[test]
    fn the_table_says_what_fails() {
        let verdicts = rules(&["count>=2", "count>=1"]).unwrap().judge(&measured("call", 1));
        let table = table(&verdicts).to_string();
        let line = |rule: &str| table.lines().find(|line| line.contains(rule)).unwrap().to_owned();
        assert!(line("count>=2").contains("FAILS") && line("count>=1").contains("holds"), "{table}");
    }
}
