//! Keys of issuers that are fetched: what is known of them, shared by who fetches, who verifies and who looks verdicts up.
//!
//! ```text
//! KeyRegistry::of -> FetchedKeys <- put, failed -- who fetches: once per lifetime, and when it is woken
//!                      |    `- ask: a token names a key that is not there -> [wake]
//!                      `- version: another one with other keys, so that verdicts of before are not found any more
//! ```
//!
//! Nothing is fetched here. The last good keys stay whatever happens. Who asks for unknown keys wakes who fetches at most once
//! for each time that he allows it, so that made-up tokens do not become requests to the issuer. No lock.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use ahash::AHashMap;
use arc_swap::ArcSwapOption;
use crossbeam::channel::{Receiver, Sender, bounded};
use tollgate_model::{KeySet, KeySource};

/// The keys of an issuer, as far as they were fetched.
pub struct FetchedKeys {
    source: KeySource,
    keys: ArcSwapOption<KeySet>,
    version: AtomicU64,
    /// Whether a token may have them fetched.
    may_ask: AtomicBool,
    wake: Sender<()>,
    fetched_s: AtomicU64,
    failures: AtomicU64,
}

/// Keys that somebody has to fetch from now on, until they are no more.
pub struct Wanted {
    /// Gone with the last program that has them.
    pub keys: Weak<FetchedKeys>,
    /// Has a message when they should be fetched at once; ends when they are no more.
    pub wake: Receiver<()>,
}

impl FetchedKeys {
    fn new(source: KeySource) -> (Arc<Self>, Receiver<()>) {
        let (wake, woken) = bounded(1);
        let keys = Self {
            source,
            keys: ArcSwapOption::empty(),
            version: AtomicU64::new(0),
            may_ask: AtomicBool::new(false),
            wake,
            fetched_s: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        };
        (Arc::new(keys), woken)
    }

    /// Where they are.
    #[must_use]
    pub const fn source(&self) -> &KeySource {
        &self.source
    }

    /// The last ones that were fetched.
    #[must_use]
    pub fn keys(&self) -> Option<Arc<KeySet>> {
        self.keys.load_full()
    }

    /// Another one with each set of keys that differs from the one before.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Takes keys that were fetched at `now_s`, in seconds since 1970.
    pub fn put(&self, keys: KeySet, now_s: u64) {
        self.fetched_s.store(now_s, Ordering::Relaxed);
        if self.keys.load().as_deref() != Some(&keys) {
            // In this order: a verdict of the old keys is never found under the new version.
            self.keys.store(Some(Arc::new(keys)));
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    /// Notes that they could not be fetched.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether tokens with unknown keys may have them fetched from now on.
    pub fn allow(&self, may_ask: bool) {
        self.may_ask.store(may_ask, Ordering::Release);
    }

    /// Has them fetched, if that is allowed; says whether it is worth waiting for.
    pub(crate) fn ask(&self) -> bool {
        let may_ask = self.may_ask.load(Ordering::Acquire);
        if may_ask {
            // Full: it was asked for already.
            let _ = self.wake.try_send(());
        }
        may_ask
    }

    /// When they were fetched last, in seconds since 1970; 0 for never.
    #[must_use]
    pub fn fetched_s(&self) -> u64 {
        self.fetched_s.load(Ordering::Relaxed)
    }

    /// How often they could not be fetched.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

/// All keys that are fetched. It keeps none alive: they go with the last program that has them.
#[derive(Default)]
pub struct KeyRegistry {
    known: AHashMap<KeySource, Weak<FetchedKeys>>,
    wanted: Vec<Wanted>,
}

impl KeyRegistry {
    /// Those of a source: the ones there are, with what was fetched, or new ones.
    pub fn of(&mut self, source: &KeySource) -> Arc<FetchedKeys> {
        if let Some(known) = self.known.get(source).and_then(Weak::upgrade) {
            return known;
        }
        self.known.retain(|_, keys| keys.strong_count() > 0);
        let (new, wake) = FetchedKeys::new(source.clone());
        self.known.insert(source.clone(), Arc::downgrade(&new));
        self.wanted.push(Wanted { keys: Arc::downgrade(&new), wake });
        new
    }

    /// Those that nobody fetches yet, as long as no more than `most` are fetched; the rest is given another time, and how many
    /// that are.
    pub fn wanted(&mut self, most: usize) -> (Vec<Wanted>, usize) {
        self.wanted.retain(|wanted| wanted.keys.strong_count() > 0);
        let fetched = self.iter().count().saturating_sub(self.wanted.len());
        let room = most.saturating_sub(fetched).min(self.wanted.len());
        let given = self.wanted.drain(..room).collect();
        (given, self.wanted.len())
    }

    /// All there are.
    pub fn iter(&self) -> impl Iterator<Item = Arc<FetchedKeys>> {
        self.known.values().filter_map(Weak::upgrade)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str) -> KeySource {
        KeySource { url: url.to_owned(), authorities: None, algorithms: Vec::new() }
    }

    fn set(kid: &str) -> KeySet {
        let key = format!(r#"{{"kty":"EC","crv":"P-256","kid":"{kid}","x":"f83O","y":"x_FE"}}"#);
        KeySet::parse(&format!("{{\"keys\":[{key}]}}"), &[]).unwrap()
    }

    #[test]
    fn only_other_keys_are_another_version() {
        let keys = KeyRegistry::default().of(&source("https://a.test/"));
        assert!(keys.keys().is_none() && keys.version() == 0);
        for (kid, version) in [("a", 1), ("a", 1), ("b", 2)] {
            keys.put(set(kid), 7);
            assert_eq!((keys.version(), keys.fetched_s()), (version, 7), "{kid}");
        }
    }

    #[test]
    fn who_fetches_is_woken_once_and_only_when_he_allows_it() {
        let mut registry = KeyRegistry::default();
        let keys = registry.of(&source("https://a.test/"));
        let wake = registry.wanted(9).0.remove(0).wake;
        assert!(!keys.ask() && wake.is_empty());
        keys.allow(true);
        assert!(keys.ask() && keys.ask());
        assert_eq!(wake.len(), 1);
        keys.allow(false);
        assert!(!keys.ask());
    }

    #[test]
    fn keys_stay_as_long_as_somebody_has_them() {
        let mut registry = KeyRegistry::default();
        let first = registry.of(&source("https://a.test/"));
        let same = registry.of(&source("https://a.test/"));
        let other = registry.of(&source("https://b.test/"));
        assert!(Arc::ptr_eq(&first, &same) && !Arc::ptr_eq(&first, &other));
        let (wanted, left) = registry.wanted(9);
        assert_eq!((wanted.len(), left, registry.wanted(9).0.len(), registry.iter().count()), (2, 0, 0, 2));
        drop((first, same));
        assert!(wanted[0].keys.upgrade().is_none() && wanted[0].wake.recv().is_err(), "who fetches them ends");
        let _again = registry.of(&source("https://a.test/"));
        assert_eq!((registry.wanted(9).0.len(), registry.known.len()), (1, 2));
    }
    #[test]
    fn what_finds_no_room_is_fetched_when_there_is_some() {
        let mut registry = KeyRegistry::default();
        let mut all: Vec<_> = ["a", "b", "c"].map(|name| registry.of(&source(name))).into();
        let (wanted, left) = registry.wanted(2);
        assert_eq!((wanted.len(), left), (2, 1));
        assert_eq!(registry.wanted(2).1, 1);
        all.remove(0);
        let (wanted, left) = registry.wanted(2);
        assert_eq!((wanted[0].keys.upgrade().unwrap().source().url.as_str(), left), ("c", 0));
    }
}
