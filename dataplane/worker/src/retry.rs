//! The tries of one request: which endpoints it has been at, and whether and when there is another try.
//!
//! ```text
//! choose --> connect --> send --> response
//!   ^  \--none left, room in the budget--> wait --> choose among all again
//!   `--- failed in a way that the rules name, tries left, room in the budget unless nothing was sent
//! ```
//!
//! An endpoint that was not tried yet is tried at once, a backup as the last; before one that was, a random time passes.
//! Whether a request may be sent again at all (nothing of it, or of a response, has gone anywhere it cannot be taken back
//! from) is the exchange's to say.

use crate::{
    bell,
    program::UpstreamProgram,
    record::Outcome,
    standing::{Standing, Target},
    state::Worker,
    watch::{Waiting, Watch},
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use tollgate_balance::{Drawn, RetrySlot, Tried, backoff};
use tollgate_http::Reason;
use tollgate_io::{Instant, Io};

/// The tries of one request.
pub(crate) struct Tries<'p> {
    pub(crate) upstream: &'p UpstreamProgram,
    /// The time each connect may take.
    pub(crate) connect: Duration,
    standing: Rc<Standing>,
    /// Of the request's key, where the upstream hashes one.
    hash: Option<u64>,
    tried: RefCell<Tried>,
    /// Why the last try failed.
    failure: Cell<Option<Reason>>,
    connect_timeouts: Cell<u8>,
    /// Whether an endpoint was passed over since all its connections are in use.
    is_busy: Cell<bool>,
    /// How often a time had to pass.
    waits: Cell<u32>,
    /// What the budget was charged for the try in progress.
    retry: RefCell<Option<RetrySlot>>,
    /// What was drawn from the upstream's throughput for a try that has not begun.
    drawn: Cell<Option<Drawn>>,
    _request: Option<RetrySlot>,
    /// Whether it is a second request beside the first: it gets one try.
    is_hedge: bool,
}

impl<'p> Tries<'p> {
    pub(crate) fn begin<I: Io>(
        worker: &Worker<I>,
        upstream: &'p UpstreamProgram,
        hash: Option<u64>,
        connect: Duration,
    ) -> Self {
        let standing = worker.standings.of(upstream);
        Self {
            upstream,
            connect,
            hash,
            tried: RefCell::default(),
            failure: Cell::new(None),
            connect_timeouts: Cell::new(0),
            is_busy: Cell::new(false),
            waits: Cell::new(0),
            retry: RefCell::default(),
            drawn: Cell::new(None),
            _request: Some(standing.budget.begin()),
            is_hedge: false,
            standing,
        }
    }

    /// The one try of a second request, at another endpoint than `first`, if the budget and the upstream's throughput have
    /// room for it.
    pub(crate) fn hedge(&self, first: &Target<'_>, now: impl FnOnce() -> Instant) -> Option<Self> {
        let mut tried = Tried::default();
        tried.add(first.endpoint().id());
        let retry = self.standing.budget.retry(&self.upstream.upstream.retries)?;
        let second = Self {
            upstream: self.upstream,
            connect: self.connect,
            hash: self.hash,
            tried: RefCell::new(tried),
            failure: Cell::new(None),
            connect_timeouts: Cell::new(0),
            is_busy: Cell::new(false),
            waits: Cell::new(0),
            retry: RefCell::new(Some(retry)),
            drawn: Cell::new(None),
            standing: self.standing.clone(),
            _request: None,
            is_hedge: true,
        };
        second.draw(now).is_ok().then_some(second)
    }

    /// Draws from the upstream's throughput for the next try, once.
    ///
    /// # Errors
    /// It has been sent as much as it may; nanoseconds until it may be sent more.
    pub(crate) fn draw(&self, now: impl FnOnce() -> Instant) -> Result<(), u64> {
        let Some(bucket) = self.upstream.state.throughput() else { return Ok(()) };
        if self.drawn.get().is_none() {
            self.drawn.set(Some(bucket.draw(now().nanos())?));
        }
        Ok(())
    }

    /// Begins the try that was drawn for.
    pub(crate) fn spend(&self) {
        self.drawn.set(None);
    }

