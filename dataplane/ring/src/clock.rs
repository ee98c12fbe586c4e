//! The real clocks and a source of random bits, one of each per thread.

use std::{
    cell::Cell,
    hash::{BuildHasher, Hasher, RandomState},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tollgate_io::{Instant, Wall};

pub(crate) struct Clock {
    started: std::time::Instant,
    /// Wall time at `started`.
    started_wall: u64,
    random: Cell<u64>,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is where the real clocks enter")]
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self {
            started: std::time::Instant::now(),
            started_wall: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX),
            random: Cell::new(RandomState::new().build_hasher().finish() | 1),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    pub(crate) const fn wall(&self, at: Instant) -> Wall {
        Wall(self.started_wall.saturating_add(at.nanos()))
    }

    pub(crate) fn entropy(&self) -> u64 {
        // xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016).
        let mut state = self.random.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.random.set(state);
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}
