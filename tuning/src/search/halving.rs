//! Successive halving: all candidates a little, the better half more, until one is left.
//!
//! A round runs the default and every entrant once, in an order drawn anew, and an entrant's gain is against the default of
//! the same round: what drifts, drifts for both. It only chooses; whether the choice is any better, `proof` decides.

use super::{
    Bench, Measure,
    report::Attempt,
    statistics::{mean, median},
};
use std::time::Duration;

/// Rounds of the last rungs, which would double without an end.
const ROUNDS_MAX: usize = 8;

/// Runs of so many candidates if nothing cuts them short, the default's included.
pub(super) const fn runs(candidates: usize) -> usize {
    let (mut left, mut rounds, mut runs) = (candidates, 1, 0);
    while left > 0 {
        runs += (left + 1) * rounds;
        if left == 1 {
            break;
        }
        left = left.div_ceil(2);
        rounds = if rounds * 2 < ROUNDS_MAX { rounds * 2 } else { ROUNDS_MAX };
    }
    runs
}

/// A candidate on its way.
pub(super) struct Entrant {
    pub(super) number: usize,
    /// Logarithms of its costs.
    costs: Vec<f64>,
    /// By how much each was below that of the default in the same round.
    gains: Vec<f64>,
    rungs: usize,
}

impl Entrant {
    pub(super) const fn new(number: usize) -> Self {
        Self { number, costs: Vec::new(), gains: Vec::new(), rungs: 0 }
    }

    /// Of one without a run: the least.
    fn gain(&self) -> f64 {
        if self.gains.is_empty() { f64::NEG_INFINITY } else { mean(&self.gains) }
    }

    pub(super) fn attempt(&self) -> Attempt {
        Attempt::new(self.number, self.rungs, median(&self.costs), &self.gains)
    }
}

/// Runs until one is left or `until`; the number of the best of those that were measured, if that looks better than the
/// default at all.
pub(super) fn halve<M: Measure>(
    bench: &mut Bench<'_, M>,
    entrants: &mut [Entrant],
    until: Duration,
    seed: u64,
) -> Option<usize> {
    let mut draw = Draw(seed);
    let (mut left, mut rounds) = (entrants.len(), 1);
    while left > 0 {
        for _ in 0..rounds {
            if !bench.has_time(left as u32 + 1, until) || !round(bench, &mut entrants[..left], &mut draw) {
                return best(&entrants[..left]);
            }
        }
        // The better half stands first.
        entrants[..left].sort_by(|one, other| other.gain().total_cmp(&one.gain()));
        entrants[..left].iter_mut().for_each(|entrant| entrant.rungs += 1);
        if left == 1 {
            break;
        }
        left = left.div_ceil(2);
        rounds = (rounds * 2).min(ROUNDS_MAX);
    }
    best(&entrants[..left])
}

/// One run of everybody; says whether all were made.
fn round<M: Measure>(bench: &mut Bench<'_, M>, entrants: &mut [Entrant], draw: &mut Draw) -> bool {
    // The last place is the default's.
    let mut order: Vec<usize> = (0..=entrants.len()).collect();
    draw.shuffle(&mut order);
    let mut costs = vec![f64::NAN; order.len()];
    for at in order {
        let number = entrants.get(at).map_or(0, |entrant| entrant.number);
        let Some(cost) = bench.run(number) else { return false };
        costs[at] = cost;
    }
    let default = costs[entrants.len()];
    for (entrant, cost) in entrants.iter_mut().zip(costs) {
        entrant.costs.push(cost);
        entrant.gains.push(default - cost);
    }
    true
}

fn best(entrants: &[Entrant]) -> Option<usize> {
    let best = entrants.iter().max_by(|one, other| one.gain().total_cmp(&other.gain()))?;
    (best.gain() > 0.0).then_some(best.number)
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Fisher and Yates; a remainder is even enough for a handful.
    fn shuffle<T>(&mut self, values: &mut [T]) {
        for at in (1..values.len()).rev() {
            values.swap(at, (self.next() % (at as u64 + 1)) as usize);
        }
    }
}
