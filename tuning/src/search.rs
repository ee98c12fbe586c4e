//! The search for better keys of the gateway: what to measure next, and what may be concluded of it.
//!
//! Pure: who measures is a [`Measure`], chance is a seed, time is what the measurer says. A **cost** is what the objective
//! makes small (microseconds of CPU, the 99th percentile, seconds per request), and all arithmetic is on its logarithm, so
//! that a difference is a ratio.
//!
//! ```text
//! noise:   the default, twice as often as anything, against itself (A/A)
//! halving: every candidate and the default, interleaved; the better half goes on with twice the runs, until one is left
//! proof:   that one against the default in fresh pairs, A B B A; nothing of the halving counts here
//! ```
//!
//! Successive halving: Jamieson and Talwalkar, "Non-stochastic best arm identification", 2016. Whoever wins among many
//! looks better than it is; so the **proof** decides alone, with runs made for it. It accepts a candidate if the mean gain
//! of its pairs is above zero by a one-sided t-test at [`ALPHA`] **and** above the noise of a single run: wrong once in 100.

mod candidates;
mod halving;
mod objective;
mod proof;
mod report;
mod statistics;

pub use candidates::{Keys, candidates};
pub use objective::Objective;
pub use report::{Attempt, Decision, Evidence};

use halving::{Entrant, halve};
use proof::prove;
use statistics::deviation;
use std::time::Duration;

/// How often a search may accept a candidate that is no better.
pub const ALPHA: f64 = 0.01;

/// Runs of the default that tell the noise, at least.
const NOISE_RUNS: usize = 6;

/// Pairs of a proof, at least and at most.
const PAIRS: (usize, usize) = (5, 16);

/// Runs that a search of so many candidates takes if nothing cuts it short: what a run may take follows from it.
#[must_use]
pub const fn runs(candidates: usize) -> usize {
    1 + NOISE_RUNS + halving::runs(candidates) + 2 * PAIRS.1
}

/// Runs without which such a search cannot recommend anything.
#[must_use]
pub const fn least_runs(candidates: usize) -> usize {
    let halving = 1 + NOISE_RUNS + halving::runs(candidates);
    let (proof, whole) = (2 * PAIRS.0, halving * 10 / 6);
    // The proof has its own share of the budget.
    if halving + proof > whole { halving + proof } else { whole }
}

/// Part of the budget that is kept for the proof.
const PROOF_SHARE: f64 = 0.4;

/// Who runs a load and says what it cost.
pub trait Measure {
    /// Why it could not.
    type Error: std::fmt::Display;

    /// The cost of one short run; smaller is better, more than zero. An infinite one is a candidate that cannot run.
    ///
    /// # Errors
    /// Nothing can be measured any more. The search ends with what it has.
    fn run(&mut self, candidate: usize) -> Result<f64, Self::Error>;

    /// How long the search has gone on.
    fn elapsed(&self) -> Duration;
}

/// What is to be searched.
#[derive(Clone, Debug)]
pub struct Search {
    /// By number: what it is called. 0 is the default.
    pub names: Vec<String>,
    /// How long it may take.
    pub budget: Duration,
    /// From which the order of runs is drawn.
    pub seed: u64,
}

impl Search {
    /// Searches. Ends within the budget, but for the run that is going on then.
    pub fn run<M: Measure>(&self, measure: &mut M) -> Evidence {
        let mut bench = Bench { measure, budget: self.budget, longest: Duration::ZERO, failure: None };
        let noise = noise(&mut bench);
        let mut evidence = Evidence::new(&self.names, self.budget);
        evidence.noise = deviation(&noise);
        evidence.baseline = statistics::median(&noise);
        let is_known = noise.len() >= NOISE_RUNS;
        let winner = is_known.then(|| self.halve(&mut bench, &mut evidence)).flatten();
        if let Some(winner) = winner {
            evidence.pairs = prove(&mut bench, winner, PAIRS);
        }
        evidence.decide(winner, is_known, bench.failure);
        evidence.took = bench.measure.elapsed();
        evidence
    }

    fn halve<M: Measure>(&self, bench: &mut Bench<'_, M>, evidence: &mut Evidence) -> Option<usize> {
        let until = self.budget.mul_f64(1.0 - PROOF_SHARE);
        let mut entrants: Vec<Entrant> = (1..self.names.len()).map(Entrant::new).collect();
        let winner = halve(bench, &mut entrants, until, self.seed);
        evidence.attempts = entrants.iter().map(Entrant::attempt).collect();
        winner
    }
}

/// The logarithms of the default's costs. The first run warms the machine up and does not count.
fn noise<M: Measure>(bench: &mut Bench<'_, M>) -> Vec<f64> {
    bench.run(0);
    let mut costs = Vec::new();
    while costs.len() < NOISE_RUNS
        && let Some(cost) = bench.run(0)
    {
        costs.push(cost);
    }
    costs
}

/// The measurer with what is left of the budget.
struct Bench<'m, M: Measure> {
    measure: &'m mut M,
    budget: Duration,
    /// The longest run so far: what the next may take.
    longest: Duration,
    failure: Option<String>,
}

impl<M: Measure> Bench<'_, M> {
    /// The logarithm of a cost; `None` when the time is up or nothing can be measured.
    fn run(&mut self, candidate: usize) -> Option<f64> {
        if self.failure.is_some() || !self.has_time(1, self.budget) {
            return None;
        }
        let begun = self.measure.elapsed();
        match self.measure.run(candidate) {
            Ok(cost) => {
                self.longest = self.longest.max(self.measure.elapsed().saturating_sub(begun));
                Some(cost.ln())
            }
            Err(error) => {
                self.failure = Some(error.to_string());
                None
            }
        }
    }

    /// Whether so many runs end before `until`, if they take no longer than those before.
    fn has_time(&self, runs: u32, until: Duration) -> bool {
        self.measure.elapsed() + self.longest * runs <= until.min(self.budget)
    }
}

#[cfg(test)]
mod tests;
