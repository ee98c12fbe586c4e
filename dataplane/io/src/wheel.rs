//! A hashed timing wheel (Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987), pure: time is an argument.
//!
//! One wheel serves all connections of a worker. Deadlines move far more often than they pass, so an entry is only
//! moved when its deadline comes nearer than where it lies; a deadline that moved away is noticed when the entry's slot
//! is reached. Entries lie at most one turn (about 8 s) ahead.

use crate::Instant;

/// Width of a slot, in nanoseconds: no deadline fires later than this behind its time.
const TICK_NS: u64 = 16_000_000;

/// Slots of the wheel; one turn is `SLOTS * TICK_NS`.
const SLOTS: usize = 512;

const _: () = assert!(SLOTS.is_multiple_of(64));

/// The end of a list.
const NONE: u32 = u32::MAX;

/// Names an entry of the wheel until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId(u32);

/// Entries ordered by the slot in which to look at them next.
pub struct Wheel<T> {
    entries: Vec<Entry<T>>,
    free: Vec<TimerId>,
    /// First entry of each slot.
    slots: [u32; SLOTS],
    /// A bit for each slot that has entries.
    occupied: [u64; SLOTS / 64],
    /// All slots before this tick have been looked at.
    tick: u64,
}

struct Entry<T> {
    what: Option<T>,
    /// The tick in whose slot it lies; `u64::MAX` while it lies in none.
    at: u64,
    previous: u32,
    next: u32,
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), slots: [NONE; SLOTS], occupied: [0; SLOTS / 64], tick: 0 }
    }
}

impl<T> Wheel<T> {
    /// Adds `what`, with no deadline.
    pub fn insert(&mut self, what: T) -> TimerId {
        let entry = Entry { what: Some(what), at: u64::MAX, previous: NONE, next: NONE };
        if let Some(id) = self.free.pop() {
            self.entries[id.0 as usize] = entry;
            return id;
        }
        self.entries.push(entry);
        TimerId(self.entries.len() as u32 - 1)
    }

    /// Takes an entry out for good.
    pub fn remove(&mut self, id: TimerId) -> Option<T> {
        self.unlink(id.0);
        self.free.push(id);
        self.entries[id.0 as usize].what.take()
    }

    /// Makes sure that the entry is looked at no later than `by` (rounded up to a slot).
    pub fn look_by(&mut self, id: TimerId, by: Instant) {
        let tick = by.nanos().div_ceil(TICK_NS).max(self.tick);
        if tick < self.entries[id.0 as usize].at {
            self.unlink(id.0);
            self.link(id.0, tick);
        }
    }

    /// Shows every entry.
    pub fn for_each(&self, show: impl FnMut(&T)) {
        self.entries.iter().filter_map(|entry| entry.what.as_ref()).for_each(show);
    }

