//! The judgement of an exchange: when its client has been told, and when its access record is there.
//!
//! Without an excuse an exchange ends as its plan says. What excuses a failure is narrow: a mishap of its own connection or
//! of the answers it was given, or something of the run that can have that very effect.

use super::{
    Model, credentials,
    mishap::{ENDING, Mishap},
    notes::{Note, Outcome, Told},
    plan::Expected,
    records::{Record, reason},
    served::HOP_BY_HOP,
};
use crate::{Failure, Fault, Framing, Reply};
use std::collections::BTreeMap;
use tollgate_http::Reason;

/// What can end the transport of an answer.
const CUTTING: [Mishap; 3] = [Mishap::CutAnswer, Mishap::NoAnswer, Mishap::BadAnswer];

/// The rest of a body is awaited behind an answer for no longer than this: `timeouts.linger` of every mix, and the longest
/// stall of a client.
const LINGERING_NANOS: u64 = 2_500_000_000;

impl Model {
    /// A client has been told about its request, as number `served` of its connection, with others `behind` it.
    /// `keeps_body`: it has never sent the body.
    pub(super) fn told(
        &self,
        token: u64,
        reply: &Result<Reply, Failure>,
        served: usize,
        keeps_body: bool,
        behind: &[u64],
    ) {
        let mut notes = self.notes.borrow_mut();
        let by_copy = reply.as_ref().is_ok_and(|reply| self.judge_copy(&notes, token, reply));
        // When that of one behind it is cut, an answer that is on its way may be lost with the connection.
        let is_taken_along = behind.iter().any(|token| notes[token].was_spoilt(&CUTTING));
        let is_cut_off = reply.is_err() && self.is_cut_off(&notes, token);
        let note = notes.get_mut(&token).expect("every request has a note");
        note.told_at = Some(self.world.now().nanos());
        note.outcome = match reply {
            Err(failure) => {
                assert!(!matches!(failure, Failure::Malformed(_)), "the client of {token} was sent: {failure}");
                let is_excused = is_taken_along || is_cut_off || self.may_fail(note);
                assert!(is_excused, "{token} failed without an excuse: {failure}\n{note:?}");
                Outcome::Failed
            }
            Ok(reply) => {
                if let Some(most) = self.rules.requests_per_connection {
                    assert!(served <= most && (served < most || reply.last), "answer {served} of {most}");
                }
                assert!(
                    !keeps_body || reply.last,
                    "a body that was not sent is taken for sent: {token} {:?} {:?}",
                    reply.head,
                    note.plan
                );
                let hop = HOP_BY_HOP.iter().find(|name| reply.head.field(name).is_some());
                assert_eq!(hop, None, "a field of the origin's connection went on: {:?}", reply.head);
                let by_origin = reply.head.field("x-try").is_some() && !by_copy;
                let reason = match () {
                    () if by_copy => None,
                    () if by_origin => self.judge_answer(note, reply),
                    () => self.judge_own(note, reply),
                };
                let id = reply.head.field("x-request-id").unwrap_or_default().to_owned();
                assert!(!id.is_empty() && note.tries.iter().all(|tried| tried.id == id), "{token} has two identifiers");
                if by_origin {
                    // It is known which of its tries was answered.
                    let nth = reply.head.field("x-try").and_then(|nth| nth.parse::<usize>().ok());
                    note.held_by_origin = nth.and_then(|nth| note.tries.get(nth)).map(|tried| tried.held);
                }
                Outcome::Told(Told { by_origin, by_copy, status: reply.head.status(), id, reason })
            }
        };
    }

