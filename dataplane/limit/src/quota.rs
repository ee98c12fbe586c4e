//! Exact counters by key and calendar window, shared by all workers of a node.
//!
//! A counter is a word of the [`table`](super::table): the end of its window in quarters of an hour, what was used in
//! it, and whether that has changed since it was last written down. What was used in a window that is over says
//! nothing, so the entry may be taken for another key. A worker whose clock is behind counts into the window that
//! others have begun.
//!
//! In a window a key is never admitted more than the limit, plus what operators granted. Writing down and reading back
//! is done elsewhere: [`Quotas::changed`] and [`Quotas::restore`] are the two ends of it.

use super::{
    sync::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
    table::{Place, Table, Update, Word},
    window::Window,
};

/// The highest limit and the most that may be granted: half a trillion. What may be more is counted in larger units.
pub const QUOTA_MAX: u64 = (1 << 39) - 1;

/// Windows are told apart by their ends in quarters of an hour, which go to the year 2089.
const QUARTER_S: i64 = 900;
const END_MAX: u64 = (1 << 22) - 1;
const END_SHIFT: u32 = 42;
const USED_SHIFT: u32 = 2;
/// Grants may bring what was used below 0.
const USED_ZERO: i64 = 1 << 39;
const USED_MASK: u64 = (1 << 40) - 1;
const CHANGED: u64 = 2;

/// The counters of one rule, or of several with the same calendar.
pub struct Quotas {
    table: Table,
    overflows: AtomicU64,
}

/// What a key has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Units used in the window; below 0 if more was granted.
    pub used: i64,
    /// The end of the window, in seconds since 1970, rounded up to a quarter of an hour. A blocked key has one beyond
    /// all windows.
    pub end_s: i64,
}

/// What a counter said to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaVerdict {
    /// Whether the request may pass. If not, nothing was counted.
    pub admitted: bool,
    /// Units left in the window.
    pub remaining: u64,
    /// When the window ends, in seconds since 1970; [`i64::MAX`] if the key is blocked.
    pub end_s: i64,
}

impl Usage {
    const BLOCKED: Self = Self { used: QUOTA_MAX as i64, end_s: END_MAX as i64 * QUARTER_S };

    fn of(word: u64) -> Self {
        let used = (word >> USED_SHIFT & USED_MASK) as i64 - USED_ZERO;
        Self { used, end_s: (word >> END_SHIFT) as i64 * QUARTER_S }
    }

    /// The word, unchanged since it was written down.
    fn word(self) -> u64 {
        let end = self.end_s.div_euclid(QUARTER_S).clamp(0, END_MAX as i64) as u64;
        let used = self.used.clamp(-USED_ZERO, QUOTA_MAX as i64) + USED_ZERO;
        end << END_SHIFT | (used as u64) << USED_SHIFT
    }

    /// Nothing used in a window.
    fn none(window: &Window) -> Self {
        let end = window.end_s.saturating_add(QUARTER_S - 1).div_euclid(QUARTER_S);
        Self { used: 0, end_s: end.clamp(1, END_MAX as i64 - 1) * QUARTER_S }
    }

    /// The same in a window, if that is later than its own.
    fn within(self, window: &Window) -> Self {
        let none = Self::none(window);
        if self.end_s < none.end_s { none } else { self }
    }

    /// With units more used, if they are within the limit.
    fn and(self, units: u64, limit: u64) -> Option<Self> {
        let used = self.used.checked_add_unsigned(units)?;
        let allowed = used <= limit.min(QUOTA_MAX) as i64 && !self.is_blocked();
        allowed.then_some(Self { used, ..self })
    }

    /// Whether an operator has blocked the key.
    pub fn is_blocked(&self) -> bool {
        *self == Self::BLOCKED
    }
}

/// Words of counters, for a key that is asked for in a window.
struct Counters<'a> {
    window: &'a Window,
    now_s: i64,
}

impl Word for Counters<'_> {
    fn reborn(&self, old: u64, others: u64) -> Option<u64> {
        let anew = Usage::none(self.window).word();
        (Usage::of(old).end_s <= self.now_s && old < anew).then(|| anew.max(others & !CHANGED))
    }

    fn remembered(&self, old: u64) -> u64 {
        old
    }
}

impl Quotas {
    /// Counters for `keys` keys in a window; memory for them is taken at once.
    pub fn new(keys: usize) -> Self {
        Self { table: Table::new(keys), overflows: AtomicU64::new(0) }
    }

