//! Several rules on one request: all of them admit it and are charged, or none is.
//!
//! The rules are asked first and charged then, so that a request which one of them refuses costs the others nothing. If
//! a rule that had said yes refuses when it is charged, because another worker was faster, what the rules before it
//! took is given back. Shadow rules are charged what an admitted request would take and never refuse it.
//!
//! What a request costs may be known only when it is over. It is then let in when there is anything left, and charged
//! later ([`Ask::charge`]), into debt if need be: that is the one way to more than a limit.

use crate::{
    in_flight::{Entered, InFlight},
    lease::Leases,
    limits::RULES_MAX,
    quota::{QuotaVerdict, Quotas},
    rate::{Rate, Verdict},
    shared::{Borrow, Shared, Terms},
    throttle::Throttle,
    window::Window,
};

/// A rule, and what a request asks of it.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Who is asked for what.
    pub of: Rule<'a>,
    /// The hash of the rule's name and whom the request is counted for.
    pub key: u64,
    /// What the request costs; requests in flight always cost 1. 0 if that is not known yet: it is let in when there is
    /// at least one unit left, which is not taken.
    pub units: u64,
    /// Whether the rule counts and tells, but does not refuse.
    pub shadow: bool,
}

/// A limit with the state of its keys.
#[derive(Clone, Copy)]
pub enum Rule<'a> {
    /// A token bucket.
    Throttle(&'a Throttle, &'a Rate),
    /// A limit per calendar window, and the window it is.
    Quota(&'a Quotas, u64, &'a Window),
    /// A limit that nodes share, what a key may use, and the window it is.
    Shared(&'a Shared, Terms, &'a Window),
    /// A limit of requests in flight.
    InFlight(&'a InFlight, u32),
}

/// What a rule said, and what the request must give back.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    #[default]
    None,
    /// A bucket: what it said, for fields of the response.
    Throttle(Verdict),
    /// A counter.
    Quota(QuotaVerdict),
    /// In flight: the request leaves with it.
    Entered(Entered),
    /// As many were in flight as may be.
    Full,
}

/// The times of a decision.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Of the node's monotonic clock, in nanoseconds.
    pub monotonic_ns: u64,
    /// Of the wall clock, in seconds since 1970.
    pub unix_s: i64,
}

/// Which rules a request violates, a bit for each in the order they were asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Decision {
    /// Rules that refuse it.
    pub violated: u32,
    /// Shadow rules that would.
    pub shadowed: u32,
}

impl Decision {
    /// Whether the request may pass.
    pub fn is_admitted(self) -> bool {
        self.violated == 0
    }
}

