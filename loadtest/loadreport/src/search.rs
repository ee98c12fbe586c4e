//! The highest rate that holds objectives, by short runs: a closed loop for a first guess, then up or down, then bisection.
//!
//! ```text
//! closed loop -> guess --held: x 1.25 until one fails--> bisect until the two are within 3 % -> the last that held
//!                     `--failed: half until one holds--^
//! ```
//!
//! Pure but for the run, which is an argument. Where held and failed are near each other every rate is measured twice, and a
//! third time if the two disagree. A rate only holds if the target kept up with the schedule. The number of runs is bounded. When a rate fails while
//! the generator was the limit, the target's limit is not known: the search ends and says so.

use crate::{
    objective::{Objective, Verdict},
    report::generator_limit,
};
use std::time::Duration;
use tollgate_loadtest::load::{Arrivals, End, Plan, Recording};

/// Runs of one search.
const RUNS_MAX: u32 = 30;
/// Runs that a search usually takes.
const RUNS_USUAL: u32 = 14;
/// Share of the closed loop's rate that is tried first.
const GUESS: f64 = 0.7;
const UP: f64 = 1.25;
/// Held and failed nearer than this are measured twice.
const NEAR: f64 = 1.25;
/// Held and failed nearer than this are the edge.
const EDGE: f64 = 1.03;
/// Lowest rate that is tried, per second.
const RATE_MIN: f64 = 1.0;
/// Share of the requests that may be behind the schedule at the end of a run.
const BEHIND_MAX: f64 = 0.02;

/// One run of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Requests per second that were due; `None` of the closed loop.
    pub rate: Option<f64>,
    /// Answers per second.
    pub answered: f64,
    /// What each objective said.
    pub verdicts: Vec<Verdict>,
    /// Whether all held and the target kept up.
    pub held: bool,
    /// Whether the target was behind the schedule.
    pub is_behind: bool,
    /// Why the generator was the limit, if it was.
    pub limit: Option<String>,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The edge was found.
    Found,
    /// No rate held the objectives.
    Nothing,
    /// The generator was the limit: the target may do more.
    Generator(String),
    /// The target gave no answer, or the search was stopped.
    Cut,
    /// So many runs did not come to the edge, since they disagree.
    Unsteady,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The highest rate that held.
    pub rate: Option<f64>,
    /// The plan and recording of the last run at that rate; of the last run at all where none held.
    pub best: (Plan, Recording),
    /// Why it ended.
    pub ending: Ending,
}

/// How long a search with this plan takes: usually, and at most.
#[must_use]
pub fn takes(plan: &Plan) -> (Duration, Duration) {
    let one = plan.warmup + plan.duration;
    (one * RUNS_USUAL, one * RUNS_MAX)
}

/// Searches the highest rate of `plan` (its own rate is not looked at) that holds `objectives`. `tell` hears of each run.
///
/// # Errors
/// The first error of `run`.
pub fn find<E>(
    plan: &Plan,
    is_poisson: bool,
    objectives: &[Objective],
    mut run: impl FnMut(&Plan) -> Result<Recording, E>,
    mut tell: impl FnMut(&Trial),
) -> Result<Found, E> {
    let mut closed = plan.clone();
    closed.arrivals = Arrivals::Closed;
    let recording = run(&closed)?;
    let trial = judge(&closed, None, &recording, objectives);
    tell(&trial);
    let guess = (recording.requests_per_second() * GUESS).max(RATE_MIN);
    let is_cut = recording.answered == 0 || recording.end != End::Complete;
    let first = (closed, recording);
    let mut search =
        Search { plan, is_poisson, objectives, held: Vec::new(), failed: None, last: first, left: RUNS_MAX - 1 };
    if is_cut {
        return Ok(search.end(Ending::Cut));
    }
    let mut rate = guess;
    while search.left > 0 {
        if let Some(ending) = search.at(rate, &mut run, &mut tell)? {
            return Ok(search.end(ending));
        }
        rate = match search.next() {
            Ok(rate) => rate,
            Err(ending) => return Ok(search.end(ending)),
        };
    }
    Ok(search.end(Ending::Unsteady))
}

struct Search<'s> {
    plan: &'s Plan,
    is_poisson: bool,
    objectives: &'s [Objective],
    /// Ascending.
    held: Vec<Held>,
    failed: Option<f64>,
    /// The last run, for when none held.
    last: (Plan, Recording),
    left: u32,
}

/// A rate that held.
struct Held {
    rate: f64,
    /// Whether it was measured twice.
    is_sure: bool,
    run: (Plan, Recording),
}