    /// Counts `units` for a key in the window that `now_s` is in, or nothing if that were more than `limit`.
    pub fn take(&self, limit: u64, key: u64, units: u64, window: &Window, now_s: i64) -> QuotaVerdict {
        let next = |word| Some(Usage::of(word).within(window).and(units, limit)?.word() | CHANGED);
        verdict(&self.change(key, window, now_s, next), limit, window)
    }

    /// What `take` would say, with nothing counted.
    #[inline]
    pub fn peek(&self, limit: u64, key: u64, units: u64, window: &Window) -> QuotaVerdict {
        // Without an entry: where one would begin.
        let others = || Usage::of(self.table.head(key).others.load(Acquire));
        let usage = self.show(key).unwrap_or_else(others).within(window);
        let word = usage.word();
        let update = if usage.and(units, limit).is_some() { Update::Stored(word, word) } else { Update::Kept(word) };
        verdict(&update, limit, window)
    }

    /// Counts `units` that were not asked for beforehand, because they were not known: beyond any limit if need be.
    pub fn charge(&self, key: u64, units: u64, window: &Window, now_s: i64) {
        let next = |word| {
            let usage = Usage::of(word).within(window);
            let used = usage.used.saturating_add_unsigned(units).min(QUOTA_MAX as i64);
            (!usage.is_blocked()).then(|| Usage { used, ..usage }.word() | CHANGED)
        };
        self.change(key, window, now_s, next);
    }

    /// Notes that a key has used at least `used` units in a window, as somebody else has counted. Nothing if the table has no
    /// room for the key.
    pub fn note(&self, key: u64, used: u64, window: &Window, now_s: i64) {
        let used = used.min(QUOTA_MAX) as i64;
        self.set(key, window, now_s, |usage| {
            let usage = usage.within(window);
            if usage.end_s == Usage::none(window).end_s { Usage { used: usage.used.max(used), ..usage } } else { usage }
        });
    }

    /// Takes back what `take` counted, as long as its window goes on.
    pub fn give_back(&self, key: u64, units: u64, taken: &QuotaVerdict) {
        self.table.update(key, |word, _| {
            let usage = Usage::of(word);
            let same = usage.end_s == taken.end_s;
            same.then(|| Usage { used: usage.used.saturating_sub_unsigned(units), ..usage }.word() | CHANGED)
        });
    }

    /// Takes `units` off what a key has used, if its window is this one; else they are lost. Whether it did.
    pub fn lend(&self, key: u64, units: u64, window: &Window) -> bool {
        let end_s = Usage::none(window).end_s;
        let update = self.table.update(key, |word, _| {
            let usage = Usage::of(word);
            let used = usage.used.saturating_sub_unsigned(units);
            (usage.end_s == end_s).then(|| Usage { used, ..usage }.word() | CHANGED)
        });
        matches!(update, Update::Stored(..))
    }

    /// Takes away what a key was lent and has not used in this window: how much that was.
    pub fn take_back(&self, key: u64, window: &Window) -> u64 {
        let end_s = Usage::none(window).end_s;
        let update = self.table.update(key, |word, _| {
            let usage = Usage::of(word);
            (usage.end_s == end_s && usage.used < 0).then(|| Usage { used: 0, ..usage }.word() | CHANGED)
        });
        if let Update::Stored(old, _) = update { Usage::of(old).used.unsigned_abs() } else { 0 }
    }

    /// What a key has used beyond what it was lent in this window; 0 if nothing is known of it there.
    pub fn used_in(&self, key: u64, window: &Window) -> i64 {
        let end_s = Usage::none(window).end_s;
        self.show(key).filter(|usage| usage.end_s == end_s).map_or(0, |usage| usage.used)
    }

    /// What a key has used, if anything is known of it.
    pub fn show(&self, key: u64) -> Option<Usage> {
        match self.table.update(key, |_, _| None) {
            Update::Kept(word) => Some(Usage::of(word)),
            _ => None,
        }
    }

    /// Forgets what a key has used, and unblocks it. False if the table has no room for the key, here and below.
    pub fn reset(&self, key: u64, window: &Window, now_s: i64) -> bool {
        self.set(key, window, now_s, |usage| {
            if usage.is_blocked() { Usage::none(window) } else { Usage { used: 0, ..usage.within(window) } }
        })
    }

    /// Lets a key use `units` more than its limit in this window.
    pub fn grant(&self, key: u64, units: u64, window: &Window, now_s: i64) -> bool {
        self.set(key, window, now_s, |usage| {
            let usage = usage.within(window);
            let used = usage.used.saturating_sub_unsigned(units);
            if usage.is_blocked() { usage } else { Usage { used, ..usage } }
        })
    }