    /// An answer of an origin.
    fn judge_answer(&self, note: &Note, reply: &Reply) -> Option<Reason> {
        let request = &note.plan.request;
        let token = request.token;
        assert_eq!(reply.head.token(), token, "the answer of another request");
        let nth: usize = reply.head.field("x-try").and_then(|nth| nth.parse().ok()).expect("a number");
        // One that was given up may come to an origin behind the next.
        // Of two at one time either may be the one that counts.
        let may_be_earlier = self.is_rough() || self.rules.hedges;
        let is_last = nth + 1 == note.tries.len() || may_be_earlier && nth < note.tries.len();
        assert!(is_last, "an answer of {token} that is not the last: {note:?}");
        let served = self.rules.habits.serve(token, nth);
        let answer = &served.answer;
        let is_whole = matches!(note.plan.expected, Expected::Forwarded) && note.whole > 0;
        assert!(is_whole || answer.early, "answer {token} without its request");
        assert_eq!(reply.head.status(), answer.status, "another status for {token}");
        let is_bare = request.method == "HEAD" || answer.status == 204;
        let body = if is_bare { &[][..] } else { &answer.body };
        assert!(reply.body == body, "damaged body of answer {token}: {} of {}", reply.body.len(), body.len());
        let is_known = |status: &u16| *status == 100 && answer.continues || answer.interim.contains(status);
        assert!(reply.interim.iter().all(is_known), "{token}: {:?}", reply.interim);
        let generation = self.generation_of(&reply.head);
        assert_eq!(generation, note.tries[nth].generation, "{token} ran on two snapshots");
        None
    }

    /// Whether it is the copy of an answer; if so, of a whole one to who asked for the same.
    fn judge_copy(&self, notes: &BTreeMap<u64, Note>, token: u64, reply: &Reply) -> bool {
        if reply.head.field("cache-status").is_none() {
            return false;
        }
        let (plan, of) = (&notes[&token].plan, &notes[&reply.head.token()]);
        assert!(self.rules.copies && matches!(plan.request.method, "GET" | "HEAD"), "a copy for {plan:?}");
        assert!(notes[&token].tries.is_empty(), "a copy for what was sent: {:?}", notes[&token]);
        let nth = reply.head.field("x-try").and_then(|nth| nth.parse().ok()).expect("a number");
        let answer = self.rules.habits.serve(of.plan.request.token, nth).answer;
        let same = (of.plan.request.method, of.plan.path(), of.whole > 0 || answer.early);
        assert_eq!(same, ("GET", plan.path(), true), "the copy of another answer for {token}: {of:?}");
        assert!([200, 204, 404].contains(&answer.status), "a copy of what may not be kept for {token}: {answer:?}");
        assert_eq!(reply.head.status(), answer.status, "another status for {token}");
        let is_bare = plan.request.method == "HEAD" || answer.status == 204;
        let body = if is_bare { &[][..] } else { &answer.body };
        assert!(reply.body == body, "damaged copy for {token}: {} of {}", reply.body.len(), body.len());
        assert!(is_bare || answer.framing != Framing::UntilClose, "a copy of what has no end for {token}");
        assert!(reply.interim.is_empty() && reply.head.field("age").is_some(), "{token}: {reply:?}");
        true
    }

    /// An answer of the gateway itself.
    fn judge_own(&self, note: &Note, reply: &Reply) -> Option<Reason> {
        let (request, status) = (&note.plan.request, reply.head.status());
        let body = String::from_utf8_lossy(&reply.body);
        let code = body.split_once("\"code\":\"").and_then(|(_, code)| code.split('"').next());
        let told = code.map(reason);
        // An answer to HEAD says its status only.
        let is = |reason: Reason| told.map_or(status == reason.status(), |told| told == reason);
        let is_right = match note.plan.expected {
            Expected::Answered(expected) => status == expected,
            Expected::Refused(reason) => is(reason),
            Expected::Malformed(form) => reply.last && form.reasons.iter().any(|&reason| is(reason)),
            Expected::Forwarded => false,
        };
        let is_excused = || Reason::ALL.iter().any(|&reason| is(reason) && self.may_refuse(note, reason));
        assert!(
            is_right || is_excused(),
            "{} refused with {status} {code:?} without an excuse: {note:?}",
            request.token
        );
        told
    }

