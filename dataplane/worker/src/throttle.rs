//! The rules of a route in an exchange: the phase before the route's action, what is charged on the way, and the end.
//!
//! ```text
//! throttle -> (Meter: request, head, Metered)* -> Settled::of -> account -> Settled::end
//! ```
//!
//! An exchange has one admission, decided on once however often it is tried, and ended once, when the exchange is over:
//! whatever made it so, it comes back to where it began. Bodies that are to be slow wait here, holding one part, in pauses
//! short enough that no deadline takes them for silence. Nothing here allocates but a refusal.

use crate::{
    body::{Part, Source},
    exchange::Machine,
    forward::Forward,
    limits,
    record::Outcome,
    state::Worker,
};
use std::time::Duration;
use tollgate_http::{FieldEdits, Method, Reason, ResponseHead};
use tollgate_io::{Buffer, Io};
use tollgate_policy::{Admission, Now, Request, RuleOutcome, Rules, Throttled};
use tollgate_telemetry::RuleEffect;

/// What the rules of a route charge an exchange for as it goes.
#[derive(Clone, Copy)]
pub(crate) struct Meter<'a> {
    pub(crate) rules: Rules<'a>,
    admission: &'a Admission,
}

/// The body of a response that is charged for.
pub(crate) struct Metered<'m, 'a, 'p, S, I: Io> {
    pub(crate) source: &'m mut S,
    pub(crate) forward: &'m Forward<'a, 'p, I>,
    pub(crate) meter: &'m Meter<'a>,
}

/// An admission whose exchange is over.
pub(crate) struct Settled<'p> {
    rules: Rules<'p>,
    admission: Box<Admission>,
    /// Not of a watched request.
    is_counted: bool,
}

impl<I: Io> Worker<I> {
    /// The times that rules decide by.
    pub(crate) fn rule_time(&self) -> Now {
        let now = self.io.now();
        Now { monotonic_ns: now.nanos(), unix_s: (self.io.wall(now).0 / 1_000_000_000) as i64 }
    }
}

impl<'p, I: Io> Machine<'_, 'p, I> {
    /// Has the rules of the route decide on the request. What it was let in with, if the store has yet to decide.
    pub(crate) fn throttle(
        &self,
        rules: Rules<'p>,
        request: &Request<'_>,
    ) -> Result<Option<Box<Admission>>, Throttled<'p>> {
        let worker = &self.connection.worker;
        let (now, mut limiter) = (worker.rule_time(), worker.limiter.borrow_mut());
        let mut admission = rules.decide(request, now, &mut limiter, self.lines());
        if self.outcome.tracer.is_some() {
            self.trace_rules(&rules.explain(&mut admission, now, &mut limiter));
        }
        if admission.asks_store() {
            return Ok(Some(admission));
        }
        // Once per exchange, so that there is none yet.
        let admission = self.admission.get_or_init(|| admission);
        rules.throttled(admission).map_or(Ok(None), Err)
    }

    /// What the policies of the route do to the fields of the response.
    pub(crate) fn edits(&self) -> Option<&'p FieldEdits> {
        self.changes.get().and_then(|changes| changes.edits)
    }

    /// The field lines that policies of the route add to the response.
    pub(crate) fn lines(&self) -> &[u8] {
        match self.admission.get() {
            Some(admission) => admission.lines(),
            None => self.changes.get().map_or(&[], |changes| &changes.lines),
        }
    }

    /// The names of the rules that refuse the request.
    pub(crate) fn violated(&self) -> Vec<&str> {
        let judged = self.rules().zip(self.admission.get());
        judged.map(|(rules, admission)| rules.violated(admission).collect()).unwrap_or_default()
    }

    /// What is charged as the exchange goes, if anything is.
    pub(crate) fn meter(&self) -> Option<Meter<'_>> {
        let rules = self.rules().filter(|rules| self.outcome.tracer.is_none() && rules.charges_more())?;
        Some(Meter { rules, admission: self.admission.get()? })
    }

    /// Charges the content of an answer of our own.
    pub(crate) fn charge_answer(&self, content: &[u8]) {
        if let Some(meter) = self.meter().filter(|_| self.facts.method != Method::Head) {
            // It is small and leaves at once.
            let _ = meter.response(&self.connection.worker, content.len() as u64);
        }
    }

    fn rules(&self) -> Option<Rules<'p>> {
        rules_of(self.outcome)
    }
}

