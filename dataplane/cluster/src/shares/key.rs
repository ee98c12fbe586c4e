//! What the desk knows of a key, and how much it asks for: pure arithmetic.
//!
//! A loan covers what was used beyond earlier ones and what the key is likely to use until [`HORIZON_NS`]; of a quota at
//! most the node's fair part of half of what is left, so that the last units are not with one node while another refuses;
//! of a bucket the rest of the node's part of 1 % ([`Key::spare`]), since what a node holds unused comes on top of what the
//! bucket admits. From a bucket that is drained it is more: what is lent then owns a time far ahead, and comes on top of
//! nothing if it is used or dropped before (docs/internals/cluster.md).

use super::source::{Ask, Of};
use tollgate_limit::{Terms, Want, Window};

/// A loan is for this long.
const HORIZON_NS: u64 = 100_000_000;
/// What will be used up within this long is lent anew.
const SOON_NS: u64 = 10_000_000;
/// A loan of a drained bucket is for this long ...
const DRAINED_HORIZON_NS: u64 = 40_000_000;
/// ... must be used by then, counted from when it was asked for ...
const USE_BY_NS: u64 = 80_000_000;
/// ... and is given only where the bucket takes at least this long to be full: as long again, for a thread that comes late.
const DRAINED_NS: u64 = 2 * USE_BY_NS;
/// Demand is looked at no more often than this.
const LOOK_NS_MIN: u64 = 1_000_000;
/// After an answer that there is nothing left of a quota, until it is asked again.
const PAUSE_NS: u64 = 50_000_000;
/// The same of a bucket, at most.
const BUCKET_PAUSE_NS_MAX: u64 = 50_000_000;

const NS_PER_S: f64 = 1e9;

/// A key of a rule.
pub(super) struct Key {
    pub(super) terms: Terms,
    pub(super) window: Window,
    /// Units lent in this window, by whom ever.
    lent: i64,
    /// When it was last looked at, and what had been taken then.
    seen: (u64, i64),
    /// Units a second.
    rate: f64,
    /// What the store said is left.
    left: u64,
    /// What was lent of a drained bucket: what must have been taken, and by when; then the same of loans since the first.
    due: [Option<Due>; 2],
    /// The store has nothing before.
    pause_until: u64,
    /// Units the node has lent itself that the store does not know of.
    pub(super) alone: u64,
    /// When the node's own part of a bucket is full.
    full_ns: u64,
    /// When it was last wanted.
    pub(super) wanted_ns: u64,
    /// Whether it stands in the list of what is asked for next.
    pub(super) is_pending: bool,
    /// Whether it uses more than its initial share between two looks.
    pub(super) is_hot: bool,
    /// Whether it stands in the list of keys that are looked at.
    pub(super) is_listed: bool,
}

/// By `at_ns` so much must have been taken in the window, or what is lent is dropped.
#[derive(Clone, Copy)]
struct Due {
    taken: i64,
    at_ns: u64,
}

impl Key {
    pub(super) fn new(want: &Want, now: u64) -> Self {
        Self {
            terms: want.terms,
            window: want.window,
            lent: 0,
            seen: (now, 0),
            rate: 0.0,
            left: want.terms.capacity(),
            pause_until: 0,
            alone: 0,
            full_ns: 0,
            wanted_ns: now,
            is_pending: false,
            is_hot: false,
            is_listed: false,
            due: [None; 2],
        }
    }

    /// Notes that it is wanted; a later window begins with nothing.
    pub(super) fn wanted(&mut self, want: &Want, now: u64) {
        if want.window.end_s > self.window.end_s {
            let Self { rate, is_pending, is_hot, is_listed, full_ns, .. } = *self;
            *self = Self { rate, is_pending, is_hot, is_listed, full_ns, ..Self::new(want, now) };
        }
        self.terms = want.terms;
        self.wanted_ns = now;
    }

    pub(super) const fn is_paused(&self, now: u64) -> bool {
        now < self.pause_until
    }

    /// Looks at what was taken; `used` is what was beyond what was lent.
    pub(super) fn look(&mut self, used: i64, nodes: u64, now: u64) {
        let (then, taken) = (self.seen.0, used + self.lent);
        let elapsed = now.saturating_sub(then);
        if elapsed < LOOK_NS_MIN {
            return;
        }
        let rate = taken.saturating_sub(self.seen.1).max(0) as f64 * NS_PER_S / elapsed as f64;
        self.rate = if rate > self.rate { rate } else { (self.rate + rate) / 2.0 };
        self.seen = (now, taken);
        self.is_hot = self.within(SOON_NS) > self.terms.initial(nodes);
    }

    /// How many units to ask for: 0 if there are enough.
    pub(super) fn need(&self, used: i64, nodes: u64) -> u64 {
        let initial = self.terms.initial(nodes);
        let target = match self.terms {
            Terms::Quota(_) => self.within(HORIZON_NS).clamp(initial, initial.max(self.left / (2 * nodes))),
            Terms::Bucket { .. } if self.is_drained() => self.within(DRAINED_HORIZON_NS).max(self.spare(nodes)),
            Terms::Bucket { .. } => self.spare(nodes),
        };
        let low = if self.is_hot { self.within(SOON_NS).min(target / 2) } else { 0 };
        if used.saturating_neg() > low as i64 {
            return 0;
        }
        used.saturating_add_unsigned(target).max(0).unsigned_abs()
    }

