//! From the names of routes, upstreams or listeners to the slots under which workers count them.
//!
//! The publishing thread asks for the slot of each name when it compiles a snapshot; an exchange carries the slot, never the
//! name. A name keeps its slot for as long as the node runs, so that its figures go on through every change of the
//! configuration, and no slot is ever given to another name: figures of two routes can not mix. The price is the bound:
//! once that many different names have been seen, those that come later are counted under `_other` until a restart.

use std::sync::{Arc, OnceLock, PoisonError};

use ahash::AHashMap;

/// The slot of every name that has none of its own.
pub const OTHER: u32 = u32::MAX;

#[expect(clippy::disallowed_types, reason = "taken by publishing threads only; recording and the scrape never ask")]
type Lock<T> = std::sync::Mutex<T>;

/// Names of one kind and their slots.
#[derive(Debug)]
pub struct Slots {
    /// By slot, without gaps. Read without the lock.
    names: Box<[OnceLock<Arc<str>>]>,
    taken: Lock<AHashMap<Arc<str>, u32>>,
}

impl Slots {
    /// Room for `max` names.
    pub(crate) fn new(max: usize) -> Self {
        Self { names: std::iter::repeat_with(OnceLock::new).take(max).collect(), taken: Lock::default() }
    }

    /// The slot of `name`, the same whenever it is asked for; [`OTHER`] for a new name when all slots are taken. For
    /// publishing threads: it takes a lock.
    #[must_use]
    pub fn slot(&self, name: &str) -> u32 {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = taken.get(name) {
            return *slot;
        }
        let Some(free) = self.names.get(taken.len()) else { return OTHER };
        let (slot, name) = (taken.len() as u32, Arc::<str>::from(name));
        // Slots are given out in order and under the lock, so this one is empty.
        let _ = free.set(name.clone());
        taken.insert(name, slot);
        slot
    }

    /// Every name so far with its slot, in the order of slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        self.names.iter().map_while(OnceLock::get).map(|name| &**name).enumerate()
    }

    /// How many names there is room for; the index behind the named ones.
    pub(crate) const fn capacity(&self) -> usize {
        self.names.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_slot_and_shares_it_with_none() {
        let slots = Slots::new(2);
        assert_eq!((slots.slot("a"), slots.slot("b"), slots.slot("a")), (0, 1, 0));
        assert_eq!((slots.slot("c"), slots.slot("b"), slots.slot("c")), (OTHER, 1, OTHER));
        assert_eq!(slots.iter().collect::<Vec<_>>(), [(0, "a"), (1, "b")]);
    }
}
