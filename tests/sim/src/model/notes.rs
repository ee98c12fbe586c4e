//! What the model has seen of one exchange, from its client's side and from the origins'.
//!
//! Only notes: what they must come to is judged elsewhere (`judge`, `limits`), when all is over.

use super::{
    mishap::Mishap,
    plan::{Expected, Plan},
    records::Record,
};

use tollgate_http::Reason;

/// One exchange.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) plan: Plan,
    /// The number of its client.
    pub(super) client: usize,
    /// When it was sent, when its head reached an origin first, and when its client knew how it ended, in nanoseconds.
    pub(super) sent_at: u64,
    pub(super) reached_at: Option<u64>,
    pub(super) told_at: Option<u64>,
    /// From when to when the origin had it whose answer its client got, and had not begun to answer.
    pub(super) held_by_origin: Option<(u64, u64)>,
    /// What its client's connection is excused by.
    pub(super) excuse: Option<Mishap>,
    /// Its client's connection was turned away.
    pub(super) was_turned_away: bool,
    /// What every worker ran when it was sent.
    pub(super) generation_min: u64,
    pub(super) outcome: Outcome,
    /// By origins that got its head.
    pub(super) tries: Vec<Try>,
    /// How often it reached an origin to its end.
    pub(super) whole: usize,
    pub(super) record: Option<Record>,
}

/// A head that reached an origin.
#[derive(Debug)]
pub(super) struct Try {
    /// The request's identifier.
    pub(super) id: String,
    /// When it did, and when the answer began at the earliest, in nanoseconds.
    pub(super) held: (u64, u64),
    pub(super) generation: Option<u64>,
    /// Not the first of its connection.
    pub(super) is_reuse: bool,
    pub(super) mishaps: Vec<Mishap>,
}

/// What the client knows of its exchange.
#[derive(Debug)]
pub(super) enum Outcome {
    Unsent,
    Pending,
    /// Sent behind a request whose answer ended the connection: never to be served.
    Dropped,
    /// Nobody read on.
    Lost,
    /// Without a whole answer.
    Failed,
    Told(Told),
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) by_origin: bool,
    /// By the gateway, with the copy of what an origin has answered another.
    pub(super) by_copy: bool,
    pub(super) status: u16,
    /// The request's identifier.
    pub(super) id: String,
    pub(super) reason: Option<Reason>,
}

impl Note {
    pub(super) const fn new(plan: Plan, client: usize) -> Self {
        Self {
            plan,
            client,
            sent_at: 0,
            reached_at: None,
            told_at: None,
            held_by_origin: None,
            excuse: None,
            was_turned_away: false,
            generation_min: 0,
            outcome: Outcome::Unsent,
            tries: Vec::new(),
            whole: 0,
            record: None,
        }
    }

    /// Whether the request may be sent to an endpoint again (RFC 9110, section 9.2.2), once it has been.
    pub(super) fn is_repeatable(&self) -> bool {
        self.plan.request.body.is_empty() && self.plan.request.method != "POST"
    }

    /// Whether its bytes are no request.
    pub(super) const fn is_malformed(&self) -> bool {
        matches!(self.plan.expected, Expected::Malformed(_))
    }

    /// Whether its head may reach an origin.
    pub(super) const fn may_begin(&self) -> bool {
        match self.plan.expected {
            Expected::Forwarded | Expected::Refused(Reason::BodyTooLarge) => true,
            Expected::Malformed(form) => form.in_body,
            _ => false,
        }
    }

    /// Whether an answer to it was spoilt by any of `mishaps`.
    pub(super) fn was_spoilt(&self, mishaps: &[Mishap]) -> bool {
        self.tries.iter().flat_map(|tried| &tried.mishaps).any(|mishap| mishaps.contains(mishap))
    }
}
