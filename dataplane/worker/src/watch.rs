//! The deadlines of one client connection, and who pays when one passes.
//!
//! A connection has one entry in the worker's wheel. Its deadlines are plain cells here: moving one is a store, and the
//! wheel looks at them when it comes by. A deadline never drops a transfer: it ends a stream (or one direction of it),
//! the transfer completes, and the task finds the cause here.
//!
//! ```text
//! (Handshake -->) Idle --first byte--> Head --complete--> Exchange --answered--> Idle
//!   |                    | 408               | 408, 504, abort       \--> Linger --> closed
//!   closed               v                   v
//! ```
//!
//! An exchange that upgrades the connection goes on as Tunnel, whose deadline aborts both sides.

use crate::{limits, wire::Wire};
use std::{
    cell::Cell,
    future::{Future, poll_fn},
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};
use tollgate_http::Reason;
use tollgate_io::{Half, Instant, Peek, Stream};

/// What a connection is doing, which decides what a deadline does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A TLS session is being made: a deadline or a drain closes it.
    Handshake,
    /// Between requests: a deadline or a drain closes it.
    Idle,
    /// A request head has begun.
    Head,
    /// A request is being served.
    Exchange,
    /// The last answer is out; what the client still sends is thrown away.
    Linger,
    /// An upgraded connection.
    Tunnel,
}

/// Which transfers wait for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    ClientReceive,
    ClientSend,
    Upstream,
}

/// One that was asked first, and the watch of another that is asked too.
type Both<S> = (Rc<Wire<S>>, Rc<Watch<S>>);

/// What an exchange has of its endpoint.
#[derive(Default)]
enum Ahead<S> {
    #[default]
    Nothing,
    /// A task that connects and wants to be woken when there is no use in it any more.
    Connecting(Box<Waker>),
    Connected(Rc<Wire<S>>),
    Both(Box<Both<S>>),
}

/// The client's stream.
enum Down<S> {
    /// Of the connection's own watch, in the same piece of memory: every idle connection has one.
    Own(Wire<S>),
    /// The watch of a second endpoint for the same client.
    Of(Rc<Watch<S>>),
}

/// Deadlines and streams of one connection. With the counts of its `Rc` and a stream of `ring` it takes 112 bytes, which
/// `gateway`'s test of idle connections holds.
pub(crate) struct Watch<S> {
    down: Down<S>,
    up: Cell<Ahead<S>>,
    pub(crate) phase: Cell<Phase>,
    /// No progress until then ends the phase.
    due: Cell<Instant>,
    /// Progress moves the deadline this far, in nanoseconds; zero while it does not.
    idle_ns: Cell<u64>,
    /// Whether there was progress since the wheel looked last.
    has_progressed: Cell<bool>,
    /// Whether progress does not move the deadline at present.
    is_fixed: Cell<bool>,
    /// The whole exchange ends then.
    exchange_due: Cell<Instant>,
    /// Transfers in flight, by [`Waiting`].
    waiting: [Cell<u8>; 3],
    /// Whether the end of the client's stream would pass for the end of a response that is not complete.
    end_misleads: Cell<bool>,
    /// Set when a deadline, a drain or the client's leaving ended a stream.
    cause: Cell<Option<Reason>>,
    /// When the wheel will look; no later than the nearest deadline.
    looked_at: Cell<Instant>,
}

