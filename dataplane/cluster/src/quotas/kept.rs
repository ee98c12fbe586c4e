//! Counts that no rule has asked for yet: of rules that are not in the configuration now, and may be again.
//!
//! Counts of windows that are over go; of the others at most [`KEYS_MAX`] are kept.

use super::record::Counts;
use ahash::AHashMap;
use std::sync::Arc;
use tollgate_limit::Usage;

/// Keys that are kept; further ones are not, so that a file cannot take all memory.
const KEYS_MAX: usize = 4 << 20;

#[derive(Default)]
pub(super) struct Kept {
    rules: AHashMap<Arc<str>, AHashMap<u64, Usage>>,
    keys: usize,
}

impl Kept {
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Notes what a key has used, in place of what was known of it.
    pub(super) fn note(&mut self, identity: &str, key: u64, usage: Usage) {
        if !self.rules.contains_key(identity) {
            self.rules.insert(identity.into(), AHashMap::new());
        }
        let Some(keys) = self.rules.get_mut(identity) else { return };
        match keys.get_mut(&key) {
            Some(known) => *known = usage,
            None if self.keys < KEYS_MAX => {
                keys.insert(key, usage);
                self.keys += 1;
            }
            None => {}
        }
    }

    /// Notes what a key has used besides what is known of it.
    pub(super) fn add(&mut self, identity: &str, key: u64, more: Usage) {
        let known = self.rules.get(identity).and_then(|keys| keys.get(&key)).copied();
        match known.filter(|known| known.end_s >= more.end_s) {
            Some(known) if known.end_s > more.end_s => {}
            known => self.note(identity, key, Usage { used: more.used + known.map_or(0, |known| known.used), ..more }),
        }
    }

    /// Puts down the counts of a rule.
    pub(super) fn put(&mut self, counts: Counts) {
        for (key, usage) in counts.entries {
            self.note(&counts.identity, key, usage);
        }
    }

    /// Hands out the counts of a rule.
    pub(super) fn take(&mut self, identity: &str) -> impl Iterator<Item = (u64, Usage)> + use<> {
        let keys = self.rules.remove(identity).unwrap_or_default();
        self.keys -= keys.len();
        keys.into_iter()
    }

    /// Forgets what counts for nothing any more.
    pub(super) fn forget(&mut self, now_s: i64) {
        for keys in self.rules.values_mut() {
            keys.retain(|_, usage| usage.end_s > now_s);
        }
        self.rules.retain(|_, keys| !keys.is_empty());
        self.keys = self.rules.values().map(|keys| keys.len()).sum();
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = Counts> {
        self.rules.iter().map(|(identity, keys)| Counts::new(identity, keys.iter().map(|(key, usage)| (*key, *usage))))
    }
}
