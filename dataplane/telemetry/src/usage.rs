//! What applications use: requests by application, API and outcome, counted by each worker for itself.
//!
//! A worker's table is made with the first request of an application, and an entry with the first of each application and API;
//! from then on a request costs a hash and one plain store. Entries stay for as long as the node runs, whatever is published
//! meanwhile. At most [`USAGE_ENTRIES_MAX`] of them; what comes later is counted together, as nobody's. Whoever reads
//! ([`UsageReader`]) waits for nobody and keeps nobody waiting.

use super::{
    Counter, Registry,
    limits::USAGE_ENTRIES_MAX,
    sparse::Sparse,
    sync::{AtomicU64, OnceLock, Ordering::Relaxed},
};
use ahash::RandomState;
use std::{
    collections::{BTreeMap, btree_map::Entry as Place},
    fmt,
    sync::Arc,
};

/// Places of the index: with two for each entry a search is short.
const PLACES: usize = USAGE_ENTRIES_MAX * 2;
/// The bits of a hash that say where its search begins; in the index the number of an entry stands in their place.
const NUMBER: u64 = PLACES as u64 - 1;

const _: () = assert!(PLACES.is_power_of_two(), "the first bits of a hash must be a place");

/// How a request of an application went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageOutcome {
    /// It was answered, whatever the answer was worth.
    Ok,
    /// A limit refused it.
    Throttled,
    /// It was answered with a status of 500 or more, or not at all.
    Error,
}

/// Whose requests: an application and what it called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageKey<'a> {
    /// Whose the application is; empty for nobody's.
    pub tenant: &'a str,
    /// The application.
    pub application: &'a str,
    /// What its route calls the API.
    pub api: &'a str,
}

/// One worker's counts. One writer.
#[derive(Default)]
pub(crate) struct UsageCounts(OnceLock<Box<Table>>);

struct Table {
    /// Of a hash what is not its place, and the number of its entry plus one; 0 for none. Of the worker alone.
    places: Box<[AtomicU64]>,
    /// Without gaps.
    entries: Sparse<Entry>,
    /// Requests that have no entry.
    others: Counter,
    hasher: RandomState,
    len: Counter,
}

struct Entry {
    /// Tenant, application and API.
    names: [Box<str>; 3],
    counts: [Counter; 3],
}

impl UsageCounts {
    /// Counts a request.
    pub(crate) fn count(&self, key: &UsageKey<'_>, outcome: UsageOutcome) {
        let table = self.0.get_or_init(Box::default);
        match table.entry(key) {
            Some(entry) => entry.counts[outcome as usize].increment(),
            None => table.others.increment(),
        }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self {
            places: std::iter::repeat_with(AtomicU64::default).take(PLACES).collect(),
            entries: Sparse::new(USAGE_ENTRIES_MAX),
            others: Counter::new(),
            // Names are of the configuration: nobody outside can choose two that meet.
            hasher: RandomState::with_seeds(1, 2, 3, 4),
            len: Counter::new(),
        }
    }
}

impl Table {
    /// The entry of a key, made if there is none and room for one.
    fn entry(&self, key: &UsageKey<'_>) -> Option<&Entry> {
        // The name of an application says whose it is.
        let hash = self.hasher.hash_one((key.application, key.api));
        let mut place = (hash & NUMBER) as usize;
        loop {
            // There are more places than entries, so that one is empty.
            match self.places[place].load(Relaxed) {
                0 => break,
                word if (word ^ hash) & !NUMBER == 0 => {
                    let entry = self.entries.get((word & NUMBER) as usize - 1);
                    if entry.is_some_and(|entry| entry.is_of(key)) {
                        return entry;
                    }
                }
                _ => {}
            }
            place = (place + 1) % PLACES;
        }
        let number = self.len.value() as usize;
        if number >= USAGE_ENTRIES_MAX {
            return None;
        }
        let names = [key.tenant, key.application, key.api].map(Box::from);
        let entry = self.entries.at(number, || Entry { names, counts: Default::default() });
        self.places[place].store(hash & !NUMBER | (number as u64 + 1), Relaxed);
        self.len.increment();
        Some(entry)
    }
}

impl Entry {
    fn is_of(&self, key: &UsageKey<'_>) -> bool {
        let [tenant, application, api] = &self.names;
        (&**tenant, &**application, &**api) == (key.tenant, key.application, key.api)
    }
}

/// What an application has used of an API since it was asked last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// Whose the application is; empty for nobody's.
    pub tenant: Box<str>,
    /// The application.
    pub application: Box<str>,
    /// What its route calls the API.
    pub api: Box<str>,
    /// By [`UsageOutcome`].
    pub counts: [u64; 3],
}

