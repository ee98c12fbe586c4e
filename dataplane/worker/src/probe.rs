//! The steps of a request that is watched, as they are noted for whoever debugs a configuration.
//!
//! It comes through a listener like any other, is decided on by all policies, and goes to an endpoint; its rules give back
//! what they took, and it is not counted as usage. A request that nobody watches pays for a look at a null pointer in
//! each step, a connection for one at a list.

use crate::{exchange::Machine, forward::Forwarded, plan_program::PlanProgram, policies::Early, record::Outcome};
use tollgate_http::Reason;
use tollgate_io::{Instant, Io};
use tollgate_policy::{Access, Caller, RuleVerdict, Step};
use tollgate_probe::{Note, Report, Verdict};

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

    /// Notes the request as an endpoint gets it.
    pub(crate) fn trace_head(&self, queued: &[u8], received: &[u8]) {
        self.trace(|| Note::passed("transform_request", "").with("head", tollgate_probe::shown(queued, received)));
    }
}

impl Outcome<'_> {
    /// Notes a step, if the request is watched.
    pub(crate) fn trace(&self, note: impl FnOnce() -> Note, now: impl FnOnce() -> Instant) {
        if let Some(tracer) = &self.tracer {
            tracer.note(note(), now());
        }
    }

    /// Tells whoever watches the request what became of it.
    pub(crate) fn end_trace(&self, took_ns: u64) {
        if let Some(tracer) = &self.tracer {
            tracer.end(Report {
                notes: Vec::new(),
                route: self.route.get().map(|route| route.route.name.clone()),
                status: self.status.get(),
                reason: self.reason.get().map(Reason::code),
                took_ns,
            });
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

/// How a caller was identified.
const fn method(caller: &Caller<'_>) -> &'static str {
    match caller {
        Caller { token: Some(_), .. } => "jwt",
        Caller { application: Some(_), .. } => "api_key",
        _ => "anonymous",
    }
}
