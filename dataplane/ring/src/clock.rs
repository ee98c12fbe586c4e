//! The real clocks, which all threads of the process share, and a source of random bits for each.

use nix::time::{ClockId, clock_gettime};
use std::{
    cell::Cell,
    hash::{BuildHasher, Hasher, RandomState},
    sync::OnceLock,
};
use tollgate_io::{Instant, Wall};

/// How long a look at the wall clock holds: when that is set, a node knows within this time.
const LOOK_NS: u64 = 1_000_000_000;

pub(crate) struct Clock {
    /// Monotonic time in nanoseconds.
    started: u64,
    look: Cell<Look>,
    random: Cell<u64>,
}

/// Both clocks at one moment.
#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    wall: Wall,
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
        static STARTED: OnceLock<u64> = OnceLock::new();
        let started = *STARTED.get_or_init(|| read(ClockId::CLOCK_MONOTONIC));
        let look = Look { at: Instant::from_nanos(0), wall: Wall(0) };
        let random = Cell::new(RandomState::new().build_hasher().finish() | 1);
        let clock = Self { started, look: Cell::new(look), random };
        clock.look.set(clock.look_now());
        clock
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(read(ClockId::CLOCK_MONOTONIC).saturating_sub(self.started))
    }

    /// The wall clock at a time of this one. It is looked at once in [`LOOK_NS`] and counted on between, since it may be
    /// set while the node runs and does not stand still while the machine sleeps, as the other one does.
    pub(crate) fn wall(&self, at: Instant) -> Wall {
        if at.nanos().saturating_sub(self.look.get().at.nanos()) >= LOOK_NS {
            self.look.set(self.look_now());
        }
        self.look.get().wall(at)
    }

    fn look_now(&self) -> Look {
        Look { at: self.now(), wall: Wall(read(ClockId::CLOCK_REALTIME)) }
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

impl Look {
    /// The wall clock then, counted from here.
    const fn wall(self, at: Instant) -> Wall {
        let since = at.nanos().saturating_sub(self.at.nanos());
        Wall(self.wall.0.saturating_add(since).saturating_sub(self.at.nanos().saturating_sub(at.nanos())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_looked_at_again() {
        let clock = Clock::start();
        let now = clock.now();
        // A clock that stood an hour behind when it was looked at.
        let hour = 3_600_000_000_000;
        let then = Look { at: now, wall: Wall(read(ClockId::CLOCK_REALTIME) - hour) };
        clock.look.set(then);
        let soon = Instant::from_nanos(now.nanos() + LOOK_NS - 1);
        assert_eq!(clock.wall(soon).0, then.wall.0 + LOOK_NS - 1);
        let later = Instant::from_nanos(now.nanos() + LOOK_NS);
        assert!(clock.wall(later).0 > then.wall.0 + hour / 2);
    }

    #[test]
    fn a_time_before_the_look_is_counted_back() {
        let look = Look { at: Instant::from_nanos(100), wall: Wall(1_000) };
        assert_eq!([90, 100, 110].map(|at| look.wall(Instant::from_nanos(at)).0), [990, 1_000, 1_010]);
    }
}
