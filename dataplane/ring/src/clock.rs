//! The real clocks, which all threads of the process share, and a source of random bits for each.

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

/// Both clocks, now.
#[expect(clippy::disallowed_methods, reason = "this is where the real clocks enter")]
fn read() -> (std::time::Instant, u64) {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    (std::time::Instant::now(), u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX))
}

/// Monotonic time of the node, for a thread that has no [`RingIo`](crate::RingIo).
#[must_use]
pub fn now() -> Instant {
    Clock::start().now()
}

impl Clock {
    /// What one thread writes down as a time, such as the end of an ejection, another compares with its own: so all count
    /// from the moment the first was started.
    pub(crate) fn start() -> Self {
        static STARTED: OnceLock<(std::time::Instant, u64)> = OnceLock::new();
        let (started, started_wall) = *STARTED.get_or_init(read);
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