/// Decides on a request by up to [`RULES_MAX`] rules, and writes into `answers`, as many as `asks`, what each of them
/// said.
pub fn decide(asks: &[Ask<'_>], now: Now, leases: &mut Leases, answers: &mut [Answer]) -> Decision {
    debug_assert!(asks.len() <= RULES_MAX && asks.len() == answers.len());
    if asks.len() > 1 && asks.iter().any(|ask| ask.refuses(now, leases)) {
        let decision = peek(asks, now, leases, answers);
        // Another worker may have given back between.
        if !decision.is_admitted() {
            return decision;
        }
    }
    let mut decision = Decision::default();
    for (bit, ask) in asks.iter().enumerate() {
        answers[bit] = ask.take(now, leases);
        if answers[bit].is_refusal() {
            decision.note(bit, ask.shadow, true);
            if !ask.shadow {
                give_back(&asks[..bit], now, leases, answers);
                break;
            }
        }
    }
    decision
}

/// What all of them say to a request, which takes nothing.
#[cold]
fn peek(asks: &[Ask<'_>], now: Now, leases: &mut Leases, answers: &mut [Answer]) -> Decision {
    let mut decision = Decision::default();
    for (bit, (ask, answer)) in asks.iter().zip(answers).enumerate() {
        *answer = ask.peek(now, leases);
        if answer.is_refusal() {
            decision.note(bit, ask.shadow, true);
        }
    }
    decision
}

/// Gives back what a request has taken of rules that let it in, since it is refused by another.
pub fn give_back(asks: &[Ask<'_>], now: Now, leases: &mut Leases, answers: &mut [Answer]) {
    asks.iter().zip(answers).for_each(|(ask, answer)| ask.give_back(answer, now, leases));
}

impl Decision {
    /// Adds what one more rule says.
    pub fn note(&mut self, bit: usize, shadow: bool, refused: bool) {
        let bits = if shadow { &mut self.shadowed } else { &mut self.violated };
        *bits |= u32::from(refused) << bit;
    }
}

impl Answer {
    fn is_refusal(&self) -> bool {
        match self {
            Self::Throttle(verdict) => !verdict.admitted,
            Self::Quota(verdict) => !verdict.admitted,
            Self::Full => true,
            Self::None | Self::Entered(_) => false,
        }
    }
}

impl Ask<'_> {
    /// Charges what the request turned out to cost, 0 units of it being known when it was decided on. Requests in
    /// flight cost what they do. Returns how long it takes until a bucket has no debt, in nanoseconds.
    pub fn charge(&self, units: u64, now: Now) -> u64 {
        match self.of {
            Rule::Throttle(throttle, rate) if units > 0 => throttle.charge(rate, self.key, units, now.monotonic_ns),
            Rule::Quota(quotas, _, window) if units > 0 => {
                quotas.charge(self.key, units, window, now.unix_s);
                0
            }
            Rule::Shared(shared, terms, window) if units > 0 => {
                shared.charge(&self.borrow(terms, window), units, now);
                0
            }
            Rule::Throttle(..) | Rule::Quota(..) | Rule::Shared(..) | Rule::InFlight(..) => 0,
        }
    }

    fn borrow<'w>(&self, terms: Terms, window: &'w Window) -> Borrow<'w> {
        Borrow { terms, key: self.key, units: self.units, window }
    }

    #[inline]
    fn peek(&self, now: Now, leases: &mut Leases) -> Answer {
        let units = self.units.max(1);
        match self.of {
            Rule::Throttle(throttle, rate) => {
                Answer::Throttle(throttle.peek(rate, self.key, units, now.monotonic_ns, leases))
            }
            Rule::Quota(quotas, limit, window) => Answer::Quota(quotas.peek(limit, self.key, units, window)),
            Rule::Shared(shared, terms, window) => Answer::Quota(shared.peek(&self.borrow(terms, window), now, leases)),
            Rule::InFlight(in_flight, limit) if in_flight.has_room(limit, self.key) => Answer::None,
            Rule::InFlight(..) => Answer::Full,
        }
    }

    /// Whether it would refuse the request, and may.
    #[inline]
    fn refuses(&self, now: Now, leases: &mut Leases) -> bool {
        !self.shadow && self.peek(now, leases).is_refusal()
    }

    #[inline]
    fn take(&self, now: Now, leases: &mut Leases) -> Answer {
        match self.of {
            Rule::Throttle(..) | Rule::Quota(..) | Rule::Shared(..) if self.units == 0 => self.peek(now, leases),
            Rule::Throttle(throttle, rate) => {
                Answer::Throttle(throttle.take(rate, self.key, self.units, now.monotonic_ns, leases))
            }
            Rule::Quota(quotas, limit, window) => {
                Answer::Quota(quotas.take(limit, self.key, self.units, window, now.unix_s))
            }
            Rule::Shared(shared, terms, window) => Answer::Quota(shared.take(&self.borrow(terms, window), now, leases)),
            Rule::InFlight(in_flight, limit) => in_flight.enter(limit, self.key).map_or(Answer::Full, Answer::Entered),
        }
    }

    fn give_back(&self, answer: &mut Answer, now: Now, leases: &mut Leases) {
        match (self.of, std::mem::take(answer)) {
            (Rule::Throttle(throttle, _), Answer::Throttle(verdict)) => {
                if self.units > 0 {
                    throttle.give_back(self.key, &verdict, now.monotonic_ns, leases);
                }
                *answer = Answer::Throttle(verdict);
            }
            (Rule::Quota(quotas, ..), Answer::Quota(verdict)) => {
                if verdict.admitted && self.units > 0 {
                    quotas.give_back(self.key, self.units, &verdict);
                }
                *answer = Answer::Quota(verdict);
            }
            (Rule::Shared(shared, _, window), Answer::Quota(verdict)) => {
                if verdict.admitted && self.units > 0 {
                    shared.quotas().lend(self.key, self.units, window);
                }
                *answer = Answer::Quota(verdict);
            }
            (Rule::InFlight(in_flight, _), Answer::Entered(entered)) => in_flight.leave(entered),
            (_, other) => *answer = other,
        }
    }
}
