//! Token buckets by key, shared by all workers of a node.
//!
//! A bucket is a word of the [`table`](super::table): twice its theoretical arrival time in ticks, 0 when it was never
//! used. What a bucket owes is told in time, not in units of its rule, so buckets of different rates may share a table,
//! and a rule whose limit changes keeps what was taken. A bucket that is full again says as much as none: its entry may
//! be taken for another key.
//!
//! At most `limit` x time + `burst` is admitted to a key in any stretch of time, whatever the clocks of the workers say
//! and whatever happened to its entry between. Two keys with the same hash share a bucket.

use super::{
    lease::Leases,
    limits::FILL_TICKS_MAX,
    rate::{Rate, Verdict, ticks},
    sync::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
    table::{Entry, Place, Table, Update, Word},
};

/// The buckets of one rule, or of several.
pub struct Throttle {
    table: Table,
    overflows: AtomicU64,
}

/// Words of buckets at a time, in ticks.
struct Buckets {
    now: u64,
}

impl Word for Buckets {
    fn reborn(&self, old: u64, others: u64) -> Option<u64> {
        let word = word(self.now);
        (old < word).then(|| word.max(others))
    }

    fn remembered(&self, old: u64) -> u64 {
        old
    }
}

/// The word of a bucket that is full at `full` ticks.
#[inline]
fn word(full: u64) -> u64 {
    full << 1
}

impl Throttle {
    /// Buckets for `keys` keys that are not full at the same time; memory for them is taken at once.
    pub fn new(keys: usize) -> Self {
        Self { table: Table::new(keys), overflows: AtomicU64::new(0) }
    }

    /// Takes `units` from the bucket of a key, or nothing.
    ///
    /// `key` is a hash with keys of the node's own, of the rule's name and whom the request is counted for; `now_ns` is
    /// the node's monotonic clock, which may differ between workers and go backward.
    #[inline]
    pub fn take(&self, rate: &Rate, key: u64, units: u64, now_ns: u64, leases: &mut Leases) -> Verdict {
        let (now, cost) = (ticks(now_ns), rate.cost(units));
        if let Some(full) = leases.take(rate, key, now, cost) {
            return Verdict { admitted: true, lead: full.saturating_sub(now), cost, end: leases.next(key) };
        }
        let mut ask = Ask { rate, key, now, cost, extra: 0 };
        let update = self.table.find(key).map_or(Update::Gone, |entry| ask.charge(entry, leases));
        match update {
            Update::Gone => self.take_anew(&mut ask, leases),
            update => ask.answer(&update, leases),
        }
    }

    /// What `take` would say, with nothing taken.
    #[inline]
    pub fn peek(&self, rate: &Rate, key: u64, units: u64, now_ns: u64, leases: &Leases) -> Verdict {
        let (now, cost) = (ticks(now_ns), rate.cost(units));
        let full = match self.table.update(key, |_, _| None) {
            Update::Kept(word) => word >> 1,
            // Where its entry would begin.
            _ => self.table.head(key).others.load(Acquire) >> 1,
        };
        let lead = full.saturating_sub(now);
        let admitted = rate.place(full, now, cost).is_some() || leases.has(rate, key, now, cost);
        Verdict { admitted, lead, cost, end: 0 }
    }

    /// Charges a bucket `units` that were not asked for beforehand, because they were not known: into debt if it has
    /// less. It then admits nothing until that is refilled, but after four years at the most. Returns how long it takes
    /// until there is no debt, in nanoseconds.
    pub fn charge(&self, rate: &Rate, key: u64, units: u64, now_ns: u64) -> u64 {
        let (now, cost) = (ticks(now_ns), rate.cost(units));
        let next = |word: u64| {
            let full = word >> 1;
            // Below 2^63 whatever the clocks say, and it never goes back.
            let end = (full.max(now) + cost).min(now + FILL_TICKS_MAX).max(full);
            Some(end << 1)
        };
        let mut update = self.table.find(key).map_or(Update::Gone, |entry| entry.update(key, |word, _| next(word)));
        while update == Update::Gone {
            update = match self.table.enter(key, &Buckets { now }).0 {
                Place::Entry(entry) => entry.update(key, |word, _| next(word)),
                Place::Others(head, version) => {
                    self.overflows.fetch_add(1, Relaxed);
                    let charged = head.others.fetch_update(AcqRel, Acquire, next);
                    let counts = self.table.confirm(head, version);
                    charged
                        .ok()
                        .filter(|_| counts)
                        .map_or(Update::Gone, |old| Update::Stored(old, next(old).unwrap_or(old)))
                }
            };
        }
        let full = if let Update::Stored(_, word) = update { word >> 1 } else { now };
        rate.debt_ns(full.saturating_sub(now))
    }

