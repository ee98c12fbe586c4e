//! Requests that are watched: what each phase says of one, with its time, for whoever debugs a configuration.
//!
//! ```text
//! Probes::add(Probe { peer }) .. a connection from `peer` -> Tracer: a note for each step -> Report
//! ```
//!
//! A watched request comes through a listener like any other, from an address that was told before, so that nothing in
//! a request makes it one. It is decided on by all policies, its rules give back what they took, and it is not counted as
//! usage. A request that nobody watches pays for a look at a null pointer in each step, a connection for one at a list.

use crate::{exchange::Machine, forward::Forwarded, plan_program::PlanProgram, policies::Early, record::Outcome};
use arc_swap::ArcSwap;
use crossbeam::channel::Sender;
use std::{
    cell::{Cell, RefCell},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use tollgate_http::Reason;
use tollgate_io::{Instant, Io};
use tollgate_policy::{Access, Caller, RuleVerdict, Step};

/// A connection that is watched.
#[derive(Debug)]
pub struct Probe {
    /// Where it comes from, exactly.
    pub peer: SocketAddr,
    /// In whose name it asks; its own without.
    pub client: Option<IpAddr>,
    /// What the names of routes begin with that it may reach; others are no routes for it.
    pub scope: String,
    /// Where it is told what became of its request.
    pub done: Sender<Report>,
}

/// The connections that are watched, which all workers look into.
#[derive(Debug, Default)]
pub struct Probes(ArcSwap<Vec<Arc<Probe>>>);

/// What became of a request that was watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What each step said, in their order.
    pub notes: Vec<Note>,
    /// The route, if there is one.
    pub route: Option<String>,
    /// What the client was answered; 0 if it was not.
    pub status: u16,
    /// The code of what went wrong.
    pub reason: Option<&'static str>,
    /// From the first byte of the request to the last of the answer, in nanoseconds.
    pub took_ns: u64,
}

/// What one step said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The phase, or what else was done.
    pub phase: &'static str,
    /// The policy, rule or endpoint.
    pub what: String,
    /// What it made of the request.
    pub verdict: Verdict,
    /// What else there is to know, by name.
    pub facts: Vec<(&'static str, String)>,
    /// Since the note before, in nanoseconds.
    pub took_ns: u64,
}

/// What a step made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Passed,
    /// It would be refused, by a rule that only looks.
    WouldRefuse,
    /// It is not decided on here: that would spend something.
    NotAsked,
    /// It is refused, or an attempt failed, for this.
    Refused(Reason),
    /// It is answered in place of an endpoint.
    Answered,
}

impl Probes {
    /// Watches a connection from now on.
    pub fn add(&self, probe: Arc<Probe>) {
        self.0.rcu(|known| known.iter().cloned().chain([probe.clone()]).collect::<Vec<_>>());
    }

    /// Watches it no more.
    pub fn remove(&self, probe: &Arc<Probe>) {
        self.0.rcu(|known| known.iter().filter(|other| !Arc::ptr_eq(other, probe)).cloned().collect::<Vec<_>>());
    }

    /// Who watches a connection from there.
    pub(crate) fn of(&self, peer: SocketAddr) -> Option<Arc<Probe>> {
        self.0.load().iter().find(|probe| probe.peer == peer).cloned()
    }
}

impl Note {
    /// A step that was passed.
    pub(crate) fn passed(phase: &'static str, what: impl Into<String>) -> Self {
        Self { phase, what: what.into(), verdict: Verdict::Passed, facts: Vec::new(), took_ns: 0 }
    }

    /// A step that said this.
    pub(crate) fn new(phase: &'static str, what: impl Into<String>, verdict: Verdict) -> Self {
        Self { verdict, ..Self::passed(phase, what) }
    }

    /// With something to know; nothing without a value.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.facts.push((name, value));
        }
        self
    }
}

/// What is noted of a request that is watched.
#[derive(Debug)]
pub(crate) struct Tracer {
    probe: Arc<Probe>,
    notes: RefCell<Vec<Note>>,
    last: Cell<Instant>,
}

