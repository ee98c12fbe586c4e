//! A request as its upstream's breaker and limit see it: whether it is let in, and what it shows.
//!
//! ```text
//! enter --> Call --> response head, or what went wrong --> dropped: its place is free
//!    \--> refused, or what the fallback says
//! ```
//!
//! A call is one request however many attempts it takes. It shows something at most once, with the head of its response, so
//! that a long body does not keep a breaker half-open. An upstream with neither costs a look at a flag.

use crate::{
    program::{Program, UpstreamProgram},
    record::Outcome,
    state::Worker,
};
use std::cell::Cell;
use tollgate_balance::{Permit, Shown};
use tollgate_http::Reason;
use tollgate_io::{Instant, Io};
use tollgate_model::{Fallback, FixedAnswer};
use tollgate_telemetry::Guard;

/// What becomes of a request for an upstream.
pub(crate) enum Entry<'p> {
    /// It goes to this one.
    Upstream(&'p UpstreamProgram, Option<Call<'p>>),
    /// It is answered with this.
    Answer(&'p FixedAnswer),
    /// It gets a copy of this upstream's answers, if there is one; seconds until it makes sense to ask again, if not.
    Copy(&'p UpstreamProgram, u32),
    /// It is refused; seconds until it makes sense to ask again.
    Refused(Reason, u32),
}

/// A request that was let in, until it is dropped.
pub(crate) struct Call<'p> {
    upstream: &'p UpstreamProgram,
    begun: Instant,
    /// Until something was shown.
    permit: Cell<Option<Permit>>,
    is_shown: Cell<bool>,
}

/// Lets a request to `upstream` in.
pub(crate) fn enter<'p, I: Io>(worker: &Worker<I>, program: &'p Program, upstream: &'p UpstreamProgram) -> Entry<'p> {
    match upstream.is_guarded {
        false => Entry::Upstream(upstream, None),
        true => guarded(worker, program, upstream),
    }
}

#[cold]
fn guarded<'p, I: Io>(worker: &Worker<I>, program: &'p Program, upstream: &'p UpstreamProgram) -> Entry<'p> {
    let now = worker.io.now();
    let (reason, nanos) = match Call::begin(upstream, now) {
        Ok(call) => return Entry::Upstream(upstream, Some(call)),
        Err(refused) => refused,
    };
    worker.metrics.upstream_rejected(upstream.figures, guard(reason));
    let refused = Entry::Refused(reason, seconds(nanos));
    let fallback = upstream.upstream.breaker.as_ref().filter(|_| reason == Reason::CircuitOpen);
    match fallback.map(|breaker| &breaker.fallback) {
        None | Some(Fallback::Off) => refused,
        Some(Fallback::Answer(answer)) => Entry::Answer(answer),
        Some(Fallback::Cache(_)) => Entry::Copy(upstream, seconds(nanos)),
        Some(Fallback::Upstream(name)) => match program.upstream_named(name) {
            None => refused,
            Some(other) if !other.is_guarded => Entry::Upstream(other, None),
            // Its own fallback is not used: two might name each other.
            Some(other) => match Call::begin(other, now) {
                Ok(call) => Entry::Upstream(other, Some(call)),
                Err((reason, _)) => {
                    worker.metrics.upstream_rejected(other.figures, guard(reason));
                    refused
                }
            },
        },
    }
}

/// What has refused a request for this.
const fn guard(reason: Reason) -> Guard {
    match reason {
        Reason::CircuitOpen => Guard::Breaker,
        _ => Guard::Limit,
    }
}

/// What a `Retry-After` says of a time in nanoseconds.
pub(crate) fn seconds(nanos: u64) -> u32 {
    u32::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(u32::MAX).max(1)
}

impl<'p> Call<'p> {
    /// The reason it is not let in, and nanoseconds until it makes sense to ask again.
    fn begin(upstream: &'p UpstreamProgram, now: Instant) -> Result<Self, (Reason, u64)> {
        let state = &upstream.state;
        let permit = state.breaker().map(|breaker| breaker.admit(now.nanos())).transpose();
        let permit = permit.map_err(|nanos| (Reason::CircuitOpen, nanos))?;
        if state.adaptive().is_some_and(|limit| !limit.enter()) {
            if let (Some(breaker), Some(permit)) = (state.breaker(), permit) {
                breaker.release(permit);
            }
            return Err((Reason::UpstreamOverloaded, 0));
        }
        Ok(Self { upstream, begun: now, permit: Cell::new(permit), is_shown: Cell::new(false) })
    }

    /// Takes that the head of a final response with this status came at `now`.
    pub(crate) fn answered(&self, status: u16, outcome: &Outcome<'_>, now: Instant) {
        self.show(status >= 500, outcome, now);
    }

    /// Takes why there was no response, if that says something of the upstream.
    pub(crate) fn ended(&self, outcome: &Outcome<'_>, now: impl FnOnce() -> Instant) {
        if !self.is_shown.get() && outcome.reason.get().is_some_and(is_failure) {
            self.show(true, outcome, now());
        }
    }

    fn show(&self, failed: bool, outcome: &Outcome<'_>, now: Instant) {
        if self.is_shown.replace(true) {
            return;
        }
        let took = now.since(outcome.forwarded.get().unwrap_or(self.begun));
        let state = &self.upstream.state;
        let rules = self.upstream.upstream.breaker.as_ref();
        if let (Some(breaker), Some(permit), Some(rules)) = (state.breaker(), self.permit.take(), rules) {
            let slow = rules.slow.is_some_and(|(over, _)| took > over);
            breaker.report(permit, Shown { failed, slow }, now.nanos());
        }
        // What fails at once is no sign of speed.
        let is_time = !failed || outcome.reason.get() == Some(Reason::ResponseTimeout);
        if let Some(limit) = state.adaptive().filter(|_| is_time) {
            limit.sample(self.begun.nanos(), u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), now.nanos());
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let state = &self.upstream.state;
        if let (Some(breaker), Some(permit)) = (state.breaker(), self.permit.take()) {
            breaker.release(permit);
        }
        if let Some(limit) = state.adaptive() {
            limit.leave();
        }
    }
}

/// Whether an exchange that ended for this shows that the upstream is not well.
const fn is_failure(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NoEndpoint
            | Reason::ConnectRefused
            | Reason::ConnectTimeout
            | Reason::ConnectFailed
            | Reason::UpstreamTlsFailed
            | Reason::UpstreamTlsAlert
            | Reason::UpstreamCertificate
            | Reason::UpstreamClosed
            | Reason::UpstreamMalformed
            | Reason::UpstreamHeadTooLarge
            | Reason::ResponseIncomplete
            | Reason::ResponseTimeout
    )
}
