//! A limit that several nodes share: what this one may admit now, and the telling of who lends that it needs more.
//!
//! ```text
//! request -> Shared::take -> counts of this node: taken - lent <= initial share?
//!                 `-> Lender::want (never waits) .. Quotas::lend, later, on another thread
//! ```
//!
//! The counts are [`Quotas`] of which a loan takes away what was used, so that a decision is one compare-and-swap on this
//! node's memory. A key nobody has lent anything for may use its initial share, a small part of the limit, so that its
//! first request waits for nothing; all nodes together admit at most what they were lent and one initial share each
//! (docs/internals/cluster.md).

use crate::{
    lease::Leases,
    quota::{QuotaVerdict, Quotas},
    rules::Now,
    window::Window,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// The initial shares of all nodes together are at most this part of a limit, or a request of each node.
const INITIAL_PART: u64 = 200;

/// Buckets are counted in windows of this long, in seconds, so that keys are forgotten.
const BUCKET_WINDOW_S: i64 = 900;

/// What a key may use, all nodes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// So many units in a window.
    Quota(u64),
    /// A token bucket.
    Bucket {
        /// Units in `per`.
        limit: u64,
        /// In which `limit` units come.
        per: Duration,
        /// Units it holds.
        burst: u64,
    },
}

/// What a node needs for a key.
#[derive(Debug, Clone, Copy)]
pub struct Want {
    /// The number of the rule, with the lender.
    pub rule: u32,
    /// The key.
    pub key: u64,
    /// What a request of it asked for; at least 1.
    pub units: u64,
    /// What it may use.
    pub terms: Terms,
    /// In which it is counted.
    pub window: Window,
}

/// Who lends: asked from workers, so it neither waits nor allocates.
pub trait Lender: Send + Sync {
    /// Notes that a key needs more; may be forgotten, since it is said again.
    fn want(&self, want: Want);
}

/// What becomes of requests while the store cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenLost {
    /// The lender lends this node's part of the limit.
    Share,
    /// All are admitted.
    Open,
    /// None is.
    Closed,
}

/// The counts of a rule that nodes share.
pub struct Shared {
    quotas: Arc<Quotas>,
    rule: u32,
    nodes: u64,
    lender: Arc<dyn Lender>,
    when_lost: WhenLost,
    is_lost: Arc<AtomicBool>,
}

impl Terms {
    /// The most that a key may use at once.
    pub fn capacity(&self) -> u64 {
        match self {
            Self::Quota(limit) => *limit,
            Self::Bucket { burst, .. } => *burst,
        }
    }

    /// When there is more, in seconds since 1970: of a bucket in the time a unit takes, at least a second; its window means
    /// nothing to a client.
    pub(crate) fn end_s(&self, window: &Window, now: Now) -> i64 {
        let Self::Bucket { limit, per, .. } = self else { return window.end_s };
        now.unix_s.saturating_add_unsigned((per.as_secs() / (*limit).max(1)).max(1))
    }

    /// What each of `nodes` nodes may admit without a loan.
    pub fn initial(&self, nodes: u64) -> u64 {
        (self.capacity() / (INITIAL_PART * nodes.max(1))).max(1)
    }
}

impl Shared {
    /// Counts in `quotas`, which `lender` knows under the number `rule`; `is_lost` says whether the store cannot be
    /// reached.
    pub fn new(
        quotas: Arc<Quotas>,
        rule: u32,
        nodes: u64,
        lender: Arc<dyn Lender>,
        (when_lost, is_lost): (WhenLost, Arc<AtomicBool>),
    ) -> Self {
        Self { quotas, rule, nodes, lender, when_lost, is_lost }
    }

    /// The counts of this node.
    pub fn quotas(&self) -> &Arc<Quotas> {
        &self.quotas
    }

    /// The window that buckets are counted in at a time.
    pub fn bucket_window(now_s: i64) -> Window {
        let start_s = now_s.div_euclid(BUCKET_WINDOW_S) * BUCKET_WINDOW_S;
        Window { start_s, end_s: start_s + BUCKET_WINDOW_S }
    }

    /// Counts `units` for a key, or nothing if this node may not admit that many now.
    pub(crate) fn take(&self, ask: &Borrow<'_>, now: Now, leases: &mut Leases) -> QuotaVerdict {
        if let Some(verdict) = self.verdict_when_lost(ask) {
            return verdict;
        }
        let (allowed, initial) = self.allowed(ask);
        let verdict = self.quotas.take(allowed, ask.key, ask.units, ask.window, now.unix_s);
        if verdict.remaining < initial {
            self.want(ask, now, leases);
        }
        ask.told(verdict, now)
    }

    /// What `take` would say, with nothing counted.
    pub(crate) fn peek(&self, ask: &Borrow<'_>, now: Now, leases: &mut Leases) -> QuotaVerdict {
        if let Some(verdict) = self.verdict_when_lost(ask) {
            return verdict;
        }
        let verdict = self.quotas.peek(self.allowed(ask).0, ask.key, ask.units.max(1), ask.window);
        if !verdict.admitted {
            self.want(ask, now, leases);
        }
        ask.told(verdict, now)
    }

    /// Counts units that were not known when the request was decided on.
    pub(crate) fn charge(&self, ask: &Borrow<'_>, units: u64, now: Now) {
        self.quotas.charge(ask.key, units, ask.window, now.unix_s);
        self.lender.want(ask.want(self.rule, units));
    }

    /// What may be used without a loan: enough for one request, whatever it costs; and the initial share.
    fn allowed(&self, ask: &Borrow<'_>) -> (u64, u64) {
        let initial = ask.terms.initial(self.nodes);
        (initial.max(ask.units.min(ask.terms.capacity())), initial)
    }

    #[cold]
    fn want(&self, ask: &Borrow<'_>, now: Now, leases: &mut Leases) {
        if leases.may_want(ask.key, now.monotonic_ns) {
            self.lender.want(ask.want(self.rule, ask.units));
        }
    }

    fn verdict_when_lost(&self, ask: &Borrow<'_>) -> Option<QuotaVerdict> {
        let admitted = match self.when_lost {
            WhenLost::Share => return None,
            WhenLost::Open => true,
            WhenLost::Closed => false,
        };
        let remaining = if admitted { ask.terms.capacity() } else { 0 };
        let verdict = QuotaVerdict { admitted, remaining, end_s: ask.window.end_s };
        self.is_lost.load(Relaxed).then_some(verdict)
    }
}

/// What a request asks of a limit that nodes share.
pub(crate) struct Borrow<'a> {
    pub(crate) terms: Terms,
    pub(crate) key: u64,
    pub(crate) units: u64,
    pub(crate) window: &'a Window,
}

impl Borrow<'_> {
    fn want(&self, rule: u32, units: u64) -> Want {
        Want { rule, key: self.key, units: units.max(1), terms: self.terms, window: *self.window }
    }

    /// The counts know a quota's window best: another worker may have begun a later one.
    fn told(&self, verdict: QuotaVerdict, now: Now) -> QuotaVerdict {
        if let Terms::Quota(_) = self.terms {
            verdict
        } else {
            QuotaVerdict { end_s: self.terms.end_s(self.window, now), ..verdict }
        }
    }
}
