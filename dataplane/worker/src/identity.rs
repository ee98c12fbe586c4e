//! Who calls, in an exchange: the phases identify and authorize, what the endpoint is told, what an answer asks for.
//!
//! ```text
//! identify -> Caller -> authorize -> its plan holds (rules) -> the endpoint is told -> the record tells
//!         `-> 401            `-> 403
//! ```
//!
//! A caller points into the snapshot that the exchange began with, so that nothing of it is copied and a key that is revoked
//! meanwhile ends with the next request.

use crate::{exchange::Machine, policies::Early};
use tollgate_http::{Consumer, Reason, RequestHead};
use tollgate_io::Io;
use tollgate_policy::{Caller, Identity};

impl<'p, I: Io> Machine<'_, 'p, I> {
    /// Who calls, and whether that one may.
    pub(crate) fn identify(&self, identity: &'p Identity, head: &RequestHead<'_>) -> Result<Caller<'p>, Early<'p>> {
        let now_s = u64::try_from(self.connection.worker.rule_time().unix_s).unwrap_or(0);
        let refused = |reason| Early::Refused(reason, None);
        let caller = identity.identify(head, &self.program.snapshot.applications, now_s).map_err(refused)?;
        // Whom a refusal is for is told too.
        self.outcome.caller.set(Some(caller));
        let caller = identity.authorize(caller).map_err(refused)?;
        self.outcome.caller.set(Some(caller));
        let plan = caller.subscription.and_then(|subscription| self.program.plan(subscription.plan?));
        self.outcome.plan.set(plan);
        Ok(caller)
    }

    /// What the endpoint is told of who calls.
    pub(crate) fn consumer(&self) -> Option<Consumer<'p>> {
        let caller = self.outcome.caller.get()?;
        Some(Consumer {
            application: caller.name(),
            tenant: caller.tenant(),
            plan: self.outcome.plan.get().map_or("", |plan| &plan.plan.name),
            credential: caller.credential,
            ..Consumer::default()
        })
    }

    /// The field lines of a refusal that say what would be taken.
    pub(crate) fn challenge(&self, reason: Reason) -> &'p [u8] {
        let identity = self.chain().and_then(tollgate_policy::Chain::identity);
        identity.map_or(&[], |identity| identity.challenge(reason))
    }
}