    /// What a node may hold of a bucket, however full that is: with the initial share its part of 1 %, or a unit.
    fn spare(&self, nodes: u64) -> u64 {
        let part = self.terms.capacity() / (100 * nodes.max(1));
        part.saturating_sub(self.terms.initial(nodes)).max(1)
    }

    /// Whether the bucket had so little when it was last asked that the next loan may be larger; the store has the last word.
    fn is_drained(&self) -> bool {
        let missing = self.terms.capacity().saturating_sub(self.left);
        missing.saturating_mul(self.unit_ns()) >= DRAINED_NS
    }

    /// Whether a larger loan is about to be too old.
    pub(super) const fn has_due(&self) -> bool {
        self.due[0].is_some()
    }

    /// Whether what is lent is too old to be used; `used` is what was beyond what was lent.
    pub(super) fn is_overdue(&mut self, used: i64, now: u64) -> bool {
        let taken = used + self.lent;
        while self.due[0].is_some_and(|due| due.taken <= taken) {
            self.due = [self.due[1], None];
        }
        let is_overdue = self.due[0].is_some_and(|due| due.at_ns <= now);
        if is_overdue {
            self.due = [None; 2];
        }
        is_overdue
    }

    /// Notes a loan of a bucket: what is not used first may be what was lent first, so the earliest time holds for all.
    fn note_due(&mut self, is_larger: bool, sent: u64) {
        let due = Due { taken: self.lent, at_ns: sent.saturating_add(USE_BY_NS) };
        match &mut self.due {
            [None, _] if !is_larger => {}
            [first @ None, _] => *first = Some(due),
            [_, Some(second)] => second.taken = due.taken,
            [_, second] => *second = Some(due),
        }
    }

    /// Units likely to be used within a time.
    fn within(&self, ns: u64) -> u64 {
        (self.rate * ns as f64 / NS_PER_S) as u64
    }

    /// The question that asks for units; `used` is what was beyond what was lent.
    pub(super) fn of(&self, is_debit: bool, used: i64, nodes: u64) -> Of {
        match self.terms {
            Terms::Quota(limit) => Of::Quota { limit, end_s: self.window.end_s, is_debit },
            Terms::Bucket { limit, per, burst } => {
                let unit_us = per.as_secs_f64() * 1e6 / limit.max(1) as f64;
                let spare = used.saturating_add_unsigned(self.spare(nodes)).max(0).unsigned_abs();
                Of::Bucket { unit_us, fill_us: unit_us * burst as f64, spare, drained_us: DRAINED_NS / 1000 }
            }
        }
    }

    /// Notes what the store gave of what was asked for at `sent`, and what it has left.
    pub(super) fn given(&mut self, ask: &Ask, (given, left): (u64, u64), sent: u64, now: u64) {
        let asked = ask.units.unsigned_abs();
        (self.lent, self.left) = (self.lent.saturating_add_unsigned(given), left);
        if let Of::Bucket { spare, .. } = ask.of {
            self.note_due(given > spare, sent);
        }
        if given < asked {
            let pause = match self.terms {
                Terms::Quota(_) => PAUSE_NS,
                Terms::Bucket { .. } => self.unit_ns().min(BUCKET_PAUSE_NS_MAX),
            };
            self.pause_until = now + pause;
        }
    }

    /// Notes units that have gone back, or were dropped.
    pub(super) fn returned(&mut self, units: u64) {
        self.lent = self.lent.saturating_sub_unsigned(units);
    }

    /// What the node may lend itself of `need` units while the store is away: of a quota its part of what was left, of a
    /// bucket what its part of the rate has room for.
    pub(super) fn lend_alone(&mut self, need: u64, nodes: u64, now: u64) -> u64 {
        let given = match self.terms {
            Terms::Quota(limit) => need.min((self.left.min(limit) / nodes).saturating_sub(self.alone)),
            Terms::Bucket { burst, .. } => {
                let unit = self.unit_ns().saturating_mul(nodes).max(1);
                let full = self.full_ns.max(now);
                let fill = unit.saturating_mul((burst / nodes).max(1));
                let given = need.min(now.saturating_add(fill).saturating_sub(full) / unit);
                self.full_ns = full.saturating_add(given.saturating_mul(unit));
                given
            }
        };
        if matches!(self.terms, Terms::Quota(_)) {
            self.alone += given;
        }
        self.lent = self.lent.saturating_add_unsigned(given);
        given
    }

    fn unit_ns(&self) -> u64 {
        let Terms::Bucket { limit, per, .. } = self.terms else { return 0 };
        u64::try_from(per.as_nanos()).unwrap_or(u64::MAX).div_ceil(limit.max(1)).max(1)
    }
}
