//! How many requests of a key are in flight at the same time, over all workers of a node.
//!
//! A count is a word of the [`table`](super::table), with the number of times its entry began anew. A key with nothing
//! in flight says nothing. Who entered leaves exactly once, with what it got on entering; there is no guard that does
//! it on drop, since the exchange that owns it knows when it ends.

use super::{
    sync::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
    table::{Place, Table, Update, Word},
};

/// The highest limit of requests in flight.
pub const IN_FLIGHT_MAX: u32 = (1 << 20) - 1;

const COUNT_MASK: u64 = (1 << 21) - 1;
const LIFE: u64 = 1 << 22;
const ONE: u64 = 2;

/// The counts of one rule, or of several.
pub struct InFlight {
    table: Table,
    overflows: AtomicU64,
}

/// What a request got that entered; it leaves with it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a request that entered must leave"]
pub struct Entered {
    key: u64,
    is_other: bool,
}

struct Counts;

fn count(word: u64) -> u64 {
    word >> 1 & COUNT_MASK
}

impl Word for Counts {
    fn reborn(&self, old: u64, others: u64) -> Option<u64> {
        // While a key may be among the others it gets no count of its own beside them.
        (count(old) == 0 && count(others) == 0).then(|| (old & !(LIFE - 1)) + LIFE)
    }

    fn remembered(&self, _old: u64) -> u64 {
        0
    }
}

impl InFlight {
    /// Counts for `keys` keys with requests in flight at the same time; memory for them is taken at once.
    pub fn new(keys: usize) -> Self {
        Self { table: Table::new(keys), overflows: AtomicU64::new(0) }
    }

    /// Counts one more request of a key, unless `limit` are in flight.
    pub fn enter(&self, limit: u32, key: u64) -> Option<Entered> {
        let next = |word| (count(word) < u64::from(limit.min(IN_FLIGHT_MAX))).then_some(word + ONE);
        let mut update = self.table.find(key).map_or(Update::Gone, |entry| entry.update(key, |word, _| next(word)));
        let mut is_other = false;
        while update == Update::Gone {
            (update, is_other) = match self.table.enter(key, &Counts).0 {
                Place::Entry(entry) => (entry.update(key, |word, _| next(word)), false),
                Place::Others(head, version) => {
                    self.overflows.fetch_add(1, Relaxed);
                    let old = head.others.fetch_update(AcqRel, Acquire, next).ok()?;
                    if self.table.confirm(head, version) {
                        (Update::Stored(old, old), true)
                    } else {
                        head.others.fetch_sub(ONE, AcqRel);
                        (Update::Gone, false)
                    }
                }
            };
        }
        matches!(update, Update::Stored(..)).then_some(Entered { key, is_other })
    }

    /// Counts a request that entered no more.
    #[expect(clippy::needless_pass_by_value, reason = "who has left cannot leave again")]
    pub fn leave(&self, entered: Entered) {
        if entered.is_other {
            self.table.head(entered.key).others.fetch_sub(ONE, AcqRel);
        } else {
            // It has an entry: one with a count is not taken for another key.
            self.table.update(entered.key, |word, _| (count(word) > 0).then(|| word - ONE));
        }
    }

    /// Requests of a key that are in flight.
    pub fn show(&self, key: u64) -> u64 {
        match self.table.update(key, |_, _| None) {
            Update::Kept(word) => count(word),
            _ => 0,
        }
    }

    /// Whether [`InFlight::enter`] would find room.
    pub(crate) fn has_room(&self, limit: u32, key: u64) -> bool {
        let in_flight = match self.table.update(key, |_, _| None) {
            Update::Kept(word) => count(word),
            // Without an entry it would be counted with the others, if there are any.
            _ => count(self.table.head(key).others.load(Acquire)),
        };
        in_flight < u64::from(limit.min(IN_FLIGHT_MAX))
    }

    /// Requests of all keys that are in flight; looks at the whole table.
    pub fn total(&self) -> u64 {
        let entries = self.table.entries().map(|(key, _)| self.show(key));
        entries.sum::<u64>() + self.table.others().map(|others| count(others.load(Acquire))).sum::<u64>()
    }

    /// How many requests were counted together with those of other keys, because the table had no room for their key.
    pub fn overflows(&self) -> u64 {
        self.overflows.load(Relaxed)
    }

    /// How many keys have requests in flight; above some 75,000, an estimate.
    pub fn keys(&self) -> u64 {
        self.table.count(|word| count(word) > 0)
    }

    /// Bytes of the table.
    pub fn bytes(&self) -> usize {
        self.table.bytes()
    }
}
