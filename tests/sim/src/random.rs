//! The one source of chance in a simulation: SplitMix64 (Steele, Lea, Flood 2014), 64 bits of state.
//!
//! Own code, since a seed must mean the same run whatever version of a random crate is locked.

use std::{cell::Cell, ops::RangeInclusive};

/// A stream of numbers that depends on its seed alone.
#[derive(Debug)]
pub struct Random(Cell<u64>);

impl Random {
    /// The stream of `seed`. Neighbouring seeds give unrelated streams.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// The next 64 bits.
    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0. The bias of the remainder is far below what a test could see.
    pub fn below(&self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A number in `range`.
    pub fn within(&self, range: &RangeInclusive<u64>) -> u64 {
        range.start() + self.below(range.end() - range.start() + 1)
    }

    /// An index below `len`, which is not 0.
    pub fn index(&self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// `true` with this `probability`. Draws nothing for 0, so that a fault switched off does not shift the others.
    pub fn chance(&self, probability: f64) -> bool {
        probability > 0.0 && ((self.next() >> 11) as f64) / ((1_u64 << 53) as f64) < probability
    }
}
