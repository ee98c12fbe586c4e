//! What a request was let in with, until its exchange is over; and what a worker keeps for deciding.
//!
//! An [`Admission`] is memory that is used again: the worker lends it to an exchange, which gives it back after
//! [`Rules::end`](super::Rules::end). It says nothing of which rules it is of: that is the route's, as the exchange knows
//! it.

use std::cell::Cell;
use tollgate_limit::{Answer, Decision, Leases};
use tollgate_model::VALUE_BYTES_MAX;

use super::{key::Room, rule::Counted};

/// Admissions that a worker keeps for reuse, of about 1.5 KiB each. More are made while more are lent.
const SPARE_MAX: usize = 1024;

/// One worker's part of deciding.
pub struct Limiter {
    pub(crate) leases: Leases,
    pub(crate) room: Box<Room>,
    #[expect(
        clippy::vec_box,
        reason = "an exchange keeps a pointer, so that those without rules have no room for more"
    )]
    spare: Vec<Box<Admission>>,
}

/// A request, as the rules of its route have judged it.
#[derive(Debug, Default)]
pub struct Admission {
    /// Rules that concern the request; those that only slow bodies down among them.
    pub(crate) counted: Vec<Counted>,
    /// Of the same length. What they hold is given back when the exchange is over.
    pub(crate) answers: Vec<Answer>,
    /// Whether the store has yet to decide.
    pub(crate) asks_store: bool,
    /// Bits by index of `counted`.
    pub(crate) decision: Decision,
    pub(crate) lines: Vec<u8>,
    /// Names of the rules that refuse the request, then of shadow rules that would; commas between.
    pub(crate) names: Vec<u8>,
    /// Bytes of `names` that are of the former.
    pub(crate) refusing_len: usize,
    /// Whether rules were charged what the head of the response says.
    pub(crate) is_head_charged: Cell<bool>,
}

impl Limiter {
    /// For one of `workers` workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self { leases: Leases::new(workers), room: Box::new([0; VALUE_BYTES_MAX]), spare: Vec::new() }
    }

    /// Lends an admission.
    pub(crate) fn take(&mut self) -> Box<Admission> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes back an admission that has ended.
    pub fn give_back(&mut self, mut admission: Box<Admission>) {
        if self.spare.len() < SPARE_MAX {
            admission.clear();
            self.spare.push(admission);
        }
    }
}

impl Admission {
    fn clear(&mut self) {
        self.counted.clear();
        self.answers.clear();
        self.asks_store = false;
        self.lines.clear();
        self.names.clear();
        self.refusing_len = 0;
        self.decision = Decision::default();
        self.is_head_charged.set(false);
    }

    /// Whether the store that nodes share has to decide before the request goes on.
    #[must_use]
    pub fn asks_store(&self) -> bool {
        self.asks_store
    }

    /// Whether no rule refuses the request.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        self.decision.is_admitted()
    }

    /// The names of the rules that refuse the request, with commas between; empty for none.
    #[must_use]
    pub fn throttled_by(&self) -> &[u8] {
        &self.names[..self.refusing_len]
    }

    /// The same of the shadow rules that would refuse it.
    #[must_use]
    pub fn shadowed_by(&self) -> &[u8] {
        &self.names[self.refusing_len..]
    }

    /// Field lines that every response of the exchange gets.
    #[must_use]
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }
}
