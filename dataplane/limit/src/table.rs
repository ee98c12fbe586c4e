//! The table from keys to words: fixed memory, open addressing, one cache line for most look-ups.
//!
//! An entry is a key (a 64-bit hash the caller makes with keys of the node's own) and a word. Four entries are a cache
//! line, four lines a group; a key belongs to one group and is looked for line by line from its home line on. A key
//! never has two entries, and an entry is taken for another key only when its word says nothing any more
//! (`Word::reborn`). A group whose entries all say something sends further keys to one word they share, `Head::others`.
//!
//! Nothing locks and nothing waits: a charge is one compare-and-swap, an insertion three, whose order `Head::version`
//! keeps (docs/internals/throttling.md has the proof, `tests/loom` explores it). The table does not know what words
//! mean.

use super::{
    limits::{COUNTED_ENTRIES_MAX, ENTRIES_PER_2_KEYS},
    shape::{GROUP_LINES, LINE_ENTRIES},
    sync::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release},
};

const SLOTS: u64 = (LINE_ENTRIES * GROUP_LINES) as u64;
/// What `Head::version` names when no insertion is being finished.
const NO_SLOT: u64 = SLOTS;
/// `Head::version` is a count, times this, plus a slot.
const VERSION: u64 = 1 << 5;

/// What a table must know of its words.
///
/// A live word is even, and no live word of an entry may ever return after the entry was taken for another key: that is
/// what makes one compare-and-swap of the word enough to know whose it is.
pub(crate) trait Word {
    /// The live word with which an entry at `old` begins anew for another key; none if `old` still says something.
    /// It is higher than `old`, and grants a key no more than if it had been charged all that `others` was.
    fn reborn(&self, old: u64, others: u64) -> Option<u64>;

    /// What `others` must be at least, once an entry at `old` was forgotten.
    fn remembered(&self, old: u64) -> u64;
}

/// A key and its word. The word is even and live, or odd while the entry is being taken for another key.
#[derive(Default)]
pub(crate) struct Entry {
    key: AtomicU64,
    word: AtomicU64,
}

#[derive(Default)]
#[repr(align(64))]
struct Line([Entry; LINE_ENTRIES]);

/// What a group has beside its entries.
#[derive(Default)]
pub(crate) struct Head {
    /// Steps of insertions, and the slot whose insertion has been decided but perhaps not been written yet.
    version: AtomicU64,
    /// The word of all keys without an entry: charged by those that found no place, raised by what was forgotten.
    pub(crate) others: AtomicU64,
}

/// Where a key is charged.
pub(crate) enum Place<'a> {
    /// In its entry.
    Entry(&'a Entry),
    /// Together with others, for want of an entry. What was charged counts once `Table::confirm` agrees.
    Others(&'a Head, u64),
}

/// What became of an entry's word.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Update {
    /// It went from the first to the second.
    Stored(u64, u64),
    /// It was left as it is.
    Kept(u64),
    /// The entry is another key's by now.
    Gone,
}

/// An entry that an insertion has claimed for itself; nobody else touches it until a version names it.
struct Claim {
    slot: u64,
    /// The word it had before.
    old: u64,
    /// The odd word it has.
    word: u64,
}

pub(crate) struct Table {
    lines: Box<[Line]>,
    heads: Box<[Head]>,
}

/// No entry has key 0: an entry without key does.
#[inline]
fn key_of(hash: u64) -> u64 {
    hash.max(1)
}

impl Entry {
    /// Replaces the word by what `next` makes of it, as long as the entry is `hash`'s. `next` is told how often another
    /// worker came first.
    #[inline]
    pub(crate) fn update(&self, hash: u64, mut next: impl FnMut(u64, u32) -> Option<u64>) -> Update {
        let key = key_of(hash);
        let mut lost = 0;
        let mut word = self.word.load(Acquire);
        loop {
            // The key is read after the word: if the word is swapped below, it was this one all the time between.
            if word & 1 == 1 || self.key.load(Acquire) != key {
                return Update::Gone;
            }
            let Some(new) = next(word, lost) else { return Update::Kept(word) };
            match self.word.compare_exchange(word, new, AcqRel, Acquire) {
                Ok(_) => return Update::Stored(word, new),
                Err(now) => word = now,
            }
            lost += 1;
        }
    }

    fn is_live(&self, key: u64) -> bool {
        loop {
            let word = self.word.load(Acquire);
            if word & 1 == 1 || self.key.load(Acquire) != key {
                return false;
            }
            // The key stood there all the time if the word did; if it was only charged, look again.
            if self.word.load(Acquire) == word {
                return true;
            }
        }
    }
}

