//! A limit that the nodes' common store decides on, request by request: the question, and what is known without an answer.
//!
//! ```text
//! worker -> Store::ask (never waits) .. another thread asks the store .. the question comes back answered -> Strict::told
//! ```
//!
//! A question has all counts of a request: the store takes the units of all of them or of none, in one step. What the store
//! has said of a key is remembered in counts of this node, so that a request the store does not answer for can be decided
//! on by this node's part of what was left.

use crate::{
    quota::{QuotaVerdict, Quotas},
    rate::Rate,
    rules::{Now, Rule},
    shared::{Terms, WhenLost},
    throttle::Throttle,
    window::Window,
};
use std::{sync::Arc, time::Duration};

/// What a request asks the store.
#[derive(Debug, Default, PartialEq)]
pub struct Question {
    /// Which of the node's workers asks.
    pub worker: usize,
    /// By which it finds who waits.
    pub ticket: usize,
    /// At most [`RULES_MAX`](crate::RULES_MAX).
    pub counts: Vec<Count>,
    /// Whether the store has answered.
    pub is_answered: bool,
}

/// A count that a request would take units of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Count {
    /// The hash of the rule's name and whom the request is counted for.
    pub key: u64,
    /// What the request costs; at least 1.
    pub units: u64,
    /// What the key may use, all nodes together.
    pub terms: Terms,
    /// The end of the window of a quota, in seconds since 1970.
    pub end_s: i64,
    /// Whether the rule refuses nothing.
    pub shadow: bool,
    /// The answer: whether this count has room for the request.
    pub has_room: bool,
    /// The answer: units left, behind those of the request if it was admitted.
    pub left: u64,
}

/// Why a worker does without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// It did not come in time.
    Late,
    /// Too many questions are out.
    Full,
}

/// Units of a quota that were admitted without the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Debit {
    /// The key.
    pub key: u64,
    /// Of all nodes together, in the window.
    pub limit: u64,
    /// The end of the window, in seconds since 1970.
    pub end_s: i64,
    /// How many.
    pub units: u64,
}

/// Who asks the store: called by workers, so nothing here waits.
pub trait Store: Send + Sync {
    /// Takes a question, which comes back to the worker through its mailbox. One that waited longer than
    /// [`Store::patience`] is never asked.
    ///
    /// # Errors
    /// Too many questions wait, or the store is lost: the question.
    fn ask(&self, question: Box<Question>) -> Result<(), Box<Question>>;

    /// How long an answer is waited for.
    fn patience(&self) -> Duration;

    /// How many nodes there are.
    fn nodes(&self) -> u64;

    /// Notes why a question has no answer.
    fn note(&self, why: Unanswered);

    /// Units were admitted without the store, which is to be told when it is there.
    fn owe(&self, debit: Debit);
}

/// The limit of a rule that the store decides on.
pub struct Strict {
    store: Arc<dyn Store>,
    when_lost: WhenLost,
    known: Known,
}

/// What this node knows of keys.
enum Known {
    /// What was used, as the store said last.
    Quotas(Arc<Quotas>),
    /// What was admitted without the store.
    Buckets(Throttle),
}

impl Question {
    /// Whether every rule that may refuse has room.
    pub fn is_admitted(&self) -> bool {
        self.counts.iter().all(|count| count.has_room || count.shadow)
    }
}

impl Strict {
    /// A quota.
    pub fn of_quota(quotas: Arc<Quotas>, store: Arc<dyn Store>, when_lost: WhenLost) -> Self {
        Self { store, when_lost, known: Known::Quotas(quotas) }
    }

    /// Token buckets.
    pub fn of_buckets(buckets: Throttle, store: Arc<dyn Store>, when_lost: WhenLost) -> Self {
        Self { store, when_lost, known: Known::Buckets(buckets) }
    }

    /// Who asks the store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What this node knows of a quota's keys.
    pub fn quotas(&self) -> Option<&Arc<Quotas>> {
        if let Known::Quotas(quotas) = &self.known { Some(quotas) } else { None }
    }

    /// Keys this node knows something of now, at `now_ns` of its clock and `unix_s` of the calendar; of many an estimate.
    pub fn keys(&self, now_ns: u64, unix_s: i64) -> u64 {
        match &self.known {
            Known::Quotas(quotas) => quotas.keys(unix_s),
            Known::Buckets(buckets) => buckets.keys(now_ns),
        }
    }

    /// Decisions on keys this node had no room for.
    pub fn overflows(&self) -> u64 {
        match &self.known {
            Known::Quotas(quotas) => quotas.overflows(),
            Known::Buckets(buckets) => buckets.overflows(),
        }
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        match &self.known {
            Known::Quotas(quotas) => quotas.bytes(),
            Known::Buckets(buckets) => buckets.bytes(),
        }
    }

    /// What refuses a request before the store is asked: an operator who has blocked the key.
    pub fn blocked(&self, key: u64) -> Option<QuotaVerdict> {
        let is_blocked = self.quotas()?.show(key)?.is_blocked();
        is_blocked.then_some(QuotaVerdict { admitted: false, remaining: 0, end_s: i64::MAX })
    }

    /// What the store has said of a count.
    pub fn told(&self, count: &Count, window: &Window, now: Now) -> QuotaVerdict {
        if let (Known::Quotas(quotas), Terms::Quota(limit)) = (&self.known, count.terms) {
            quotas.note(count.key, limit.saturating_sub(count.left), window, now.unix_s);
        }
        QuotaVerdict { admitted: count.has_room, remaining: count.left, end_s: count.terms.end_s(window, now) }
    }

    /// What becomes of a request without the store, where that is no matter of counts.
    pub fn unanswered(&self, terms: Terms, window: &Window, now: Now) -> Option<QuotaVerdict> {
        match self.when_lost {
            WhenLost::Share => None,
            WhenLost::Open => {
                let remaining = terms.capacity();
                Some(QuotaVerdict { admitted: true, remaining, end_s: terms.end_s(window, now) })
            }
            // Nobody knows when it is back.
            WhenLost::Closed => {
                Some(QuotaVerdict { admitted: false, remaining: 0, end_s: now.unix_s.saturating_add(1) })
            }
        }
    }

    /// Who decides on this node's part: it is asked for the units of all nodes, since as many of the others do the same.
    /// `None` for a bucket without a rate.
    pub fn part<'a>(&'a self, rate: Option<&'a Rate>, limit: u64, window: &'a Window) -> Option<Rule<'a>> {
        Some(match &self.known {
            Known::Quotas(quotas) => Rule::Quota(quotas, limit, window),
            Known::Buckets(buckets) => Rule::Throttle(buckets, rate?),
        })
    }
}