    /// When to call [`Wheel::turn`] next: the first occupied slot.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let from = (self.tick as usize) % SLOTS;
        (0..=SLOTS / 64)
            .find_map(|step| {
                let word = (from / 64 + step) % (SLOTS / 64);
                let mask = match step {
                    0 => u64::MAX << (from % 64),
                    step if step == SLOTS / 64 => !(u64::MAX << (from % 64)),
                    _ => u64::MAX,
                };
                let bits = self.occupied[word] & mask;
                (bits != 0).then(|| word * 64 + bits.trailing_zeros() as usize)
            })
            .map(|slot| {
                let ahead = (slot + SLOTS - from) % SLOTS;
                Instant::from_nanos((self.tick + ahead as u64) * TICK_NS)
            })
    }

    /// Looks at every entry whose slot has been reached. `look` acts on a deadline that has passed and returns when to
    /// look again ([`Instant::NEVER`]: not until asked).
    pub fn turn(&mut self, now: Instant, mut look: impl FnMut(&T) -> Instant) {
        let end = now.nanos() / TICK_NS;
        // After a long sleep one turn visits every slot; more would visit them again.
        let first = self.tick.max(end.saturating_sub(SLOTS as u64 - 1));
        self.tick = end + 1;
        for tick in first..=end {
            let mut index = self.slots[tick as usize % SLOTS];
            while index != NONE {
                let entry = &self.entries[index as usize];
                let next = entry.next;
                let again = entry.what.as_ref().map_or(Instant::NEVER, &mut look);
                self.unlink(index);
                if again != Instant::NEVER {
                    self.link(index, again.nanos().div_ceil(TICK_NS).max(self.tick));
                }
                index = next;
            }
        }
    }

    fn link(&mut self, index: u32, tick: u64) {
        let at = tick.min(self.tick + SLOTS as u64 - 1);
        let slot = at as usize % SLOTS;
        let next = self.slots[slot];
        let entry = &mut self.entries[index as usize];
        (entry.at, entry.previous, entry.next) = (at, NONE, next);
        if next != NONE {
            self.entries[next as usize].previous = index;
        }
        self.slots[slot] = index;
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    fn unlink(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        let (at, previous, next) = (entry.at, entry.previous, entry.next);
        if at == u64::MAX {
            return;
        }
        entry.at = u64::MAX;
        if next != NONE {
            self.entries[next as usize].previous = previous;
        }
        if previous != NONE {
            self.entries[previous as usize].next = next;
            return;
        }
        let slot = at as usize % SLOTS;
        self.slots[slot] = next;
        if next == NONE {
            self.occupied[slot / 64] &= !(1 << (slot % 64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    /// The longest a deadline can be late.
    const LATENESS_MAX: Duration = Duration::from_nanos(TICK_NS);

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn a_deadline_is_looked_at_within_a_tick() {
        let mut wheel = Wheel::default();
        let id = wheel.insert("a");
        wheel.look_by(id, at(100));
        assert!(wheel.next().is_some_and(|next| next >= at(100) && next <= at(100) + LATENESS_MAX));
        let mut seen = Vec::new();
        wheel.turn(at(90), |what| {
            seen.push(*what);
            Instant::NEVER
        });
        assert!(seen.is_empty());
        wheel.turn(at(117), |what| {
            seen.push(*what);
            Instant::NEVER
        });
        assert_eq!((seen, wheel.next()), (vec!["a"], None));
    }

    #[test]
    fn a_removed_entry_is_never_looked_at() {
        let mut wheel = Wheel::default();
        let (first, second) = (wheel.insert(1), wheel.insert(2));
        wheel.look_by(first, at(50));
        wheel.look_by(second, at(50));
        assert_eq!(wheel.remove(first), Some(1));
        let mut seen = Vec::new();
        wheel.turn(at(1_000), |what| {
            seen.push(*what);
            Instant::NEVER
        });
        assert_eq!(seen, [2]);
    }

    proptest! {
        /// Whatever the deadlines and however irregular the turns, each entry acts once, not early, and no later than a
        /// tick behind the first turn after its deadline.
        #[test]
        fn every_deadline_acts_once_and_in_time(
            deadlines in prop::collection::vec(1_u64..60_000, 1..40),
            steps in prop::collection::vec(1_u64..9_000, 1..60),
        ) {
            let mut wheel = Wheel::default();
            for deadline in &deadlines {
                let id = wheel.insert(*deadline);
                wheel.look_by(id, at(*deadline));
            }
            let (mut now, mut acted) = (0, Vec::new());
            for step in steps {
                now += step;
                wheel.turn(at(now), |deadline| {
                    if at(*deadline) > at(now) {
                        return at(*deadline);
                    }
                    acted.push(*deadline);
                    Instant::NEVER
                });
                let due = deadlines.iter().filter(|deadline| **deadline + 16 <= now);
                prop_assert_eq!(due.filter(|deadline| !acted.contains(deadline)).count(), 0);
            }
            let mut once = acted.clone();
            once.sort_unstable();
            let mut expected: Vec<_> = deadlines.iter().copied().filter(|d| acted.contains(d)).collect();
            expected.sort_unstable();
            prop_assert_eq!(once, expected);
        }
    }
}
