//! Smooth weighted round robin, laid out once as a schedule.
//!
//! The schedule is that of nginx's algorithm: an endpoint of weight 5 among two of weight 1 gives `a a b a c a a`, never
//! five in a row. Weights are divided by their greatest common divisor first.

use crate::limits::TURNS_MAX;

/// The positions of `weights` in the order they take their turns; at most 10,000 turns.
#[must_use]
pub fn schedule(weights: &[u32]) -> Box<[u32]> {
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor).max(1);
    let sum: u64 = weights.iter().map(|weight| u64::from(weight / divisor)).sum();
    let scale = sum.div_ceil(TURNS_MAX).max(1);
    let shares: Vec<i64> = weights.iter().map(|weight| (i64::from(weight / divisor) / scale as i64).max(1)).collect();
    let turns: i64 = shares.iter().sum();
    let mut credit = vec![0_i64; shares.len()];
    let mut order = Vec::new();
    for _ in 0..turns {
        for (credit, share) in credit.iter_mut().zip(&shares) {
            *credit += share;
        }
        let richest = (0..credit.len()).rev().max_by_key(|&index| credit[index]).unwrap_or(0);
        credit[richest] -= turns;
        order.push(richest as u32);
    }
    order.into()
}

const fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_endpoints_take_turns_with_light_ones() {
        assert_eq!(*schedule(&[5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(*schedule(&[300, 300]), [0, 1]);
        assert_eq!(*schedule(&[1]), [0]);
    }

    #[test]
    fn absurd_weights_stay_bounded() {
        let order = schedule(&[1000, 999, 1000, 997, 1000, 991, 1000, 983, 1000, 977, 1000, 971, 1000, 967]);
        assert!(order.len() as u64 <= TURNS_MAX);
    }
}