impl Table {
    /// A table in which `keys` keys have room.
    pub(crate) fn new(keys: usize) -> Self {
        let groups = (keys * ENTRIES_PER_2_KEYS).div_ceil(2 * SLOTS as usize).max(1);
        let lines = (0..groups * GROUP_LINES).map(|_| Line::default()).collect();
        Self { lines, heads: (0..groups).map(|_| Head::default()).collect() }
    }

    /// The entry of a key, if it has one; it may be another's by the time it is updated.
    #[inline]
    pub(crate) fn find(&self, hash: u64) -> Option<&Entry> {
        let key = key_of(hash);
        let group = self.group(key);
        let home = home(key);
        let lines = (0..GROUP_LINES).map(|step| group * GROUP_LINES + (home + step) % GROUP_LINES);
        lines.flat_map(|line| &self.lines[line].0).find(|entry| entry.key.load(Relaxed) == key)
    }

    /// Updates the entry of a key wherever it is; `Update::Gone` if it has none.
    pub(crate) fn update(&self, hash: u64, mut next: impl FnMut(u64, u32) -> Option<u64>) -> Update {
        let (key, group) = (key_of(hash), self.group(key_of(hash)));
        let mut found = self.find(hash);
        loop {
            match found.map_or(Update::Gone, |entry| entry.update(hash, &mut next)) {
                // What was found may have been claimed for the key by one who does not know yet that it has an entry.
                Update::Gone => match self.live(group, key, self.heads[group].version.load(Acquire)) {
                    None => return Update::Gone,
                    entry => found = entry,
                },
                update => return update,
            }
        }
    }

    /// The place of a key that was not found: the entry another worker has made meanwhile, a new one, or, where there
    /// is none left, the word of the others. The flag tells whether the entry is new.
    #[cold]
    pub(crate) fn enter(&self, hash: u64, words: &impl Word) -> (Place<'_>, bool) {
        let key = key_of(hash);
        let group = self.group(key);
        let head = &self.heads[group];
        let mut claim = None;
        loop {
            let version = head.version.load(Acquire);
            if let Some(entry) = self.live(group, key, version) {
                self.release(group, claim.as_ref());
                return (Place::Entry(entry), false);
            }
            let Some(own) = &mut claim else {
                let Some((slot, old)) = self.forgettable(group, key, words) else {
                    return (Place::Others(head, version), false);
                };
                claim = self.claim(group, key, (slot, old), version, words);
                continue;
            };
            if !self.refresh(group, own, words) {
                self.release(group, claim.as_ref());
                return (Place::Others(head, version), false);
            }
            if let Some(entry) = self.decide(group, own, version) {
                return (Place::Entry(entry), true);
            }
        }
    }

    /// Whether what was charged to the others of a group at `version` counts: if not, the key may have got an entry
    /// since.
    pub(crate) fn confirm(&self, head: &Head, version: u64) -> bool {
        head.version.compare_exchange(version, next(version, NO_SLOT), AcqRel, Acquire).is_ok()
    }

    /// What a key's group has beside its entries.
    pub(crate) fn head(&self, hash: u64) -> &Head {
        &self.heads[self.group(key_of(hash))]
    }

