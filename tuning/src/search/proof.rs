//! The proof: one candidate against the default, in pairs made for it.
//!
//! A B, then B A, then A B: what drifts evenly is the same for both. The number of pairs is fixed before the first, from
//! the time that is left: to look after each pair and stop when it looks good would accept far more often than it says.

use super::{Bench, Measure};

/// Gains of the pairs that were made; empty if there is no time for the least.
pub(super) fn prove<M: Measure>(bench: &mut Bench<'_, M>, candidate: usize, (least, most): (usize, usize)) -> Vec<f64> {
    let fits = |pairs: &usize| bench.has_time(2 * *pairs as u32, bench.budget);
    let Some(pairs) = (least..=most).rev().find(fits) else { return Vec::new() };
    let mut gains = Vec::with_capacity(pairs);
    for pair in 0..pairs {
        let order = if pair % 2 == 0 { [0, candidate] } else { [candidate, 0] };
        let [Some(first), Some(second)] = order.map(|number| bench.run(number)) else { break };
        gains.push(if pair % 2 == 0 { first - second } else { second - first });
    }
    gains
}