impl Tracer {
    pub(crate) fn new(probe: Arc<Probe>, begun: Instant) -> Box<Self> {
        Box::new(Self { probe, notes: RefCell::default(), last: Cell::new(begun) })
    }

    /// Whether the request may reach this route.
    pub(crate) fn may_reach(&self, route: &str) -> bool {
        route.starts_with(&self.probe.scope)
    }

    pub(crate) fn note(&self, note: Note, now: Instant) {
        let took = now.since(self.last.replace(now));
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.notes.borrow_mut().push(Note { took_ns, ..note });
    }

    /// Tells what became of the request.
    pub(crate) fn end(&self, outcome: &Outcome<'_>, took_ns: u64) {
        let report = Report {
            notes: self.notes.take(),
            route: outcome.route.get().map(|route| route.route.name.clone()),
            status: outcome.status.get(),
            reason: outcome.reason.get().map(Reason::code),
            took_ns,
        };
        // Nobody may listen any more.
        let _ = self.probe.done.try_send(report);
    }
}

impl<'p, I: Io> Machine<'_, 'p, I> {
    /// Notes a step, if the request is watched.
    pub(crate) fn trace(&self, note: impl FnOnce() -> Note) {
        self.outcome.trace(note, || self.connection.worker.io.now());
    }

    /// Notes who calls and whether that one may.
    pub(crate) fn trace_caller(&self, result: Result<&Caller<'p>, Reason>) {
        self.trace(|| match result {
            Err(reason) => Note::new("identify", "", Verdict::Refused(reason)),
            Ok(caller) => Note::passed("identify", method(caller))
                .with("application", caller.name())
                .with("tenant", caller.tenant())
                .with("credential", caller.credential)
                .with("subject", caller.token.as_deref().map_or("", |token| token.subject())),
        });
    }

    /// Notes whether who calls may, and under which plan.
    pub(crate) fn trace_access(&self, access: Result<Access<'_>, Reason>, plan: Option<&PlanProgram>) {
        self.trace(|| match access {
            Err(reason) => Note::new("authorize", "", Verdict::Refused(reason)),
            Ok(access) => Note::passed("authorize", access.api).with("plan", plan.map_or("", |plan| &*plan.plan.name)),
        });
    }

    /// Notes what each rule said. What was taken is given back already.
    pub(crate) fn trace_rules(&self, verdicts: &[RuleVerdict]) {
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        for said in verdicts {
            let verdict = match said {
                RuleVerdict { is_refused: true, reason, .. } => Verdict::Refused(*reason),
                RuleVerdict { is_shadowed: true, .. } => Verdict::WouldRefuse,
                RuleVerdict { is_asked: false, .. } => Verdict::NotAsked,
                _ => Verdict::Passed,
            };
            self.trace(|| {
                let note = Note::new("throttle", &*said.rule, verdict);
                note.with("limit", number(said.limit)).with("remaining", number(said.remaining))
            });
        }
    }

    /// Notes what came of an attempt.
    pub(crate) fn trace_response(&self, result: Result<Forwarded, Reason>) {
        self.trace(|| {
            let Outcome { status, reason, .. } = self.outcome;
            let failure = result.err().or(reason.get());
            let verdict = failure.map_or(Verdict::Passed, Verdict::Refused);
            let status = Some(status.get()).filter(|status| *status > 0 && failure.is_none());
            Note::new("response", "", verdict).with("status", status.map(|code| code.to_string()).unwrap_or_default())
        });
    }

    /// Notes the request as an endpoint gets it. What a policy has put into it may be a secret, and is hidden.
    pub(crate) fn trace_head(&self, queued: &[u8], received: &[u8]) {
        self.trace(|| {
            let received: Vec<&[u8]> = lines(received).collect();
            let shown = lines(queued).enumerate().map(|(number, line)| {
                let is_known = is_ours(line) || received.contains(&line);
                let shown = match number {
                    0 => without_new_query(line, received.first().copied().unwrap_or_default()),
                    _ if is_known => line,
                    _ => &line[..name_len(line)],
                };
                let rest = if shown == line { "" } else { HIDDEN };
                String::from_utf8_lossy(shown).into_owned() + rest
            });
            Note::passed("transform_request", "").with("head", shown.collect::<Vec<_>>().join("\n"))
        });
    }
}