    /// Whether the client may be left without a whole answer.
    fn may_fail(&self, note: &Note) -> bool {
        let is_cut = note.was_spoilt(&CUTTING);
        let may_end = self.has_seen(&ENDING) || self.has_seen(&[Mishap::EndpointFails]);
        self.is_rough() || note.excuse.is_some() || note.was_turned_away || is_cut || may_end
    }

    /// Whether it stood behind a request that the gateway has answered itself not long ago, whose body came too slowly to be
    /// awaited behind the answer.
    fn is_cut_off(&self, notes: &BTreeMap<u64, Note>, token: u64) -> bool {
        let (cut, now) = (&notes[&token], self.world.now().nanos());
        let is_own = |note: &Note| matches!(note.outcome, Outcome::Told(Told { by_origin: false, .. }));
        let is_recent = |note: &Note| note.told_at.is_some_and(|told| told + LINGERING_NANOS > now);
        let is_before = |note: &Note| note.client == cut.client && note.sent_at <= cut.sent_at && is_recent(note);
        self.may(&[Mishap::SlowSender])
            && notes.values().any(|note| is_before(note) && is_own(note) && !note.plan.request.body.is_empty())
    }

    /// Whether the gateway may refuse an exchange for this.
    fn may_refuse(&self, note: &Note, reason: Reason) -> bool {
        let (rough, faults) = (self.is_rough(), &self.rules.faults);
        let of_faults = |all: &[Fault]| all.iter().any(|&fault| faults.probability(fault) > 0.0);
        match reason {
            Reason::RequestTimeout | Reason::RequestIncomplete | Reason::ClientClosed => rough || note.excuse.is_some(),
            Reason::Draining => self.has_seen(&ENDING),
            Reason::NoEndpoint => {
                // A 503 that was declined is gone when there is no room for another try after all.
                let is_declined = self.rules.repeats_unavailable && note.was_spoilt(&[Mishap::Unavailable]);
                self.has_seen(&[Mishap::HealthChanges])
                    || is_declined && (self.rules.ejects || self.rules.upstream_connections_max.is_some())
            }
            Reason::CircuitOpen => self.rules.breaks,
            Reason::UpstreamOverloaded => self.rules.adapts,
            // Whether it was right to do so is seen when all is known.
            Reason::UpstreamThrottled => self.rules.throughput.is_some(),
            Reason::FaultInjected => self.rules.injects,
            Reason::UpstreamBusy => self.rules.upstream_connections_max.is_some(),
            Reason::ConnectRefused => of_faults(&[Fault::ConnectRefused]) || self.has_seen(&[Mishap::EndpointFails]),
            Reason::ConnectTimeout => of_faults(&[Fault::ConnectHangs]),
            Reason::ConnectFailed => of_faults(&[Fault::ConnectFails]),
            Reason::UpstreamClosed | Reason::ResponseIncomplete => {
                // An early answer may be followed by an end that nobody has announced, and a cut may come behind the last
                // byte of the answer before.
                let of_others = [Mishap::HangUp, Mishap::EarlyAnswer, Mishap::CutAnswer];
                let is_unlucky = self.may(&of_others) && !note.is_repeatable();
                rough || is_unlucky || self.has_seen(&[Mishap::EndpointFails]) || note.was_spoilt(&[Mishap::CutAnswer])
            }
            Reason::ResponseTimeout => rough || note.was_spoilt(&[Mishap::NoAnswer]),
            // Whether it was right to do so is seen when all is known.
            Reason::Throttled | Reason::QuotaExceeded | Reason::ConcurrencyExceeded => self.rules.may_limit(note),
            Reason::UpstreamMalformed | Reason::UpstreamHeadTooLarge => note.was_spoilt(&[Mishap::BadAnswer]),
            _ => false,
        }
    }

