//! Chance that repeats: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
//!
//! Good enough to draw requests and gaps, and the same on every machine for the same seed. Not for secrets.

/// A sequence of numbers out of one seed.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// The sequence of worker `index` in a run with this seed.
    pub(super) fn new(seed: u64, index: u64) -> Self {
        let mut one = Self(seed ^ index.wrapping_mul(0xd6e8_feb8_6659_fd93));
        // Seeds that differ by little must not begin alike.
        one.next();
        one
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in 0..1, 1 excluded.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_workers_differ() {
        let first = |seed, index| Chance::new(seed, index).next();
        assert_eq!(first(1, 0), first(1, 0));
        assert!(first(1, 0) != first(1, 1) && first(1, 0) != first(2, 0));
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut chance = Chance::new(7, 0);
        let mut counts = [0; 10];
        for _ in 0..100_000 {
            counts[chance.below(10) as usize] += 1;
            assert!((0.0..1.0).contains(&chance.unit()));
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }
}