    /// Every entry with a key, in no order; a key may come or go meanwhile.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, &Entry)> {
        let entries = self.lines.iter().flat_map(|line| &line.0);
        entries.map(|entry| (entry.key.load(Acquire), entry)).filter(|(key, _)| *key != 0)
    }

    /// The words of keys without an entry, by group.
    pub(crate) fn others(&self) -> impl Iterator<Item = &AtomicU64> {
        self.heads.iter().map(|head| &head.others)
    }

    /// How many entries of keys have a word that says something, as `is_live` tells. A table of more than
    /// [`COUNTED_ENTRIES_MAX`] entries is estimated by a part of its groups, which keys are spread over evenly.
    pub(crate) fn count(&self, is_live: impl Fn(u64) -> bool) -> u64 {
        let groups = self.heads.len();
        let step = (groups * SLOTS as usize).div_ceil(COUNTED_ENTRIES_MAX);
        let lines = (0..groups).step_by(step).flat_map(|group| &self.lines[group * GROUP_LINES..][..GROUP_LINES]);
        let is_counted = |entry: &&Entry| {
            let word = entry.word.load(Relaxed);
            entry.key.load(Relaxed) != 0 && word & 1 == 0 && is_live(word)
        };
        let live = lines.flat_map(|line| &line.0).filter(is_counted).count();
        (live * groups / groups.div_ceil(step)) as u64
    }

    /// Bytes the table takes, now and for ever.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val::<[Line]>(&self.lines) + size_of_val::<[Head]>(&self.heads)
    }

    #[inline]
    fn group(&self, key: u64) -> usize {
        ((u128::from(key) * self.heads.len() as u128) >> 64) as usize
    }

    #[inline]
    fn entry(&self, group: usize, slot: u64) -> &Entry {
        let slot = slot as usize;
        &self.lines[group * GROUP_LINES + slot / LINE_ENTRIES].0[slot % LINE_ENTRIES]
    }

    /// The live entry of a key, of all insertions decided up to a version.
    fn live(&self, group: usize, key: u64, version: u64) -> Option<&Entry> {
        self.finish(group, version);
        slots(key).map(|slot| self.entry(group, slot)).find(|entry| entry.is_live(key))
    }

    /// The first entry that says nothing any more, with its word.
    fn forgettable(&self, group: usize, key: u64, words: &impl Word) -> Option<(u64, u64)> {
        let others = self.heads[group].others.load(Acquire);
        let mut entries = slots(key).map(|slot| (slot, self.entry(group, slot).word.load(Acquire)));
        entries.find(|(_, word)| word & 1 == 0 && words.reborn(*word, others).is_some())
    }

    /// Takes an entry out of use and writes the key into it. The version moves on first, so that whoever still holds an
    /// older one cannot take this claim for the one that was decided then.
    fn claim(&self, group: usize, key: u64, (slot, old): (u64, u64), version: u64, words: &impl Word) -> Option<Claim> {
        let head = &self.heads[group];
        head.version.compare_exchange(version, next(version, NO_SLOT), AcqRel, Acquire).ok()?;
        let remembered = words.remembered(old);
        if remembered > head.others.load(Acquire) {
            head.others.fetch_max(remembered, AcqRel);
        }
        let word = words.reborn(old, head.others.load(Acquire))? - 1;
        let entry = self.entry(group, slot);
        entry.word.compare_exchange(old, word, AcqRel, Acquire).ok()?;
        entry.key.store(key, Release);
        Some(Claim { slot, old, word })
    }

    /// Raises a claim to what the others were charged meanwhile, since its key may have been among them; false if they
    /// leave no room for an entry at all.
    fn refresh(&self, group: usize, own: &mut Claim, words: &impl Word) -> bool {
        let Some(live) = words.reborn(own.old, self.heads[group].others.load(Acquire)) else { return false };
        if live - 1 > own.word {
            own.word = live - 1;
            self.entry(group, own.slot).word.store(own.word, Release);
        }
        true
    }

    /// Makes the claim the entry of its key, unless the version has moved on.
    fn decide(&self, group: usize, own: &Claim, version: u64) -> Option<&Entry> {
        self.heads[group].version.compare_exchange(version, next(version, own.slot), AcqRel, Acquire).ok()?;
        let entry = self.entry(group, own.slot);
        // Whoever inserts next may have done this already.
        let _ = entry.word.compare_exchange(own.word, own.word + 1, AcqRel, Relaxed);
        Some(entry)
    }

    /// Finishes the insertion that `version` names, if its owner has not yet.
    fn finish(&self, group: usize, version: u64) {
        let slot = version % VERSION;
        if slot == NO_SLOT {
            return;
        }
        let entry = self.entry(group, slot);
        let word = entry.word.load(Acquire);
        // As long as the version stands nobody has begun to claim, so the odd word is the one that was decided.
        if word & 1 == 1 && self.heads[group].version.load(Acquire) == version {
            let _ = entry.word.compare_exchange(word, word + 1, AcqRel, Relaxed);
        }
    }

    /// Gives back an entry that was claimed for a key that has one already.
    fn release(&self, group: usize, claim: Option<&Claim>) {
        if let Some(Claim { slot, word, .. }) = claim {
            let entry = self.entry(group, *slot);
            entry.key.store(0, Release);
            entry.word.store(word + 1, Release);
        }
    }
}

#[inline]
fn home(key: u64) -> usize {
    key as usize % GROUP_LINES
}

/// The slots of a group, those of the key's home line first.
fn slots(key: u64) -> impl Iterator<Item = u64> {
    let first = (home(key) * LINE_ENTRIES) as u64;
    (0..SLOTS).map(move |step| (first + step) % SLOTS)
}

fn next(version: u64, slot: u64) -> u64 {
    version - version % VERSION + VERSION + slot
}