impl Search<'_> {
    /// Measures a rate, once or as often as it takes; an ending if there is nothing more to search for.
    fn at<E>(
        &mut self,
        rate: f64,
        run: &mut impl FnMut(&Plan) -> Result<Recording, E>,
        tell: &mut impl FnMut(&Trial),
    ) -> Result<Option<Ending>, E> {
        // One that held and is not sure is measured again.
        self.held.retain(|held| held.rate < rate);
        let (mut held, mut failed, mut limit) = (0, 0, None);
        let (mut is_second_try, mut good) = (false, None);
        let needed = if self.is_near(rate) { 2 } else { 1 };
        while held < needed && failed < needed && self.left > 0 {
            self.left -= 1;
            let arrivals = if self.is_poisson { Arrivals::Poisson { rate } } else { Arrivals::Fixed { rate } };
            let plan = Plan { arrivals, ..self.plan.clone() };
            let recording = run(&plan)?;
            let trial = judge(&plan, Some(rate), &recording, self.objectives);
            tell(&trial);
            self.last = (plan, recording);
            if self.last.1.end != End::Complete {
                return Ok(Some(Ending::Cut));
            }
            if trial.held {
                held += 1;
                good = Some(self.last.clone());
            } else if trial.limit.is_some() && !is_second_try {
                // Something else may have had the CPU for a moment.
                is_second_try = true;
            } else {
                failed += 1;
                limit = trial.limit;
            }
        }
        match good.filter(|_| held >= needed) {
            Some(run) => self.held.push(Held { rate, is_sure: needed > 1, run }),
            None => {
                self.failed = Some(rate);
                return Ok(limit.map(Ending::Generator));
            }
        }
        Ok(None)
    }

    /// Whether a rate is so close to what is known that one run is not enough.
    fn is_near(&self, rate: f64) -> bool {
        let near = |other: f64| (rate / other).max(other / rate) < NEAR;
        self.held.last().is_some_and(|held| near(held.rate)) || self.failed.is_some_and(near)
    }

    fn next(&self) -> Result<f64, Ending> {
        match (self.held.last(), self.failed) {
            (Some(held), Some(failed)) if failed / held.rate > EDGE => Ok((held.rate * failed).sqrt()),
            (Some(held), Some(_)) if held.is_sure => Err(Ending::Found),
            (Some(held), Some(_)) => Ok(held.rate),
            (Some(held), None) => Ok(held.rate * UP),
            (None, Some(failed)) if failed <= RATE_MIN => Err(Ending::Nothing),
            (None, Some(failed)) => Ok((failed / 2.0).max(RATE_MIN)),
            (None, None) => Err(Ending::Unsteady),
        }
    }

    fn end(mut self, ending: Ending) -> Found {
        match self.held.pop() {
            Some(held) => Found { rate: Some(held.rate), best: held.run, ending },
            None => Found { rate: None, best: self.last, ending },
        }
    }
}

fn judge(plan: &Plan, rate: Option<f64>, recording: &Recording, objectives: &[Objective]) -> Trial {
    let verdicts: Vec<_> = objectives.iter().map(|objective| objective.judge(recording)).collect();
    let is_behind = rate.is_some_and(|rate| is_behind(plan, recording, rate));
    Trial {
        rate,
        answered: recording.requests_per_second(),
        held: !is_behind && verdicts.iter().all(|verdict| verdict.held),
        verdicts,
        is_behind,
        limit: generator_limit(recording, plan),
    }
}

