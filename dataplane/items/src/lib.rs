//! Named items of a snapshot, shared with the snapshot before and behind it.
//!
//! Each item has a slot: a small number that is its own as long as its name is there, from snapshot to snapshot, so that
//! tables compiled for one snapshot serve the next. Copies share what they have in common; a change costs the logarithm of
//! the number of items. Items stand in the order of the file; one that comes later stands behind all.

mod content;

pub use content::{Content, hash_of, hash_of_text};

use std::{fmt, ops::Index, sync::Arc};

use imbl::ordmap::DiffItem;

/// What an item is called.
pub trait Named {
    /// Unique among its kind.
    fn name(&self) -> &str;
}

/// An item in its place.
pub struct Entry<T> {
    /// Smaller stands first.
    pub order: u64,
    /// The item.
    pub item: Arc<T>,
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { order: self.order, item: self.item.clone() }
    }
}

/// The same item in the same place; another item of the same content is not the same.
impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order && Arc::ptr_eq(&self.item, &other.item)
    }
}

/// Items of one kind.
pub struct Items<T> {
    slots: imbl::OrdMap<u32, Entry<T>>,
    names: imbl::GenericHashMap<Arc<str>, u32, ahash::RandomState, imbl::shared_ptr::DefaultSharedPtr>,
    /// Slots of items that are gone.
    free: imbl::Vector<u32>,
    next_order: u64,
}

impl<T> Clone for Items<T> {
    fn clone(&self) -> Self {
        Self {
            slots: self.slots.clone(),
            names: self.names.clone(),
            free: self.free.clone(),
            next_order: self.next_order,
        }
    }
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self {
            slots: imbl::OrdMap::new(),
            names: imbl::GenericHashMap::default(),
            free: imbl::Vector::new(),
            next_order: 0,
        }
    }
}

impl<T: Named> Items<T> {
    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The slot of a name.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// The item in a slot.
    #[must_use]
    pub fn get(&self, slot: u32) -> Option<&Arc<T>> {
        self.entry(slot).map(|entry| &entry.item)
    }

    /// The item in a slot, with its place.
    #[must_use]
    pub fn entry(&self, slot: u32) -> Option<&Entry<T>> {
        self.slots.get(&slot)
    }

    /// All slots in use, in ascending order, with what is in them.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (u32, &Entry<T>)> {
        self.slots.iter().map(|(slot, entry)| (*slot, entry))
    }

    /// All items, by slot.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<T>> {
        self.entries().map(|(_, entry)| &entry.item)
    }

    /// Puts an item into the slot of its name, or into a new one behind all others; says which.
    ///
    /// # Panics
    /// With more than 2^32 items, which no file holds.
    pub fn put(&mut self, item: Arc<T>) -> u32 {
        if let Some(slot) = self.slot(item.name()) {
            if let Some(entry) = self.slots.get_mut(&slot) {
                entry.item = item;
            }
            return slot;
        }
        let entry = Entry { order: self.next_order, item };
        self.next_order += 1;
        let name: Arc<str> = entry.item.name().into();
        let slot = self.free.pop_back().unwrap_or_else(|| {
            // Without a free slot those in use are the first ones.
            u32::try_from(self.slots.len()).expect("a file is bounded to 6 million nodes")
        });
        self.slots.insert(slot, entry);
        self.names.insert(name, slot);
        slot
    }

    /// The place of the item in a slot.
    #[must_use]
    pub fn order(&self, slot: u32) -> Option<u64> {
        self.entry(slot).map(|entry| entry.order)
    }

    /// Puts the item in a slot behind all others.
    pub fn move_behind(&mut self, slot: u32) {
        if let Some(entry) = self.slots.get_mut(&slot) {
            entry.order = self.next_order;
            self.next_order += 1;
        }
    }

    /// Takes an item away; its slot is free for another name.
    pub fn remove(&mut self, name: &str) -> Option<(u32, Arc<T>)> {
        let slot = self.names.remove(name)?;
        let entry = self.slots.remove(&slot)?;
        self.free.push_back(slot);
        Some((slot, entry.item))
    }

    /// What is different from `before`, by ascending slot. Costs what changed as far as the one came of the other.
    pub fn changes<'i>(&'i self, before: &'i Self) -> impl Iterator<Item = Change<'i, T>> {
        before.slots.diff(&self.slots).map(|item| match item {
            DiffItem::Add(slot, new) => Change { slot: *slot, old: None, new: Some(new) },
            DiffItem::Remove(slot, old) => Change { slot: *slot, old: Some(old), new: None },
            DiffItem::Update { old: (slot, old), new: (_, new) } => {
                Change { slot: *slot, old: Some(old), new: Some(new) }
            }
        })
    }
}

/// What became of a slot.
pub struct Change<'i, T> {
    /// Which one.
    pub slot: u32,
    /// What was in it.
    pub old: Option<&'i Entry<T>>,
    /// What is in it now.
    pub new: Option<&'i Entry<T>>,
}

/// The item in a slot that is in use.
impl<T: Named> Index<usize> for Items<T> {
    type Output = T;

    fn index(&self, slot: usize) -> &T {
        self.get(slot as u32).map(|item| &**item).expect("whoever names a slot knows that it is in use")
    }
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}

impl<T: Named> FromIterator<T> for Items<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut all = Self::default();
        for item in items {
            all.put(Arc::new(item));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Thing(&'static str, u32);

    impl Named for Thing {
        fn name(&self) -> &str {
            self.0
        }
    }

    #[test]
    fn a_name_keeps_its_slot_and_place() {
        let old: Items<Thing> = [Thing("a", 1), Thing("b", 1), Thing("c", 1)].into_iter().collect();
        let mut new = old.clone();
        assert_eq!(new.put(Arc::new(Thing("b", 2))), 1);
        assert_eq!(new.entry(1).unwrap().order, 1);
        assert_eq!(new.remove("a").unwrap(), (0, Arc::new(Thing("a", 1))));
        assert_eq!(new.put(Arc::new(Thing("d", 1))), 0, "a slot that is free is used again");
        assert_eq!(new.entry(0).unwrap().order, 3, "what comes later stands behind all");
        assert_eq!((new.slot("a"), new.slot("d"), new.len()), (None, Some(0), 3));
        assert_eq!((old.len(), old.slot("a"), old[1].1), (3, Some(0), 1), "the old ones are as they were");
        assert!(Arc::ptr_eq(old.get(2).unwrap(), new.get(2).unwrap()));
        assert_eq!(new.remove("nothing"), None);
        assert_eq!(new.put(Arc::new(Thing("e", 1))), 3);
        let name = |entry: Option<&Entry<Thing>>| entry.map(|entry| (entry.item.0, entry.item.1));
        let changes: Vec<_> =
            new.changes(&old).map(|change| (change.slot, name(change.old), name(change.new))).collect();
        let a_to_d = (0, Some(("a", 1)), Some(("d", 1)));
        assert_eq!(changes, [a_to_d, (1, Some(("b", 1)), Some(("b", 2))), (3, None, Some(("e", 1)))]);
    }
}
