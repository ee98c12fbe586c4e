//! What a configuration consists of once it is resolved, and what the next change needs of it.
//!
//! All of it is persistent: a copy shares what it has in common with the original, so that a change costs what it
//! changes. What is written is kept as canonical text and not as raw structs, which need ten times the memory.

use std::sync::Arc;

use serde::Deserialize;

use super::{index::Index, names::Removal, policies::Layers};
use crate::{
    plan::Plan,
    raw::{self, Location, Text, canonical},
    snapshot::{Listener, Route, Snapshot},
    upstream::Upstream,
};
use tollgate_items::{Items, Named};

/// A resolved configuration.
#[derive(Clone)]
pub(crate) struct State {
    /// Its generation is that of the last change.
    pub(crate) snapshot: Snapshot,
    /// What it was resolved from.
    pub(crate) written: Written,
    pub(super) index: Index,
    /// The policies of the settings.
    pub(super) layers: Arc<Layers>,
}

/// What is written.
#[derive(Clone)]
pub(crate) struct Written {
    /// The settings: a file without its items.
    pub(crate) settings: Arc<raw::File>,
    /// Whether a value of them is a reference, see `digest`.
    pub(crate) settings_refer: bool,
    pub(crate) settings_hash: u64,
    pub(crate) listeners: Shelf,
    pub(crate) upstreams: Shelf,
    pub(crate) routes: Shelf,
    pub(crate) plans: Shelf,
    /// The wrapping sum of the hashes of applications; the rest of what is written of them is in their records.
    pub(crate) applications_sum: u64,
}

/// Items as written, by the slots of the resolved ones.
#[derive(Clone, Default)]
pub(crate) struct Shelf {
    items: imbl::OrdMap<u32, Arc<Kept>>,
    /// The wrapping sum of their hashes.
    pub(crate) sum: u64,
}

/// An item as written.
pub(crate) struct Kept {
    /// Canonical JSON.
    pub(crate) text: Box<str>,
    /// Where it was written.
    pub(crate) place: Location,
    /// Of its content, see `digest`.
    pub(crate) hash: u64,
}

impl Kept {
    /// The name as it is written, for errors: what a reference in it stands for is not shown.
    pub(super) fn name(&self) -> String {
        #[derive(Deserialize)]
        struct Named {
            name: Option<Text>,
        }
        canonical::read::<Named>(&self.text).name.map(|name| name.value).unwrap_or_default()
    }
}

impl Shelf {
    /// The name of the item in this slot as it is written.
    pub(super) fn name(&self, slot: u32) -> String {
        self.get(slot).map(|kept| kept.name()).unwrap_or_default()
    }

    /// What is written of the item in this slot.
    pub(crate) fn get(&self, slot: u32) -> Option<&Arc<Kept>> {
        self.items.get(&slot)
    }

    fn put(&mut self, slot: u32, kept: Kept) {
        self.sum = self.sum.wrapping_add(kept.hash);
        if let Some(old) = self.items.insert(slot, Arc::new(kept)) {
            self.sum = self.sum.wrapping_sub(old.hash);
        }
    }

    fn remove(&mut self, slot: u32) {
        if let Some(old) = self.items.remove(&slot) {
            self.sum = self.sum.wrapping_sub(old.hash);
        }
    }
}

/// Items and what is written of them, while they change.
pub(super) struct Pair<'s, T> {
    pub(super) items: &'s mut Items<T>,
    pub(super) shelf: &'s mut Shelf,
    /// Of a new file: the place of the item before. A patch leaves items where they stand.
    pub(super) last: Option<u64>,
    pub(super) is_whole: bool,
}

impl<T: Named + PartialEq> Pair<'_, T> {
    /// Puts an item in. One that is as it was stays the same `Arc`; a new file brings its items into its own order.
    pub(super) fn put(&mut self, item: T, kept: Kept) -> u32 {
        let same = self.items.slot(item.name()).filter(|&slot| self.items.get(slot).is_some_and(|old| **old == item));
        let slot = same.unwrap_or_else(|| self.items.put(Arc::new(item)));
        self.shelf.put(slot, kept);
        if self.is_whole {
            if self.items.order(slot) < self.last {
                self.items.move_behind(slot);
            }
            self.last = self.items.order(slot);
        }
        slot
    }

    /// Takes items away.
    pub(super) fn remove(&mut self, removals: &[Removal]) {
        for removal in removals {
            self.items.remove(&removal.name);
            self.shelf.remove(removal.slot);
        }
    }
}

impl State {
    /// With settings and without items.
    pub(super) fn new(snapshot: Snapshot, settings: raw::File, settings_hash: u64, layers: Layers) -> Self {
        let settings_refer = has_reference(&settings.to_canonical());
        let shelf = Shelf::default;
        let written = Written {
            settings: Arc::new(settings),
            settings_refer,
            settings_hash,
            listeners: shelf(),
            upstreams: shelf(),
            routes: shelf(),
            plans: shelf(),
            applications_sum: 0,
        };
        Self { snapshot, written, index: Index::default(), layers: Arc::new(layers) }
    }

    /// Takes the items of another.
    pub(super) fn take_items(&mut self, other: &Self) {
        self.snapshot.listeners = other.snapshot.listeners.clone();
        self.snapshot.upstreams = other.snapshot.upstreams.clone();
        self.snapshot.routes = other.snapshot.routes.clone();
        self.written.listeners = other.written.listeners.clone();
        self.written.upstreams = other.written.upstreams.clone();
        self.written.routes = other.written.routes.clone();
        self.snapshot.plans = other.snapshot.plans.clone();
        self.snapshot.applications = other.snapshot.applications.clone();
        self.written.plans = other.written.plans.clone();
        self.written.applications_sum = other.written.applications_sum;
        self.index = other.index.clone();
    }

    pub(super) fn listeners(&mut self, is_whole: bool) -> Pair<'_, Listener> {
        Pair { items: &mut self.snapshot.listeners, shelf: &mut self.written.listeners, last: None, is_whole }
    }

    pub(super) fn upstreams(&mut self, is_whole: bool) -> Pair<'_, Upstream> {
        Pair { items: &mut self.snapshot.upstreams, shelf: &mut self.written.upstreams, last: None, is_whole }
    }

    pub(super) fn routes(&mut self, is_whole: bool, last: Option<u64>) -> Pair<'_, Route> {
        Pair { items: &mut self.snapshot.routes, shelf: &mut self.written.routes, last, is_whole }
    }

    pub(super) fn plans(&mut self, is_whole: bool) -> Pair<'_, Plan> {
        Pair { items: &mut self.snapshot.plans, shelf: &mut self.written.plans, last: None, is_whole }
    }

    /// The digest of everything.
    pub(super) fn digest(&self) -> u64 {
        let Written {
            settings: _,
            settings_refer: _,
            settings_hash,
            listeners,
            upstreams,
            routes,
            plans,
            applications_sum,
        } = &self.written;
        [listeners.sum, upstreams.sum, routes.sum, plans.sum, *applications_sum]
            .into_iter()
            .fold(*settings_hash, u64::wrapping_add)
    }
}

/// Whether a canonical text may have a `${env:X}` in it.
pub(super) fn has_reference(text: &str) -> bool {
    text.contains("${")
}