    /// Admits a key nothing more until it is reset.
    pub fn block(&self, key: u64, window: &Window, now_s: i64) -> bool {
        self.set(key, window, now_s, |_| Usage::BLOCKED)
    }

    /// Takes over what was written down, unless more is known already; nothing if its window is over at `now_s`.
    pub fn restore(&self, key: u64, usage: Usage, now_s: i64) -> bool {
        let window = Window { start_s: now_s, end_s: usage.end_s };
        // More was granted than used: less than the nothing of an entry that is not there yet.
        let is_new = self.show(key).is_none();
        let kept = |known: Usage| if is_new || known.word() < usage.word() { usage } else { known };
        usage.end_s <= now_s || self.set(key, &window, now_s, kept)
    }

    /// Counts what another process has counted: `more.used` units, or less if below 0, in the window that ends at `more.end_s`.
    /// Nothing if that is over at `now_s`, or the table has no room for the key.
    pub fn add(&self, key: u64, more: Usage, now_s: i64) {
        let window = Window { start_s: now_s, end_s: more.end_s };
        let add = |known: Usage| {
            let known = known.within(&window);
            let used = known.used.saturating_add(more.used).min(QUOTA_MAX as i64);
            if known.is_blocked() || known.end_s != more.end_s { known } else { Usage { used, ..known } }
        };
        let _ = more.end_s <= now_s || self.set(key, &window, now_s, add);
    }

    /// Every key whose usage has changed since this was last asked. Those that share a counter are not among them.
    pub fn changed(&self) -> impl Iterator<Item = (u64, Usage)> {
        self.table.entries().filter_map(|(key, entry)| {
            let clear = |word, _| (word & CHANGED != 0).then_some(word & !CHANGED);
            match entry.update(key, clear) {
                Update::Stored(_, word) => Some((key, Usage::of(word))),
                _ => None,
            }
        })
    }

    /// Every key of which something is known.
    pub fn all(&self) -> impl Iterator<Item = (u64, Usage)> {
        self.table.entries().filter_map(|(key, _)| Some((key, self.show(key)?)))
    }

    /// How many requests were charged to a counter they shared with others, because the table had no room for their
    /// key.
    pub fn overflows(&self) -> u64 {
        self.overflows.load(Relaxed)
    }

    /// How many keys have used something in a window that is not over; above some 75,000, an estimate.
    pub fn keys(&self, now_s: i64) -> u64 {
        self.table.count(|word| {
            let usage = Usage::of(word);
            usage.end_s > now_s && usage.used != 0
        })
    }

    /// Bytes of the table.
    pub fn bytes(&self) -> usize {
        self.table.bytes()
    }

    fn set(&self, key: u64, window: &Window, now_s: i64, next: impl Fn(Usage) -> Usage) -> bool {
        loop {
            let place = match self.table.find(key) {
                Some(entry) => Place::Entry(entry),
                None => self.table.enter(key, &Counters { window, now_s }).0,
            };
            let Place::Entry(entry) = place else { return false };
            let update = entry.update(key, |word, _| Some(next(Usage::of(word)).word() | CHANGED));
            if update != Update::Gone {
                return true;
            }
        }
    }

    fn change(&self, key: u64, window: &Window, now_s: i64, next: impl Fn(u64) -> Option<u64>) -> Update {
        let mut update = self.table.find(key).map_or(Update::Gone, |entry| entry.update(key, |word, _| next(word)));
        while update == Update::Gone {
            update = match self.table.enter(key, &Counters { window, now_s }).0 {
                Place::Entry(entry) => entry.update(key, |word, _| next(word)),
                Place::Others(head, version) => {
                    self.overflows.fetch_add(1, Relaxed);
                    let update = match head.others.fetch_update(AcqRel, Acquire, &next) {
                        Ok(old) => Update::Stored(old, next(old).unwrap_or(old)),
                        Err(old) => Update::Kept(old),
                    };
                    let counts = matches!(update, Update::Kept(_)) || self.table.confirm(head, version);
                    if counts { update } else { Update::Gone }
                }
            };
        }
        update
    }
}

fn verdict(update: &Update, limit: u64, window: &Window) -> QuotaVerdict {
    let (admitted, word) = match update {
        Update::Stored(_, new) => (true, *new),
        Update::Kept(old) => (false, *old),
        Update::Gone => (false, 0),
    };
    let usage = Usage::of(word).within(window);
    let left = limit.min(QUOTA_MAX) as i64 - usage.used;
    let (remaining, end_s) = if usage.is_blocked() { (0, i64::MAX) } else { (left.max(0) as u64, usage.end_s) };
    QuotaVerdict { admitted, remaining, end_s }
}
