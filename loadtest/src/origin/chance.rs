//! Chance out of one seed: the same requests in the same order meet the same delays and failures.
//!
//! SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): eight bytes of state and a
//! handful of instructions. Good enough to spread delays; no use for secrets.

/// A source of numbers that look random.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

/// The golden ratio in 64 bits: how far the state goes with each number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Chance {
    /// The numbers of worker `worker` of an origin with this seed.
    pub(super) const fn new(seed: u64, worker: usize) -> Self {
        // Seeds that differ by one lie one step apart; a worker starts far away from its neighbours.
        Self(seed ^ (worker as u64).wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly spread above 0 and up to 1, so that its logarithm is a number.
    pub(super) const fn share(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Normally distributed with mean 0 and standard deviation 1 (Box and Muller 1958).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.share().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_spread_evenly_and_repeat_with_their_seed() {
        let mut chance = Chance::new(7, 0);
        let drawn: Vec<f64> = (0..10_000).map(|_| chance.share()).collect();
        assert!(drawn.iter().all(|&share| share > 0.0 && share <= 1.0));
        for tenth in 0..10 {
            let within = drawn.iter().filter(|&&share| (share * 10.0) as u32 == tenth).count();
            assert!((850..1150).contains(&within), "{within} of 10,000 in tenth {tenth}");
        }
        let first = |seed, worker| Chance::new(seed, worker).share();
        assert_eq!(first(7, 0), drawn[0]);
        assert_ne!(first(8, 0), drawn[0]);
        assert_ne!(first(7, 1), drawn[0]);
    }

    #[test]
    fn normal_numbers_have_their_mean_and_deviation() {
        let mut chance = Chance::new(1, 0);
        let drawn: Vec<f64> = (0..20_000).map(|_| chance.normal()).collect();
        let mean = drawn.iter().sum::<f64>() / 20_000.0;
        let variance = drawn.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "mean {mean}, variance {variance}");
    }
}
