//! The real clocks, which all threads of the process share, and a source of random bits for each.

use nix::time::{ClockId, clock_gettime};
use std::{
    cell::Cell,
    hash::{BuildHasher, Hasher, RandomState},
    sync::OnceLock,
};
use tollgate_io::{Instant, Wall};

pub(crate) struct Clock {
    /// Monotonic time in nanoseconds.
    started: u64,
    /// Wall time at `started`.
    started_wall: u64,
    random: Cell<u64>,
}

/// Nanoseconds of a clock. A number at once: std's `Instant` and `Duration` would be taken apart and put together again, four
/// times per request. Every Linux has both clocks; one before its epoch stands at it.
fn read(clock: ClockId) -> u64 {
    let Ok(time) = clock_gettime(clock) else { return 0 };
    let [seconds, nanos] = [time.tv_sec(), time.tv_nsec()].map(|part| u64::try_from(part).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
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
        static STARTED: OnceLock<(u64, u64)> = OnceLock::new();
        let (started, started_wall) =
            *STARTED.get_or_init(|| (read(ClockId::CLOCK_MONOTONIC), read(ClockId::CLOCK_REALTIME)));
        Self { started, started_wall, random: Cell::new(RandomState::new().build_hasher().finish() | 1) }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(read(ClockId::CLOCK_MONOTONIC).saturating_sub(self.started))
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