    /// Judges what cannot be before the workers have ended; `lines` are all access records.
    ///
    /// # Panics
    /// If something does not hold.
    pub fn judge(&self, lines: &[String]) {
        let mut notes = self.notes.borrow_mut();
        let mut nameless = BTreeMap::new();
        for record in lines.iter().map(|line| Record::parse(line)) {
            match record.token {
                Some(token) => {
                    let note = notes.get_mut(&token).unwrap_or_else(|| panic!("a record of nothing: {record:?}"));
                    assert!(note.record.is_none(), "two records of {token}: {:?} {record:?}", note.record);
                    note.record = Some(record);
                }
                None => {
                    let before = nameless.insert(record.id.clone(), record);
                    assert!(before.is_none(), "two records with one identifier: {before:?}");
                }
            }
        }
        for note in notes.values_mut() {
            if let Outcome::Told(told) = &note.outcome
                && note.record.is_none()
            {
                note.record = nameless.remove(&told.id);
            }
            self.judge_record(note);
        }
        self.judge_limits(notes.values());
        nameless.values().for_each(|record| self.judge_nameless(record));
    }

    fn judge_record(&self, note: &Note) {
        let token = note.plan.request.token;
        let is_untouched = note.tries.is_empty() && note.record.is_none();
        assert!(!note.was_turned_away || is_untouched, "{token} was served, and turned away: {note:?}");
        let Some(record) = &note.record else {
            let is_served = !note.tries.is_empty() || matches!(note.outcome, Outcome::Told(_));
            return assert!(!is_served, "{token} was served without a record: {note:?}");
        };
        let is_due = !matches!(note.outcome, Outcome::Unsent | Outcome::Dropped);
        assert!(is_due, "a record of what was never to be served: {note:?}");
        assert!(record.token.is_none() || record.method == note.plan.request.method, "another method: {note:?}");
        assert!(record.attempts >= note.tries.len(), "more tries than attempts: {note:?}");
        assert!(note.tries.iter().all(|tried| tried.id == record.id), "another identifier: {note:?}");
        let is_keyed = note.plan.request.target.starts_with("/keyed/");
        let is_known = record.application.as_deref() == Some(credentials::APPLICATION);
        let must_be_known = is_keyed && !note.tries.is_empty();
        assert!(!must_be_known || is_known, "a record of nobody: {note:?}");
        match &note.outcome {
            Outcome::Told(told) => {
                assert_eq!((told.status, &told.id), (record.status, &record.id), "told and written differ: {note:?}");
                assert_eq!(told.by_copy, record.is_copy, "a copy is written as such: {note:?}");
                let is_same = told.reason.is_none() || told.reason == record.reason;
                assert!(is_same, "another reason than the client's: {note:?}");
                let is_excused = |reason| self.is_expected(note, reason) || self.may_refuse(note, reason);
                assert!(record.reason.is_none_or(is_excused), "failed without an excuse: {note:?}");
                assert!(!told.by_origin || record.reason.is_none(), "answered, and failed: {note:?}");
            }
            _ => {
                let is_excused =
                    |reason| self.is_expected(note, reason) || self.may_refuse(note, reason) || self.may_fail(note);
                assert!(record.reason.is_none_or(is_excused), "failed without an excuse: {note:?}");
            }
        }
    }

    fn is_expected(&self, note: &Note, reason: Reason) -> bool {
        match note.plan.expected {
            Expected::Refused(expected) => reason == expected,
            Expected::Malformed(form) => form.reasons.contains(&reason),
            _ => false,
        }
    }

    /// A head that was not understood and that nobody was told of.
    fn judge_nameless(&self, record: &Record) {
        let is_left = matches!(record.reason, Some(Reason::ClientClosed | Reason::RequestIncomplete))
            || record.reason == Some(Reason::RequestTimeout);
        let may_leave = self.is_rough() || self.may(&[Mishap::ClientCuts, Mishap::ClientLeaves, Mishap::ClientStalls]);
        let is_bad = self.may(&[Mishap::BadRequest]) || record.reason == Some(Reason::Draining);
        assert!(is_left && may_leave || is_bad, "nobody sent what this record is of: {record:?}");
    }
}
