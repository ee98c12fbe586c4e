//! The copies that one worker keeps of one upstream's answers.
//!
//! ```text
//! URI -> index { epoch, names of the fields that answers vary by } -> epoch, who calls, values -> copy
//! ```
//!
//! To forget a URI is to drop its index: an epoch never comes again, so nothing finds the copies of it any more, and they
//! go as all that is not used. Memory is bounded: what was used least recently goes first. Nothing is shared, nothing
//! waits.

use ahash::RandomState;
use hashlink::LruCache;
use std::rc::Rc;
use tollgate_model::Cache;

use crate::{
    Draft, Kept, Request,
    limits::{DRAFTS_PART, ENTRY_BYTES, VARY_NAMES_MAX},
};

/// Copies, bounded in bytes.
pub struct Store {
    entries: LruCache<Box<[u8]>, Entry, RandomState>,
    bytes_max: usize,
    /// Of all entries.
    bytes: usize,
    /// Of answers that are being copied.
    draft_bytes: usize,
    /// Begun so far.
    epochs: u64,
}

enum Entry {
    Index(Rc<Index>),
    Copy(Rc<Kept>),
}

/// How the copies of a URI are told apart.
struct Index {
    epoch: u64,
    /// In lower case, each once and in order.
    names: Box<[Box<[u8]>]>,
}

impl Entry {
    fn bytes(&self, key: &[u8]) -> usize {
        let own = match self {
            Self::Index(index) => ENTRY_BYTES + index.names.iter().map(|name| name.len() + 16).sum::<usize>(),
            Self::Copy(kept) => kept.bytes(),
        };
        key.len() + own
    }
}

impl Store {
    /// An empty store that never takes more memory than this.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        let entries = LruCache::with_hasher(usize::MAX, RandomState::new());
        Self { entries, bytes_max, bytes: 0, draft_bytes: 0, epochs: 0 }
    }

    /// Changes how much memory it may take.
    pub fn resize(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
        self.shrink();
    }

    /// Bytes it takes, with those of answers that are being copied.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes + self.draft_bytes
    }

    /// Makes room for a part of an answer that is being copied; says whether there is any. To be given back with
    /// [`Store::release`].
    #[must_use]
    pub fn reserve(&mut self, bytes: usize) -> bool {
        if self.draft_bytes + bytes > self.bytes_max / DRAFTS_PART {
            return false;
        }
        self.draft_bytes += bytes;
        self.shrink();
        true
    }

    /// Gives room back that was reserved.
    pub fn release(&mut self, bytes: usize) {
        self.draft_bytes = self.draft_bytes.saturating_sub(bytes);
    }

    /// Keeps a copy of the whole answer to `request`, in place of the one there is.
    pub fn keep(&mut self, request: &Request, draft: Draft) {
        let (names, kept) = draft.finish();
        let Some(index) = self.index(request, names) else { return };
        let key = request.variant(index.epoch, &index.names);
        self.put(key, Entry::Copy(Rc::new(kept)));
    }

    /// The copy for `request`, if there is one that may be given.
    pub fn find(&mut self, request: &Request, rules: &Cache, now_ns: u64) -> Option<Rc<Kept>> {
        if !request.takes_copies() {
            return None;
        }
        let index = self.index_of(request)?;
        let key = request.variant(index.epoch, &index.names);
        let Some(Entry::Copy(kept)) = self.entries.get(&key) else { return None };
        let kept = kept.clone();
        if !kept.facts().may_be_given(now_ns, rules.age_max) {
            self.remove(&key);
            return None;
        }
        (kept.facts().is_public || !request.is_personal()).then_some(kept)
    }

    /// Forgets all copies of the URI of `request`, whoever they are for (RFC 9111, section 4.4).
    pub fn forget(&mut self, request: &Request) {
        self.remove(request.uri());
    }

    /// Forgets the copy that `request` would get.
    pub fn discard(&mut self, request: &Request) {
        if let Some(index) = self.index_of(request) {
            self.remove(&request.variant(index.epoch, &index.names));
        }
    }

    fn index_of(&mut self, request: &Request) -> Option<Rc<Index>> {
        match self.entries.get(request.uri()) {
            Some(Entry::Index(index)) => Some(index.clone()),
            _ => None,
        }
    }

    /// The index of the request's URI, in which answers vary by `names` at least. Answers for one URI may name different
    /// ones: all of them count, so that no copy is given for less than it varies by. `None` if they are too many.
    fn index(&mut self, request: &Request, names: Vec<Box<[u8]>>) -> Option<Rc<Index>> {
        let before = self.index_of(request);
        let mut names = names;
        if let Some(index) = &before {
            if names.iter().all(|name| index.names.contains(name)) {
                return before;
            }
            names.extend(index.names.iter().cloned());
            names.sort_unstable();
            names.dedup();
        }
        if names.len() > VARY_NAMES_MAX {
            self.forget(request);
            return None;
        }
        self.epochs += 1;
        let index = Rc::new(Index { epoch: self.epochs, names: names.into() });
        self.put(request.uri().into(), Entry::Index(index.clone()));
        Some(index)
    }

    fn put(&mut self, key: Box<[u8]>, entry: Entry) {
        self.remove(&key);
        let bytes = entry.bytes(&key);
        // Else it would push everything out, its own index as well.
        if bytes <= self.bytes_max / DRAFTS_PART {
            self.bytes += bytes;
            self.entries.insert(key, entry);
            self.shrink();
        }
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes(key);
        }
    }

    fn shrink(&mut self) {
        while self.bytes() > self.bytes_max
            && let Some((key, entry)) = self.entries.remove_lru()
        {
            self.bytes -= entry.bytes(&key);
        }
    }
}