    /// An endpoint that was not tried, if one is available.
    pub(crate) fn choose<I: Io>(&self, worker: &Worker<I>, now: Instant) -> Option<Target<'p>> {
        self.standing.choose(self.upstream, self.hash, &self.tried.borrow(), now, worker.io.entropy())
    }

    /// Passes over an endpoint that has no connection to spare.
    pub(crate) fn pass_over(&self, target: &Target<'_>) {
        self.tried.borrow_mut().add(target.endpoint().id());
        self.is_busy.set(true);
    }

    /// Takes a failure of the endpoint.
    pub(crate) fn note_failure(&self, target: &Target<'_>, reason: Reason) {
        self.tried.borrow_mut().add(target.endpoint().id());
        self.failure.set(Some(reason));
        self.connect_timeouts.set(self.connect_timeouts.get() + u8::from(reason == Reason::ConnectTimeout));
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure.get().is_some()
    }

    /// Whether an endpoint that was tried may be tried again: not if the last took all its time to connect. The budget is
    /// charged, if that was not done already.
    pub(crate) fn may_wait(&self) -> bool {
        let failure = self.failure.get();
        !self.is_hedge && failure.is_some_and(|failure| failure != Reason::ConnectTimeout) && self.has_room()
    }

    /// Why there is no endpoint.
    pub(crate) fn end(&self) -> Reason {
        let none = if self.is_busy.get() { Reason::UpstreamBusy } else { Reason::NoEndpoint };
        self.failure.get().unwrap_or(none)
    }

    /// Whether a failure to connect is tried again. A second one that took all its time is enough: each costs the client
    /// `timeouts.connect`. The budget is charged, unless the endpoint declined at once: the next one then gets no more
    /// requests than clients make, and when the only endpoint is down, its backup must be able to take all of them.
    pub(crate) fn takes_connect_failure(&self, outcome: &Outcome<'_>, now: impl FnOnce() -> Instant) -> bool {
        let is_free = matches!(self.failure.get(), Some(Reason::ConnectRefused | Reason::ConnectFailed));
        self.upstream.upstream.retries.on.connect
            && self.connect_timeouts.get() < 2
            && !self.is_hedge
            && self.has_tries(outcome)
            && (is_free || self.has_room())
            && self.draw(now).is_ok()
    }

    /// Whether a request without a response is tried again; if so, the budget is charged.
    pub(crate) fn takes_silence(&self, reason: Reason, outcome: &Outcome<'_>, now: impl FnOnce() -> Instant) -> bool {
        let on = self.upstream.upstream.retries.on;
        let is_named = match reason {
            Reason::UpstreamClosed => on.closed,
            Reason::ResponseTimeout => on.timeout,
            _ => false,
        };
        is_named && self.has_tries(outcome) && self.has_room() && self.draw(now).is_ok()
    }

    /// Whether a request that was answered with this status is tried again; if so, the budget is charged.
    pub(crate) fn takes_status(&self, status: u16, outcome: &Outcome<'_>, now: impl FnOnce() -> Instant) -> bool {
        let on = self.upstream.upstream.retries.on;
        let is_named = match status {
            502 => on.bad_gateway,
            503 => on.unavailable,
            504 => on.gateway_timeout,
            _ => false,
        };
        is_named && self.has_tries(outcome) && self.has_room() && self.draw(now).is_ok()
    }

    /// Whether one more try is allowed. The one before it is over.
    fn has_tries(&self, outcome: &Outcome<'_>) -> bool {
        self.retry.take();
        u32::from(outcome.attempts.get()) < self.upstream.upstream.retries.attempts
    }

    /// Charges the budget for the next try, once.
    fn has_room(&self) -> bool {
        let mut retry = self.retry.borrow_mut();
        if retry.is_none() {
            *retry = self.standing.budget.retry(&self.upstream.upstream.retries);
        }
        retry.is_some()
    }

    /// Waits before all endpoints may be tried once more.
    ///
    /// # Errors
    /// The exchange was ended meanwhile.
    pub(crate) async fn wait<I: Io>(&self, worker: &Worker<I>, watch: &Watch<I::Stream>) -> Result<(), Reason> {
        let rules = &self.upstream.upstream.retries;
        self.waits.set(self.waits.get() + 1);
        let pause = backoff(self.waits.get(), rules.backoff, rules.backoff_max, worker.io.entropy());
        let ended = self::pause(worker, watch, worker.io.now() + pause, pause + self.connect).await;
        self.tried.replace(Tried::default());
        self.is_busy.set(false);
        ended
    }
}

impl Drop for Tries<'_> {
    /// Gives back what was drawn for a try that has not begun: there was no endpoint after all, or the exchange has ended.
    fn drop(&mut self) {
        if let (Some(bucket), Some(drawn)) = (self.upstream.state.throughput(), self.drawn.take()) {
            bucket.give_back(drawn);
        }
    }
}

/// Waits until `due`, with what is to come after it within `rest`.
///
/// # Errors
/// The exchange was ended meanwhile.
pub(crate) async fn pause<I: Io>(
    worker: &Worker<I>,
    watch: &Watch<I::Stream>,
    due: Instant,
    rest: Duration,
) -> Result<(), Reason> {
    watch.extend(due + rest);
    watch.begin_waiting(Waiting::Upstream);
    // Both may be dropped.
    let ended = bell::first(watch.ended(), worker.io.sleep_until(due)).await;
    watch.end_waiting(Waiting::Upstream);
    watch.set_upstream(None);
    match ended {
        Ok(cause) => Err(cause),
        Err(()) => Ok(()),
    }
}