/// Whether requests have piled up: what was due and not answered while it was measured is more than is in flight anyway.
fn is_behind(plan: &Plan, recording: &Recording, rate: f64) -> bool {
    let due = recording.elapsed.as_secs_f64() * rate;
    let in_flight = rate * recording.uncorrected.quantile(0.99).as_secs_f64();
    // Random arrivals scatter by the root of their number.
    let chance = if matches!(plan.arrivals, Arrivals::Poisson { .. }) { 2.0 * due.sqrt() } else { 0.0 };
    due - recording.completed as f64 > 1.0 + BEHIND_MAX * due + in_flight + chance
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::objectives;
    use tollgate_loadtest::load::{Mix, Request, Target};

    /// A target that answers within 10 ms up to `capacity` per second, and piles up what is beyond it.
    fn target(plan: &Plan, capacity: f64, noise: f64) -> Recording {
        let rate = match plan.arrivals {
            Arrivals::Fixed { rate } | Arrivals::Poisson { rate } => rate,
            _ => capacity,
        };
        let seconds = plan.duration.as_secs_f64();
        let mut recording = Recording { elapsed: plan.duration, workers: 1, ..Recording::default() };
        let capacity = capacity * (1.0 + noise);
        (recording.sent, recording.answered) = ((rate * seconds) as u64, (rate.min(capacity) * seconds) as u64);
        for _ in 0..100 {
            let late = if rate > capacity { 1000 } else { 10 };
            recording.corrected.record(late * 1_000_000);
            recording.uncorrected.record(10_000_000);
        }
        recording.completed = recording.answered;
        recording
    }

    fn search(objective: &str, mut run: impl FnMut(&Plan) -> Recording) -> (Found, Vec<Trial>) {
        let (address, _) = Target::parse("http://127.0.0.1:9/").unwrap();
        let plan = Plan { duration: Duration::from_secs(2), ..Plan::new(address, Mix::one(Request::new("GET", "/"))) };
        let mut trials = Vec::new();
        let run = |plan: &Plan| Ok::<_, ()>(run(plan));
        let found = find(&plan, false, &objectives(objective).unwrap(), run, |trial| trials.push(trial.clone()));
        (found.unwrap(), trials)
    }

    #[test]
    fn the_edge_is_found_within_three_percent() {
        for capacity in [7.0, 200.0, 12_345.0, 900_000.0] {
            let (found, trials) = search("p99<50ms", |plan| target(plan, capacity, 0.0));
            let rate = found.rate.unwrap();
            assert!(rate <= capacity && rate > capacity * 0.96, "{capacity}: {rate}");
            assert_eq!(found.ending, Ending::Found);
            assert_eq!(found.best.0.arrivals, Arrivals::Fixed { rate });
            assert!(trials.len() <= RUNS_USUAL as usize + 4, "{capacity}: {} runs", trials.len());
            let at_edge = trials.iter().filter(|trial| trial.rate == Some(rate)).count();
            assert!(at_edge >= 2, "measured {at_edge} times");
        }
    }

    #[test]
    fn a_rate_that_held_by_luck_is_not_the_answer() {
        // The closed loop carries 1,000, so that 700 and 875 are tried first; from then on it is 800.
        let mut tried = 0;
        let (found, _) = search("p99<50ms", |plan| {
            tried += 1;
            target(plan, [1000.0, 880.0, 880.0][..].get(tried - 1).copied().unwrap_or(800.0), 0.0)
        });
        assert!((760.0..=800.0).contains(&found.rate.unwrap()), "{:?}", found.rate);
    }

    #[test]
    fn an_objective_without_latency_still_needs_the_target_to_keep_up() {
        let (found, trials) = search("errors<1%", |plan| target(plan, 1000.0, 0.0));
        assert!((900.0..1040.0).contains(&found.rate.unwrap()), "{:?}", found.rate);
        assert!(trials.iter().any(|trial| trial.is_behind));
    }

    #[test]
    fn a_noisy_target_ends_in_bounds() {
        let mut count = 0;
        let (found, trials) = search("p99<50ms", |plan| {
            count += 1;
            target(plan, 1000.0, if count % 3 == 0 { -0.1 } else { 0.1 })
        });
        assert!(trials.len() <= RUNS_MAX as usize);
        assert!((800.0..1150.0).contains(&found.rate.unwrap()), "{:?}", found.rate);
    }

    #[test]
    fn what_cannot_be_found_is_said() {
        let (found, _) = search("p99<1ms", |plan| target(plan, 100.0, 0.0));
        assert_eq!((found.rate, found.ending), (None, Ending::Nothing));
        let (found, trials) = search("p99<50ms", |_| Recording { end: End::Unreachable, ..Recording::default() });
        assert_eq!((found.rate, found.ending, trials.len()), (None, Ending::Cut, 1));
        let (found, _) = search("p99<50ms", |plan| {
            let mut recording = target(plan, 1000.0, 0.0);
            recording.cpu = recording.elapsed;
            recording
        });
        assert!(matches!(found.ending, Ending::Generator(_)), "{:?}", found.ending);
        assert!(found.rate.is_some_and(|rate| rate < 1000.0));
        let (found, _) = search("p99<50ms", |plan| {
            let mut recording = target(plan, 1000.0, 0.0);
            (0..100).for_each(|_| recording.slip.record(5_000_000));
            recording
        });
        assert_eq!(found.ending, Ending::Found, "5 ms of slip do not make a latency of a second");
    }
}
