//! The real clocks, begun once per process so that instants of different threads compare, and a source of random bits per
//! thread.

use std::{
    cell::Cell,
    hash::{BuildHasher, Hasher, RandomState},
    sync::OnceLock,
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
        static START: OnceLock<(std::time::Instant, u64)> = OnceLock::new();
        let &(started, started_wall) = START.get_or_init(|| {
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            (std::time::Instant::now(), u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX))
        });
        Self { started, started_wall, random: Cell::new(RandomState::new().build_hasher().finish() | 1) }
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
