//! Faults that a route injects into its own exchanges: delays and errors, so that others can be seen to bear them.
//!
//! After the phases and before an endpoint is chosen, for as many requests in a hundred as the policy says. What was
//! injected is in the access record. A delay ends with the exchange, when the client leaves or a deadline passes.

use crate::{
    exchange::{Machine, ResponseSink},
    forward::Forwarded,
    retry,
};
use tollgate_http::Reason;
use tollgate_io::Io;
use tollgate_model::Faults;

impl<I: Io> Machine<'_, '_, I> {
    /// Injects what the policy says into this request; `None` if it goes on.
    pub(crate) async fn inject(
        &self,
        faults: &Faults,
        reply: &mut impl ResponseSink,
    ) -> Option<Result<Forwarded, Reason>> {
        let worker = &self.connection.worker;
        // The random bits of the two faults are independent.
        let strikes = |percent: u32| ((worker.io.entropy() >> 32) * 100) >> 32 < u64::from(percent);
        let delay = faults.delay.filter(|&(_, percent)| strikes(percent));
        let abort = faults.abort.filter(|&(_, percent)| strikes(percent));
        self.outcome.fault.set(match (delay, abort) {
            (None, None) => return None,
            (Some(_), None) => Some("delay"),
            (None, Some(_)) => Some("abort"),
            (Some(_), Some(_)) => Some("delay_abort"),
        });
        worker.metrics.fault_injected(delay.is_some(), abort.is_some());
        if let Some((time, _)) = delay {
            let (due, rest) = (worker.io.now() + time, self.program.snapshot.timeouts.idle);
            if let Err(cause) = retry::pause(worker, &self.connection.watch, due, rest).await {
                return Some(self.fail(cause, None, reply).await);
            }
        }
        let (status, _) = abort?;
        Some(self.fail_as(Reason::FaultInjected, status, None, reply).await)
    }
}
