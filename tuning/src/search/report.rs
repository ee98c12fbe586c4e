//! What a search has found, for people and for machines.
//!
//! Pure: a table in Markdown and JSON of the same evidence; whoever asked writes them.

use super::{
    ALPHA, PAIRS,
    statistics::{deviation, lower_bound, mean},
};
use serde::Serialize;
use std::{fmt::Write, time::Duration};

/// All that a search has measured, and what follows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// By number; 0 is the default.
    pub names: Vec<String>,
    /// Median cost of the default in its own runs, as a logarithm.
    pub baseline: f64,
    /// Standard deviation of a single run of the default, as a logarithm: 0.03 is three percent.
    pub noise: f64,
    /// The candidates, those that went furthest first.
    pub attempts: Vec<Attempt>,
    /// Gains of the pairs of the proof, as logarithms; above zero is better than the default.
    pub pairs: Vec<f64>,
    /// What follows.
    pub decision: Decision,
    /// Why it ended early, if it did.
    pub failure: Option<String>,
    /// How long it took, and might have.
    pub took: Duration,
    /// How long it might have taken.
    pub budget: Duration,
}

/// One candidate in the halving.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attempt {
    /// Which.
    pub number: usize,
    /// Rungs that it stood.
    pub rungs: usize,
    /// Runs.
    pub runs: usize,
    /// Median cost, as a logarithm.
    pub median: f64,
    /// Mean gain against the default, as a logarithm.
    pub gain: f64,
    /// Standard deviation of the gains.
    pub spread: f64,
}

/// What follows of the evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The default stays: why.
    Keep(String),
    /// A candidate is better.
    Take {
        /// Which.
        number: usize,
        /// Mean gain of its pairs: 0.1 is a tenth less cost.
        gain: f64,
        /// What the gain is above, 99 times in 100.
        at_least: f64,
    },
}

impl Attempt {
    pub(super) fn new(number: usize, rungs: usize, median: f64, gains: &[f64]) -> Self {
        Self { number, rungs, runs: gains.len(), median, gain: mean(gains), spread: deviation(gains) }
    }
}

/// A logarithm as a share: by how much the cost is smaller.
fn share(gain: f64) -> f64 {
    1.0 - (-gain).exp()
}

impl Evidence {
    pub(super) fn new(names: &[String], budget: Duration) -> Self {
        Self {
            names: names.to_vec(),
            baseline: f64::NAN,
            noise: f64::INFINITY,
            attempts: Vec::new(),
            pairs: Vec::new(),
            decision: Decision::Keep(String::new()),
            failure: None,
            took: Duration::ZERO,
            budget,
        }
    }

    pub(super) fn decide(&mut self, winner: Option<usize>, is_noise_known: bool, failure: Option<String>) {
        let (gain, bound) = (mean(&self.pairs), lower_bound(&self.pairs));
        let percent = |gain: f64| format!("{:.1} %", 100.0 * share(gain));
        let keep = |why: &str| Decision::Keep(why.to_owned());
        self.decision = match winner {
            _ if !is_noise_known => keep("the budget was too short to know the noise of this machine"),
            None => keep("no candidate looked better than the default"),
            Some(_) if self.pairs.len() < PAIRS.0 => {
                keep("the budget was too short to prove that a candidate is better")
            }
            Some(_) if bound <= 0.0 => Decision::Keep(format!(
                "the best candidate was {} better in {} pairs, which may be chance",
                percent(gain),
                self.pairs.len()
            )),
            Some(_) if gain <= self.noise => Decision::Keep(format!(
                "the best candidate was {} better, which is within the noise of a run ({})",
                percent(gain),
                percent(self.noise)
            )),
            Some(number) => Decision::Take { number, gain: share(gain), at_least: share(bound) },
        };
        self.failure = failure;
    }

    /// The number of the candidate that is recommended; 0 is the default.
    #[must_use]
    pub const fn recommended(&self) -> usize {
        match self.decision {
            Decision::Keep(_) => 0,
            Decision::Take { number, .. } => number,
        }
    }

    /// The table as Markdown. `show` writes a cost with its unit.
    #[must_use]
    pub fn to_markdown(&self, show: impl Fn(f64) -> String) -> String {
        let mut out = String::from(
            "| candidate | rungs | runs | median | cost against the default | spread | |\n|---|---|---|---|---|---|---|\n",
        );
        let percent = |gain: f64| format!("{:+.1} %", -100.0 * share(gain));
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| {} | | | {} | | {:.1} % | the noise |",
            self.names.first().map_or("default", String::as_str),
            show(self.baseline.exp()),
            100.0 * self.noise
        );
        for attempt in self.attempts.iter().filter(|attempt| attempt.runs > 0) {
            let Attempt { number, rungs, runs, median, gain, spread } = attempt;
            let name = self.names.get(*number).map_or("", String::as_str);
            let (cost, gain, verdict) = (show(median.exp()), percent(*gain), self.verdict(*number));
            let spread = if spread.is_finite() { format!("{:.1} %", 100.0 * spread) } else { String::new() };
            let _ = writeln!(out, "| {name} | {rungs} | {runs} | {cost} | {gain} | {spread} | {verdict} |");
        }
        out.push('\n');
        out += &self.conclusion();
        out
    }

    fn verdict(&self, number: usize) -> &'static str {
        let order =
            |one: &&Attempt, other: &&Attempt| one.rungs.cmp(&other.rungs).then(one.gain.total_cmp(&other.gain));
        let is_best = self.attempts.iter().max_by(order).is_some_and(|best| best.number == number);
        match self.recommended() {
            recommended if recommended == number => "**proven**",
            0 if is_best && !self.pairs.is_empty() => "not proven",
            _ => "",
        }
    }

    /// What follows, in a sentence or two.
    #[must_use]
    pub fn conclusion(&self) -> String {
        let mut out = match &self.decision {
            Decision::Keep(why) => format!("Keep the default: {why}.\n"),
            Decision::Take { number, gain, at_least } => format!(
                "Take `{}`: {:.1} % less cost in {} fresh pairs, and above {:.1} % with an error of {:.0} in 100.\n",
                self.names.get(*number).map_or("", String::as_str),
                100.0 * gain,
                self.pairs.len(),
                100.0 * at_least,
                100.0 * ALPHA
            ),
        };
        if let Some(failure) = &self.failure {
            let _ = writeln!(out, "It ended early: {failure}.");
        }
        out
    }
}
