//! Who calls, in an exchange: the phases identify and authorize, what the endpoint is told, what an answer asks for.
//!
//! ```text
//! identify -> Caller -> authorize -> its plan holds (rules) -> the endpoint is told -> the record tells
//!    ^   `-> 401            `-> 403
//!    `-- a token that was not seen before: a side thread, meanwhile the worker goes on -- no room, late, no keys: 503
//! ```
//!
//! A caller points into the snapshot that the exchange began with, so that nothing of it is copied and a key that is revoked
//! meanwhile ends with the next request. Only a request that waits allocates what its waiting needs.

use crate::{exchange::Machine, limits, policies::Early, state::Worker};
use std::{rc::Rc, time::Duration};
use tollgate_http::{Consumer, Reason, RequestHead};
use tollgate_io::{Io, Mailbox};
use tollgate_policy::{Chain, Check, Identified, Identity, Job};

/// Notes the jobs that come back, until no more can.
pub(crate) async fn hear<I: Io>(worker: Rc<Worker<I>>, done: impl Mailbox<Box<Job>>) {
    while let Some(job) = done.receive().await {
        if let Some(job) = worker.jobs.note(job.ticket, job) {
            // Whoever asks next need not wait.
            let _ = job.settle(&mut worker.tokens.borrow_mut());
        }
    }
}

impl<'p, I: Io> Machine<'_, 'p, I> {
    /// Who calls, and whether that one may; or what has to be checked before that is known.
    pub(crate) fn identify(
        &self,
        identity: &'p Identity,
        head: &RequestHead<'_>,
    ) -> Result<Option<Box<Check>>, Early<'p>> {
        let worker = &self.connection.worker;
        let now_s = worker.io.wall(self.facts.begun).0 / 1_000_000_000;
        let refused = |reason| Early::Refused(reason, None);
        let (applications, mut tokens) = (&self.program.snapshot.applications, worker.tokens.borrow_mut());
        let mut caller = match identity.identify(head, applications, &mut tokens, now_s) {
            Err(reason) => {
                self.trace_caller(Err(reason));
                return Err(refused(reason));
            }
            Ok(Identified::Caller(caller)) => caller,
            Ok(Identified::Unseen(check)) => return Ok(Some(check)),
        };
        self.trace_caller(Ok(&caller));
        let access = identity.authorize(&caller);
        caller.access = access.unwrap_or_default();
        let plan = caller.access.subscription.and_then(|subscription| self.program.plan(subscription.plan?));
        self.outcome.plan.set(plan);
        self.trace_access(access, plan);
        // Whom a refusal is for is told too. Once per exchange, so that there is none yet.
        let _ = self.outcome.caller.set(caller);
        access.map(|_| None).map_err(refused)
    }

    /// Has a token verified by a side thread.
    pub(crate) async fn check(&self, check: Box<Check>, idle: Duration) -> Result<(), Early<'p>> {
        let worker = &self.connection.worker;
        let overloaded = || {
            self.outcome.retry_after_s.set(1);
            Err(Early::Refused(Reason::Overloaded, None))
        };
        let Some(ticket) = worker.jobs.take() else { return overloaded() };
        let job = Box::new(Job::new(worker.peers.index(), ticket, *check));
        let begun = worker.offload.borrow().as_ref().is_some_and(|offload| offload.begin(job).is_ok());
        if !begun {
            worker.jobs.give_back(ticket);
            return overloaded();
        }
        let (done, cause) = self.wait(&worker.jobs, ticket, (limits::JOB_PATIENCE, idle)).await;
        let is_done = done.is_some();
        if let Some(Err(reason)) = done.map(|job| job.settle(&mut worker.tokens.borrow_mut())) {
            if reason == Reason::KeysUnavailable {
                self.outcome.retry_after_s.set(1);
            }
            self.trace_caller(Err(reason));
            return Err(Early::Refused(reason, None));
        }
        match cause {
            Some(cause) => Err(Early::Refused(cause, None)),
            None if is_done => Ok(()),
            None => overloaded(),
        }
    }

    /// What the endpoint is told of who calls.
    pub(crate) fn consumer(&self) -> Option<Consumer<'_>> {
        let caller = self.outcome.caller.get()?;
        Some(Consumer {
            application: caller.name(),
            tenant: caller.tenant(),
            plan: self.outcome.plan.get().map_or("", |plan| &plan.plan.name),
            credential: caller.credential,
            subject: caller.token.as_deref().map_or("", |token| token.subject()),
        })
    }

    /// The field lines of a refusal that say what would be taken.
    pub(crate) fn challenge(&self, reason: Reason) -> &'p [u8] {
        self.chain().and_then(Chain::identity).map_or(&[], |identity| identity.challenge(reason))
    }
}