    /// Gives back what a request took, as `take` told, that was refused for another reason: the worker's next request
    /// for the key may have it, for as long as it would have stayed in the bucket. False if the worker has no place for
    /// it: then it is spent.
    pub fn give_back(&self, key: u64, taken: &Verdict, now_ns: u64, leases: &mut Leases) -> bool {
        taken.admitted && leases.put(key, ticks(now_ns), taken.end.saturating_sub(taken.cost), taken.end)
    }

    /// How many requests were charged to a bucket they shared with others, because the table had no room for their key.
    pub fn overflows(&self) -> u64 {
        self.overflows.load(Relaxed)
    }

    /// How many keys have a bucket that is not full; above some 75,000, an estimate.
    pub fn keys(&self, now_ns: u64) -> u64 {
        let full = word(ticks(now_ns));
        self.table.count(|word| word > full)
    }

    /// Bytes of the table.
    pub fn bytes(&self) -> usize {
        self.table.bytes()
    }

    /// `take` for a key without an entry.
    #[cold]
    fn take_anew(&self, ask: &mut Ask<'_>, leases: &mut Leases) -> Verdict {
        if ask.rate.place(0, ask.now, ask.cost).is_none() {
            // It asks for more than a burst: no entry for that.
            return ask.answer(&Update::Kept(0), leases);
        }
        loop {
            let update = match self.table.enter(ask.key, &Buckets { now: ask.now }).0 {
                Place::Entry(entry) => ask.charge(entry, leases),
                Place::Others(head, version) => {
                    self.overflows.fetch_add(1, Relaxed);
                    let update = ask.charge_others(&head.others);
                    if !matches!(update, Update::Stored(..)) || self.table.confirm(head, version) {
                        update
                    } else {
                        Update::Gone
                    }
                }
            };
            if update != Update::Gone {
                return ask.answer(&update, leases);
            }
        }
    }
}

/// A request for `cost` ticks.
struct Ask<'a> {
    rate: &'a Rate,
    key: u64,
    now: u64,
    cost: u64,
    /// Ticks taken beyond that, as a lease.
    extra: u64,
}

impl Ask<'_> {
    #[inline]
    fn charge(&mut self, entry: &Entry, leases: &Leases) -> Update {
        entry.update(self.key, |word, lost| {
            let end = self.rate.place(word >> 1, self.now, self.cost)?;
            self.extra = 0;
            if lost > 0 || leases.is_hot(self.key) {
                let room = leases.room(self.rate, self.key, self.now);
                if self.rate.place(end, self.now, room).is_some() {
                    self.extra = room;
                }
            }
            Some((end + self.extra) << 1)
        })
    }

    /// The same on the word that keys without an entry share.
    fn charge_others(&mut self, others: &AtomicU64) -> Update {
        self.extra = 0;
        let mut old = others.load(Acquire);
        loop {
            let Some(end) = self.rate.place(old >> 1, self.now, self.cost) else { return Update::Kept(old) };
            match others.compare_exchange(old, word(end), AcqRel, Acquire) {
                Ok(_) => return Update::Stored(old, word(end)),
                Err(now) => old = now,
            }
        }
    }

    #[inline]
    fn answer(&self, update: &Update, leases: &mut Leases) -> Verdict {
        let (admitted, full) = match update {
            Update::Stored(_, new) => (true, new >> 1),
            Update::Kept(old) => (false, old >> 1),
            Update::Gone => (false, self.now),
        };
        let end = full - if admitted { self.extra } else { 0 };
        if self.extra > 0 && admitted {
            leases.put(self.key, self.now, end, full);
        }
        Verdict { admitted, lead: full.saturating_sub(self.now), cost: self.cost, end }
    }
}
