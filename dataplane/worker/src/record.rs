//! What is remembered of an exchange until it is accounted for.
//!
//! The head's bytes are gone by then, so what is still needed of them is copied here: a few words, all of fixed size.
//! Nothing here reads a clock or allocates.

use crate::{plan_program::PlanProgram, program::UpstreamProgram, route_program::RouteProgram, standing::Target};
use std::cell::{Cell, OnceCell, RefCell};
use tollgate_http::{Method, Reason, RequestHead, Version};
use tollgate_io::Instant;
use tollgate_policy::Caller;
use tollgate_probe::Tracer;
use tollgate_telemetry::{MethodLabel, UsageKey, UsageOutcome, WorkerMetrics};

/// The facts of a request that outlive its head's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) method: Method,
    pub(crate) label: MethodLabel,
    pub(crate) version: Version,
    /// What the client wants of its connection.
    pub(crate) keep_alive: bool,
    /// Whether an upgrade is asked for.
    pub(crate) upgrade: bool,
    /// Whether the client waits for a 100 (Continue).
    pub(crate) expects_continue: bool,
    pub(crate) begun: Instant,
}

impl Facts {
    pub(crate) fn of(head: &RequestHead<'_>, begun: Instant) -> Self {
        Self {
            method: head.method(),
            label: MethodLabel::from_bytes(head.method_bytes()),
            version: head.version(),
            keep_alive: head.keep_alive(),
            upgrade: head.upgrade().is_some(),
            expects_continue: head.expects_continue(),
            begun,
        }
    }
}

/// How an exchange went; filled in on the way.
#[derive(Default)]
pub(crate) struct Outcome<'p> {
    pub(crate) route: Cell<Option<&'p RouteProgram>>,
    /// What notes its steps, if it is watched.
    pub(crate) tracer: Option<Box<Tracer>>,
    /// The one chosen of the route's.
    pub(crate) upstream: Cell<Option<&'p UpstreamProgram>>,
    pub(crate) endpoint: RefCell<Option<Target<'p>>>,
    /// Sent to the client; 0 before.
    pub(crate) status: Cell<u16>,
    pub(crate) reason: Cell<Option<Reason>>,
    /// Who calls, if the route asks.
    pub(crate) caller: OnceCell<Caller<'p>>,
    /// What holds for its subscription.
    pub(crate) plan: Cell<Option<&'p PlanProgram>>,
    /// When the whole request had gone to the endpoint.
    pub(crate) forwarded: Cell<Option<Instant>>,
    /// When it was over, if the clock was read then.
    pub(crate) ended: Cell<Option<Instant>>,
    /// When the response's head came.
    pub(crate) responded: Cell<Option<Instant>>,
    pub(crate) attempts: Cell<u8>,
    /// What was injected into it on purpose.
    pub(crate) fault: Cell<Option<&'static str>>,
    /// Whether it was answered with a copy of an earlier answer.
    pub(crate) is_copy: Cell<bool>,
    /// Seconds after which a client that is refused may ask again; 0 if nobody can tell.
    pub(crate) retry_after_s: Cell<u32>,
    /// Whether the client's connection ends with this exchange.
    pub(crate) closes: Cell<bool>,
    /// Whether the client waits for a 100 (Continue) and has not begun to send its body. After a final answer it may send it
    /// or not: nobody can tell, so the connection ends with that answer.
    pub(crate) is_unsure: Cell<bool>,
}

impl Outcome<'_> {
    /// Counts what an application has used of an API; nothing where nobody was asked who calls, or of a watched request.
    pub(crate) fn count_usage(&self, metrics: &WorkerMetrics) {
        let Some(caller) = self.caller.get().filter(|_| self.tracer.is_none()) else { return };
        let Some(application) = caller.application.filter(|_| !caller.access.api.is_empty()) else { return };
        let key = UsageKey { tenant: application.tenant(), application: application.name(), api: caller.access.api };
        let outcome = match (self.reason.get(), self.status.get()) {
            (Some(Reason::Throttled | Reason::QuotaExceeded | Reason::ConcurrencyExceeded), _) => {
                UsageOutcome::Throttled
            }
            (_, 0 | 500..) => UsageOutcome::Error,
            _ => UsageOutcome::Ok,
        };
        metrics.used(&key, outcome);
    }
}
