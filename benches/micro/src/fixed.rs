//! Chance that is the same in every run.
//!
//! The tables of the product hash with keys made at random: with others, a lookup meets others on its way and takes a few
//! instructions more or less. `--cfg fuzzing` gives ahash a fixed half of its keys (its own switch for that; `.ci/micro` sets
//! it), and [`fix_hash_keys`] the other half, which else depends on where things lie in memory. What needs chance takes it
//! from [`Numbers`].

use ahash::random_state::{RandomSource, set_random_source};
use std::sync::{
    Once,
    atomic::{AtomicUsize, Ordering},
};

/// Numbers from 1 on.
struct Counter(AtomicUsize);

impl RandomSource for Counter {
    fn gen_hasher_seed(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Tables made from now on hash with keys that are the same in every run, if this was built with `--cfg fuzzing`.
///
/// # Panics
/// A table with other keys was made before.
pub fn fix_hash_keys() {
    static FIXED: Once = Once::new();
    FIXED.call_once(|| {
        set_random_source(Counter(AtomicUsize::new(1))).unwrap_or_else(|_| panic!("a table with other keys is there"));
    });
}

/// A sequence as good as chance (splitmix64).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) const fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
