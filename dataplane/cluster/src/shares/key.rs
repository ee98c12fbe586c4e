//! What the desk knows of a key, and how much it asks for: pure arithmetic.
//!
//! A loan covers what was used beyond earlier ones and what the key is likely to use until [`HORIZON_NS`]; of a quota at
//! most the node's fair part of half of what is left, so that the last units are not with one node while another refuses;
//! of a bucket an initial share, since what a node holds unused comes on top of what the bucket admits.

use super::script::Of;
use tollgate_limit::{Terms, Want, Window};

/// A loan is for this long.
const HORIZON_NS: u64 = 100_000_000;
/// What will be used up within this long is lent anew.
const SOON_NS: u64 = 10_000_000;
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
    /// Of a quota, what the store said is left.
    left: u64,
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
        }
    }

    /// Notes that it is wanted; a later window begins with nothing.
    pub(super) fn wanted(&mut self, want: &Want, now: u64) {
        if want.window.end_s > self.window.end_s {
            let (rate, is_pending, is_hot) = (self.rate, self.is_pending, self.is_hot);
            let full_ns = self.full_ns;
            *self = Self { rate, is_pending, is_hot, full_ns, ..Self::new(want, now) };
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
        let most = match self.terms {
            Terms::Quota(_) => initial.max(self.left / (2 * nodes)),
            Terms::Bucket { .. } => initial,
        };
        let target = self.within(HORIZON_NS).clamp(initial, most);
        let low = if self.is_hot { self.within(SOON_NS).min(target / 2) } else { 0 };
        if used.saturating_neg() > low as i64 {
            return 0;
        }
        used.saturating_add_unsigned(target).max(0).unsigned_abs()
    }

    /// Units likely to be used within a time.
    fn within(&self, ns: u64) -> u64 {
        (self.rate * ns as f64 / NS_PER_S) as u64
    }

    /// The question that asks for units.
    pub(super) fn of(&self, is_debit: bool) -> Of {
        match self.terms {
            Terms::Quota(limit) => Of::Quota { limit, end_s: self.window.end_s, is_debit },
            Terms::Bucket { limit, per, burst } => {
                let unit_us = per.as_secs_f64() * 1e6 / limit.max(1) as f64;
                Of::Bucket { unit_us, fill_us: unit_us * burst as f64 }
            }
        }
    }

    /// Notes what the store gave of what was asked for, and what it has left.
    pub(super) fn given(&mut self, asked: u64, given: u64, left: u64, now: u64) {
        (self.lent, self.left) = (self.lent.saturating_add_unsigned(given), left);
        if given < asked {
            let pause = match self.terms {
                Terms::Quota(_) => PAUSE_NS,
                Terms::Bucket { .. } => self.unit_ns().min(BUCKET_PAUSE_NS_MAX),
            };
            self.pause_until = now + pause;
        }
    }

    /// Notes units that have gone back.
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