impl Outcome<'_> {
    /// Notes a step, if the request is watched.
    pub(crate) fn trace(&self, note: impl FnOnce() -> Note, now: impl FnOnce() -> Instant) {
        if let Some(tracer) = &self.tracer {
            tracer.note(note(), now());
        }
    }
}

/// What a step of the chain said.
pub(crate) fn verdict_of(step: &Step<'_>) -> Verdict {
    match step {
        Step::Continue => Verdict::Passed,
        Step::Refuse(reason) => Verdict::Refused(*reason),
        Step::Preflight(_) | Step::Mock(_) => Verdict::Answered,
    }
}

/// What is noted of a request that ended before its route's action, where no policy has noted it.
pub(crate) fn early_note(early: &Early<'_>) -> Option<Note> {
    match early {
        Early::Refused(reason @ (Reason::NoRoute | Reason::MethodNotAllowed | Reason::Misdirected), allow) => {
            let note = Note::new("route", "", Verdict::Refused(*reason));
            Some(note.with("allow", allow.as_deref().unwrap_or_default()))
        }
        Early::Refused(reason @ Reason::Overloaded, _) => Some(Note::new("shedding", "", Verdict::Refused(*reason))),
        _ => None,
    }
}

/// In the place of what is not shown.
const HIDDEN: &str = " (set by a policy)";

/// The lines of a head.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty())
}

fn name_len(line: &[u8]) -> usize {
    line.iter().position(|byte| *byte == b':').map_or(line.len(), |colon| colon + 1)
}

/// The request line up to its query, unless that is the client's.
fn without_new_query<'l>(line: &'l [u8], received: &[u8]) -> &'l [u8] {
    let query = |line: &[u8]| line.splitn(2, |byte| *byte == b'?').nth(1).map(<[u8]>::to_vec);
    let end = line.iter().position(|byte| *byte == b'?').map_or(line.len(), |at| at + 1);
    if query(line) == query(received) { line } else { &line[..end] }
}

/// How a caller was identified.
const fn method(caller: &Caller<'_>) -> &'static str {
    match caller {
        Caller { token: Some(_), .. } => "jwt",
        Caller { application: Some(_), .. } => "api_key",
        _ => "anonymous",
    }
}

/// Whether a field line says what the gateway knows and no policy has written.
fn is_ours(line: &[u8]) -> bool {
    const OURS: [&str; 8] = [
        "host:",
        "via:",
        "forwarded:",
        "x-request-id:",
        "traceparent:",
        "tracestate:",
        "content-length:",
        "transfer-encoding:",
    ];
    const FAMILIES: [&str; 2] = ["x-forwarded-", "x-consumer-"];
    let name = String::from_utf8_lossy(&line[..name_len(line)]).to_ascii_lowercase();
    OURS.contains(&&*name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_policy_wrote_is_hidden() {
        let shown = |line: &'static [u8]| is_ours(line);
        assert!(shown(b"Host: a") && shown(b"X-Forwarded-For: 10.0.0.1") && shown(b"x-consumer-plan: gold"));
        assert!(!shown(b"Authorization: Basic c2VjcmV0") && !shown(b"X-Key: k"));
        let (ours, theirs) = (b"GET /a?b=c&key=secret HTTP/1.1", b"GET /a?b=c HTTP/1.1");
        assert_eq!(without_new_query(ours, theirs), b"GET /a?");
        assert_eq!(without_new_query(theirs, theirs), theirs);
    }

    #[test]
    fn only_the_address_that_was_told_is_watched() {
        let (done, _reports) = crossbeam::channel::bounded(1);
        let peer = SocketAddr::from(([127, 0, 0, 1], 4000));
        let probe = Arc::new(Probe { peer, client: None, scope: String::new(), done });
        let probes = Probes::default();
        assert!(probes.of(peer).is_none());
        probes.add(probe.clone());
        assert!(probes.of(peer).is_some());
        assert!(probes.of(SocketAddr::from(([127, 0, 0, 1], 4001))).is_none());
        probes.remove(&probe);
        assert!(probes.of(peer).is_none());
    }
}