impl<S: Stream> Watch<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self::over(Down::Own(Wire::new(stream)))
    }

    fn over(down: Down<S>) -> Self {
        Self {
            down,
            up: Cell::default(),
            phase: Cell::new(Phase::Idle),
            due: Cell::new(Instant::NEVER),
            idle_ns: Cell::new(0),
            has_progressed: Cell::new(false),
            is_fixed: Cell::new(false),
            exchange_due: Cell::new(Instant::NEVER),
            waiting: [const { Cell::new(0) }; 3],
            end_misleads: Cell::new(false),
            cause: Cell::new(None),
            looked_at: Cell::new(Instant::NEVER),
        }
    }

    /// The client's stream.
    pub(crate) fn down(&self) -> &Wire<S> {
        match &self.down {
            Down::Own(wire) => wire,
            Down::Of(watch) => watch.down(),
        }
    }

    /// How far progress moves the deadline of the phase; zero while it does not.
    const fn idle(&self) -> Duration {
        Duration::from_nanos(self.idle_ns.get())
    }

    /// Enters a phase that ends at `due` unless progress moves it. Says whether the wheel must look earlier than it would.
    pub(crate) fn enter(&self, phase: Phase, due: Instant) -> Option<Instant> {
        self.phase.set(phase);
        self.due.set(due);
        self.is_fixed.set(false);
        self.idle_ns.set(0);
        if phase != Phase::Exchange {
            self.exchange_due.set(Instant::NEVER);
        }
        self.look_earlier(due)
    }

    /// Moves the deadline of the phase.
    pub(crate) fn extend(&self, due: Instant) {
        self.due.set(due);
        self.has_progressed.set(false);
        self.is_fixed.set(false);
    }

    /// Moves the deadline of the phase to where no progress moves it, until [`Watch::release`] or another deadline.
    pub(crate) fn fix(&self, due: Instant) {
        self.due.set(due);
        self.is_fixed.set(true);
    }

    /// What a fixed deadline was for has come: from now on progress moves it again, and this was some.
    pub(crate) fn release(&self) {
        self.is_fixed.set(false);
        self.has_progressed.set(true);
    }

    /// From now on progress moves the deadline of the phase to `idle` after the wheel has noticed it, in an exchange at the
    /// latest [`limits::CLIENT_LOOK`] late; zero: not any more.
    pub(crate) fn extend_by_progress(&self, idle: Duration) {
        self.idle_ns.set(u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX));
    }

    /// A transfer has moved bytes. Only notes it: reading the clock for each would cost more than the rest.
    pub(crate) fn progress(&self) {
        self.has_progressed.set(true);
    }

    /// Bounds the whole exchange.
    pub(crate) fn bound_exchange(&self, due: Instant) {
        self.exchange_due.set(due);
    }

    /// Asks for a look at `at` if none is due by then.
    pub(crate) fn look_earlier(&self, at: Instant) -> Option<Instant> {
        (at < self.looked_at.get()).then(|| {
            self.looked_at.set(at);
            at
        })
    }

    /// The endpoint's stream of the exchange, to be ended with it.
    pub(crate) fn set_upstream(&self, up: Option<Rc<Wire<S>>>) {
        self.up.set(up.map_or(Ahead::Nothing, Ahead::Connected));
    }

    /// A watch over a second endpoint for the same client, to be ended alone. Its deadlines are nobody's: those of this one
    /// are.
    pub(crate) fn beside(self: &Rc<Self>) -> Self {
        Self::over(Down::Of(self.clone()))
    }

    /// Two endpoints at one time: the stream of the first, and who watches over the second.
    pub(crate) fn set_both(&self, first: Rc<Wire<S>>, second: Rc<Self>) {
        self.up.set(Ahead::Both(Box::new((first, second))));
    }

    /// Completes when the exchange with the endpoint is ended, with the cause: for a connect, which has no stream to abort.
    /// May be dropped.
    pub(crate) fn ended(&self) -> impl Future<Output = Reason> {
        poll_fn(|context| {
            if let Some(cause) = self.cause.get() {
                return Poll::Ready(cause);
            }
            let waker = match self.up.take() {
                Ahead::Connecting(mut waker) => {
                    Waker::clone_from(&mut waker, context.waker());
                    waker
                }
                _ => Box::new(context.waker().clone()),
            };
            self.up.set(Ahead::Connecting(waker));
            Poll::Pending
        })
    }

    pub(crate) fn begin_waiting(&self, whom: Waiting) {
        let count = &self.waiting[whom as usize];
        count.set(count.get() + 1);
    }

    pub(crate) fn end_waiting(&self, whom: Waiting) {
        let count = &self.waiting[whom as usize];
        count.set(count.get() - 1);
    }

    /// Why streams were ended, if they were.
    pub(crate) fn cause(&self) -> Option<Reason> {
        self.cause.get()
    }

    /// The exchange is over and the client's side unharmed: what ended the endpoint's is no cause for the next one.
    pub(crate) fn forget_cause(&self) {
        self.cause.set(None);
    }

    /// Ends the exchange with the endpoint for `cause`; its transfers complete.
    pub(crate) fn abort_upstream(&self, cause: Reason) {
        if self.cause.get().is_none() {
            self.cause.set(Some(cause));
        }
        self.end_upstream();
    }

    fn end_upstream(&self) {
        let up = self.up.take();
        match &up {
            Ahead::Nothing => {}
            Ahead::Connecting(waker) => waker.wake_by_ref(),
            Ahead::Connected(up) => up.abort(),
            Ahead::Both(both) => {
                both.0.abort();
                both.1.abort_upstream(self.cause.get().unwrap_or(Reason::ClientClosed));
            }
        }
        self.up.set(up);
    }

    /// Ends the exchange with an endpoint that has answered before the request was complete; what the client still sends
    /// is awaited until `due`.
    pub(crate) fn release_upstream(&self, due: Instant) {
        self.end_upstream();
        self.idle_ns.set(0);
        self.extend(due);
    }

    /// Ends everything; transfers complete.
    pub(crate) fn abort(&self, cause: Reason) {
        self.abort_upstream(cause);
        self.abort_downstream();
    }

    /// Ends the client's stream; transfers complete.
    pub(crate) fn abort_downstream(&self) {
        if self.end_misleads.get() {
            self.down().reset();
        } else {
            self.down().abort();
        }
    }

    /// Whether a response is under way whose end the client knows by the end of the stream (RFC 9112, section 6.3, rule 8):
    /// cut short, it has to be a reset.
    pub(crate) fn mark_misleading_end(&self, misleads: bool) {
        self.end_misleads.set(misleads);
    }

    /// Called by the wheel: acts on deadlines that have passed and says when to look again.
    pub(crate) fn look(&self, now: Instant) -> Instant {
        let next = self.act(now);
        self.looked_at.set(next);
        next
    }

    fn act(&self, now: Instant) -> Instant {
        if self.has_progressed.take() && !self.is_fixed.get() && self.idle_ns.get() > 0 {
            self.due.set(now + self.idle());
        }
        if self.exchange_due.get() <= now {
            self.exchange_due.set(Instant::NEVER);
            self.abort_upstream(Reason::RequestDeadline);
            if self.is_waiting(Waiting::ClientReceive) {
                self.down().shutdown(Half::Read);
            }
            if self.is_waiting(Waiting::ClientSend) {
                self.abort_downstream();
            }
        }
        if self.due.get() <= now {
            self.due.set(self.due_behind(now));
            self.is_fixed.set(false);
            self.expire(now);
        }
        match self.phase.get() {
            // Also behind a deadline that has passed: the exchange may go on, and sets the next one by a store.
            Phase::Exchange => self.look_at_client(now),
            // Often enough to know when there was progress: its deadline is an eighth late at most.
            Phase::Tunnel => (now + (self.idle() / 8).max(limits::CLIENT_LOOK)).min(self.due.get()),
            _ => self.due.get().min(self.exchange_due.get()),
        }
    }

    /// The deadline behind one that has passed. What is left of an exchange, an answer or the rest of a body, has one too.
    fn due_behind(&self, now: Instant) -> Instant {
        match self.phase.get() {
            Phase::Exchange if self.idle_ns.get() == 0 => now + limits::LAST_WORDS,
            Phase::Exchange => now + self.idle(),
            _ => Instant::NEVER,
        }
    }

    fn expire(&self, now: Instant) {
        match self.phase.get() {
            // Its task is about to take them.
            Phase::Idle if self.down().peek() == Peek::Bytes => self.due.set(now + limits::CLIENT_LOOK),
            Phase::Idle => self.end_idle(Reason::ClientClosed),
            Phase::Handshake => self.abort(Reason::RequestTimeout),
            Phase::Linger => self.abort(Reason::ClientClosed),
            Phase::Tunnel => self.abort(Reason::TunnelTimeout),
            Phase::Head => {
                self.cause.set(Some(Reason::RequestTimeout));
                self.down().shutdown(Half::Read);
            }
            // Whoever takes nothing of an answer cannot be told anything else.
            Phase::Exchange if self.is_waiting(Waiting::ClientSend) => self.abort(Reason::ClientClosed),
            Phase::Exchange if self.is_waiting(Waiting::ClientReceive) => {
                self.abort_upstream(Reason::RequestTimeout);
                self.down().shutdown(Half::Read);
            }
            Phase::Exchange => self.abort_upstream(Reason::ResponseTimeout),
        }
    }

    /// A client that has gone needs no answer. One that has only finished sending still gets its answer.
    fn look_at_client(&self, now: Instant) -> Instant {
        if self.is_waiting(Waiting::Upstream)
            && !self.is_waiting(Waiting::ClientReceive)
            && self.down().peek() == Peek::Broken
        {
            self.abort_upstream(Reason::ClientClosed);
        }
        (now + limits::CLIENT_LOOK).min(self.due.get()).min(self.exchange_due.get())
    }

    fn is_waiting(&self, whom: Waiting) -> bool {
        self.waiting[whom as usize].get() > 0
    }

    /// A drain closes what is idle and lets the rest finish. A request that has come already is answered: its client has sent
    /// it on a connection that was open.
    pub(crate) fn drain(&self) {
        match self.phase.get() {
            Phase::Idle if self.down().peek() == Peek::Bytes => {}
            Phase::Idle => self.end_idle(Reason::Draining),
            Phase::Handshake => self.abort(Reason::Draining),
            _ => {}
        }
    }

    /// Makes the task of an idle connection end it. Our direction stays open, for a session's close_notify.
    fn end_idle(&self, cause: Reason) {
        self.cause.set(Some(cause));
        self.down().shutdown(Half::Read);
    }
}