/// The rules that an exchange is subject to: those of its route, and of the plan it came by.
pub(crate) fn rules_of<'p>(outcome: &Outcome<'p>) -> Option<Rules<'p>> {
    let rules = outcome.route.get()?.chain.rules()?;
    Some(rules.with_plan(outcome.plan.get().map(|plan| &plan.rules)))
}

impl Meter<'_> {
    /// Charges a part of the request's body. How long it has to wait, in nanoseconds.
    pub(crate) fn request<I: Io>(&self, worker: &Worker<I>, bytes: u64) -> Duration {
        if !self.rules.charges_request() || bytes == 0 {
            return Duration::ZERO;
        }
        Duration::from_nanos(self.rules.charge_request(self.admission, bytes, worker.rule_time()))
    }

    /// Charges what the final head of the response says.
    pub(crate) fn head<I: Io>(&self, worker: &Worker<I>, head: &ResponseHead<'_>) {
        if self.rules.charges_head() {
            self.rules.charge_head(self.admission, worker.rule_time(), |name| head.field_named(name.as_bytes()));
        }
    }

    /// Charges a part of the response's body. How long it has to wait, in nanoseconds.
    fn response<I: Io>(&self, worker: &Worker<I>, bytes: u64) -> Duration {
        if !self.rules.charges_response() || bytes == 0 {
            return Duration::ZERO;
        }
        Duration::from_nanos(self.rules.charge_response(self.admission, bytes, worker.rule_time()))
    }
}

impl<I: Io> Forward<'_, '_, I> {
    /// Lets time pass because of a rule. Ends early when the exchange is ended.
    pub(crate) async fn pause(&self, wait: Duration) {
        if wait.is_zero() {
            return;
        }
        let step = limits::PACE_STEP.min(self.timeouts.idle / 2);
        let due = self.worker.io.now() + wait;
        while self.worker.io.now() < due && self.watch.cause().is_none() {
            // A pause is not silence.
            self.watch.progress();
            self.worker.io.sleep_until(due.min(self.worker.io.now() + step)).await;
        }
        self.watch.progress();
    }
}

impl<S: Source, I: Io> Source for Metered<'_, '_, '_, S, I> {
    fn ready(&mut self) -> Result<Option<Part>, Reason> {
        // What may have to wait is awaited.
        Ok(None)
    }

    async fn next(&mut self) -> Result<Part, Reason> {
        let part = match self.source.ready()? {
            Some(part) => part,
            None => self.source.next().await?,
        };
        let wait = self.meter.response(self.forward.worker, part.len());
        self.forward.pause(wait).await;
        Ok(part)
    }

    fn give_back(&mut self, buffer: Option<Buffer>) {
        self.source.give_back(buffer);
    }
}

impl<'p> Settled<'p> {
    /// What an exchange was let in with, if its route has rules that have judged it.
    pub(crate) fn of(admission: Option<Box<Admission>>, outcome: &Outcome<'p>) -> Option<Self> {
        Some(Self { rules: rules_of(outcome)?, admission: admission?, is_counted: outcome.tracer.is_none() })
    }

    /// The names of rules that refused the request, and of shadow rules that would have, with commas between.
    pub(crate) fn names(&self) -> (&[u8], &[u8]) {
        (self.admission.throttled_by(), self.admission.shadowed_by())
    }

    /// Counts what the rules did, and ends what the request was let in with.
    pub(crate) fn end<I: Io>(mut self, worker: &Worker<I>) {
        let outcomes = self.rules.outcomes(&self.admission);
        for (rule, outcome) in outcomes.filter(|_| self.is_counted) {
            let effect = match outcome {
                RuleOutcome::Admitted => RuleEffect::Admitted,
                RuleOutcome::Refused => RuleEffect::Refused,
                RuleOutcome::Shadowed => RuleEffect::Shadowed,
            };
            worker.metrics.rule(rule, effect);
        }
        self.rules.end(&mut self.admission, || worker.rule_time());
        worker.limiter.borrow_mut().give_back(self.admission);
    }
}