/// Reads what all workers have counted, each request once. For one reader of a node.
pub struct UsageReader {
    registry: Arc<Registry>,
    /// What was read of each entry of each worker.
    seen: Vec<Vec<[u64; 3]>>,
}

impl UsageReader {
    pub(crate) const fn new(registry: Arc<Registry>) -> Self {
        Self { registry, seen: Vec::new() }
    }

    /// What was counted since it was called last, of `max` applications and APIs at most; the rest is for the next call.
    pub fn take(&mut self, max: usize) -> Vec<Used> {
        let registry = self.registry.clone();
        self.seen.resize_with(registry.workers.len(), Vec::new);
        let mut found: BTreeMap<&[Box<str>; 3], [u64; 3]> = BTreeMap::new();
        for (worker, seen) in registry.workers.iter().zip(&mut self.seen) {
            let Some(table) = worker.usage.0.get() else { continue };
            let entries = (0..USAGE_ENTRIES_MAX).map_while(|number| table.entries.get(number));
            for (number, entry) in entries.enumerate() {
                if seen.len() == number {
                    seen.push([0; 3]);
                }
                let now = entry.counts.each_ref().map(Counter::value);
                let has_room = found.len() < max;
                if now == seen[number] {
                    continue;
                }
                let sum = match found.entry(&entry.names) {
                    Place::Occupied(place) => place.into_mut(),
                    Place::Vacant(place) if has_room => place.insert([0; 3]),
                    Place::Vacant(_) => continue,
                };
                sum.iter_mut().zip(now.iter().zip(seen[number])).for_each(|(sum, (now, seen))| *sum += now - seen);
                seen[number] = now;
            }
        }
        let used = |([tenant, application, api], counts): (&[Box<str>; 3], [u64; 3])| Used {
            tenant: tenant.clone(),
            application: application.clone(),
            api: api.clone(),
            counts,
        };
        found.into_iter().map(used).collect()
    }

    /// Requests of applications that were counted as nobody's, since there were too many of them.
    #[must_use]
    pub fn others(&self) -> u64 {
        let tables = self.registry.workers.iter().filter_map(|worker| worker.usage.0.get());
        tables.map(|table| table.others.value()).sum()
    }
}

impl fmt::Debug for UsageReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageReader").field("workers", &self.seen.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key<'a>(application: &'a str, api: &'a str) -> UsageKey<'a> {
        UsageKey { tenant: "t", application, api }
    }

    #[test]
    fn each_request_is_read_once_whoever_counted_it() {
        let registry = Registry::new(&[], 2);
        let mut reader = registry.usage();
        assert_eq!(reader.take(10), []);
        for (worker, application, api, outcome) in [
            (0, "a", "x", UsageOutcome::Ok),
            (1, "a", "x", UsageOutcome::Ok),
            (1, "a", "x", UsageOutcome::Throttled),
            (1, "a", "y", UsageOutcome::Error),
            (0, "b", "x", UsageOutcome::Ok),
        ] {
            registry.worker(worker).used(&key(application, api), outcome);
        }
        let short = |used: Vec<Used>| {
            let name = |used: &Used| format!("{}{}", used.application, used.api);
            used.into_iter().map(|used| (name(&used), used.counts)).collect::<Vec<_>>()
        };
        let first = short(reader.take(2));
        let rest = short(reader.take(2));
        let mut all = [first.clone(), rest].concat();
        all.sort();
        assert_eq!(first.len(), 2);
        let expected = [("ax", [2, 1, 0]), ("ay", [0, 0, 1]), ("bx", [1, 0, 0])];
        assert_eq!(all, expected.map(|(name, counts)| (name.to_owned(), counts)));
        assert_eq!((reader.take(2), reader.others()), (vec![], 0));
        registry.worker(0).used(&key("b", "x"), UsageOutcome::Ok);
        assert_eq!(short(reader.take(2)), [("bx".to_owned(), [1, 0, 0])]);
    }

    #[test]
    fn what_has_no_room_is_counted_as_nobodys() {
        let registry = Registry::new(&[], 1);
        let worker = registry.worker(0);
        for number in 0..USAGE_ENTRIES_MAX + 3 {
            worker.used(&key(&number.to_string(), "x"), UsageOutcome::Ok);
        }
        worker.used(&key("7", "x"), UsageOutcome::Ok);
        let mut reader = registry.usage();
        let used = reader.take(usize::MAX);
        assert_eq!((used.len(), reader.others()), (USAGE_ENTRIES_MAX, 3));
        assert_eq!(used.iter().map(|used| used.counts[0]).sum::<u64>(), USAGE_ENTRIES_MAX as u64 + 1);
    }
}
