//! The origins' side of the model: what reaches them, and what they answer.
//!
//! Every byte that arrives is compared with what the client of its exchange sent; what may not be there fails at once.

use super::{
    Model, credentials,
    mishap::Mishap,
    notes::Try,
    plan::{Expected, Served},
};
use crate::{Answer, Head, Script, Seen, payload};
use std::rc::Rc;

/// Fields that end with their connection (RFC 9110, section 7.6.1); `X-Hop` because a Connection field names it.
pub(super) const HOP_BY_HOP: [&str; 4] = ["x-hop", "keep-alive", "proxy-connection", "te"];

/// An origin of the model.
pub(super) struct Serving {
    pub(super) model: Rc<Model>,
    /// Whether it belongs to the upstream `main`.
    pub(super) is_main: bool,
}

impl Script for Serving {
    fn answer(&self, head: &Head, nth: usize) -> Answer {
        if self.is_main {
            self.model.reached();
        }
        self.model.begun(head, nth)
    }

    fn take(&self, seen: Seen) -> Option<Seen> {
        self.model.whole(&seen);
        None
    }
}

impl Model {
    /// A head has reached an origin of `main`, which may not be sent more than its throughput from the start on.
    fn reached(&self) {
        self.reached.set(self.reached.get() + 1);
        let (count, now) = (self.reached.get(), self.world.now().nanos());
        if let Some((limit, burst)) = self.rules.throughput {
            let most = limit * now / 1_000_000_000 + burst;
            assert!(count <= most, "{count} requests sent by {now}, of {limit} in a second and {burst} at once");
        }
    }

    /// A head has reached an origin, as number `nth` of its connection.
    fn begun(&self, head: &Head, nth: usize) -> Answer {
        let token = head.token();
        let mut notes = self.notes.borrow_mut();
        let note = notes.get_mut(&token).unwrap_or_else(|| panic!("a request nobody made: {head:?}"));
        assert!(note.may_begin(), "forwarded what had to be refused: {head:?}");
        let request = &note.plan.request;
        credentials::judge(head, request);
        assert_eq!((head.word(0), head.word(1)), (request.method, note.plan.path()), "another request for {token}");
        let hop = HOP_BY_HOP.iter().find(|name| head.field(name).is_some());
        assert_eq!(hop, None, "a field of the client's connection went on: {head:?}");
        if let Some(most) = self.rules.upstream_requests_max {
            assert!(nth < most, "exchange {nth} of a connection for {most}");
        }
        let generation = self.generation_of(head);
        if let Some(generation) = generation {
            let range = note.generation_min..=self.published.get();
            assert!(range.contains(&generation), "{token} ran on snapshot {generation}, not one of {range:?}");
        }
        let before = note.tries.len();
        self.judge_repetition(note, nth > 0);
        let Served { answer, mishaps } = match note.plan.expected {
            Expected::Malformed(_) => Served { answer: Answer::new(Vec::new()), mishaps: Vec::new() },
            _ => self.rules.habits.serve(token, before),
        };
        mishaps.iter().for_each(|&mishap| self.happens(mishap));
        let id = head.field("x-request-id").unwrap_or_default().to_owned();
        assert!(!id.is_empty() && note.tries.iter().all(|tried| tried.id == id), "another identifier for {token}");
        let now = self.world.now().nanos();
        note.reached_at.get_or_insert(now);
        let held =
            (now, if answer.early || answer.raw.is_some() { now } else { now.saturating_add(answer.delay_nanos) });
        note.tries.push(Try { id, held, generation, is_reuse: nth > 0, mishaps });
        answer
    }

    /// Whether a request may reach an origin once more, on a connection that is used again or not.
    fn judge_repetition(&self, note: &super::Note, is_reuse: bool) {
        let Some(last) = note.tries.last() else { return };
        let request = &note.plan.request;
        assert!(note.is_repeatable(), "{} {} was sent twice", request.method, request.token);
        // One that was sent first may come last.
        let stale = usize::from(is_reuse || note.tries.iter().any(|tried| tried.is_reuse));
        let most = self.rules.attempts + stale + usize::from(self.rules.hedges);
        assert!(note.tries.len() < most, "{} tries of {}, {most} allowed", note.tries.len() + 1, request.token);
        let is_excused = self.is_rough()
            || self.rules.hedges
            || is_reuse
            || last.is_reuse
            || self.has_seen(&[Mishap::EndpointFails]);
        let mut named = vec![Mishap::CutAnswer, Mishap::NoAnswer];
        named.extend(self.rules.repeats_unavailable.then_some(Mishap::Unavailable));
        let is_named = last.mishaps.iter().any(|mishap| named.contains(mishap));
        assert!(is_excused || is_named, "{} was tried again after {:?}", request.token, last.mishaps);
    }

    /// A request has reached an origin to its end.
    fn whole(&self, seen: &Seen) {
        let mut notes = self.notes.borrow_mut();
        let note = notes.get_mut(&seen.head.token()).expect("its head was noted");
        let request = &note.plan.request;
        assert!(matches!(note.plan.expected, Expected::Forwarded), "an end of what had to be refused: {:?}", seen.head);
        assert!(seen.body == payload(request.token, request.body.len()), "damaged body of request {}", request.token);
        note.whole += 1;
    }

    /// The snapshot a message says to belong to.
    pub(super) fn generation_of(&self, head: &Head) -> Option<u64> {
        if !self.rules.marks_generation {
            return None;
        }
        let generation = head.field("x-generation").and_then(|generation| generation.parse().ok());
        assert!(generation.is_some(), "a message without its mark: {head:?}");
        generation
    }
}
