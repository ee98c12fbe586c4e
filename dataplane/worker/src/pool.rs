//! Idle upstream connections of one worker, by endpoint, newest first; and how many are open.
//!
//! A pooled connection has no transfer in flight. It is looked at when it is taken: whatever the endpoint has sent or done
//! meanwhile makes it unusable. Per endpoint at most `connections.idle_max` are kept, each for at most `idle_timeout` and
//! no longer than `age_max` and `requests_max` allow, and at most `max` are open. The stock of an endpoint lies at its slot
//! and holds the endpoint, so that the slot is no other's meanwhile; it ends when the endpoint is retired.
//!
//! One of several workers parks what it has not used for `tuning.park_after` where all of them can take it
//! ([`Parking`]), and closes it there when its time is over, unless somebody has taken it. So what a worker keeps for itself
//! is no more than it needs just now, and a worker with little to do finds what another has opened.

use crate::{
    parking::{EndpointId, Parked, Parking},
    standing::Target,
    wire::Wire,
};
use std::{
    cell::{Cell, RefCell, RefMut},
    collections::VecDeque,
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tollgate_balance::Endpoint;
use tollgate_io::{Instant, Peek, Stream};
use tollgate_telemetry::WorkerMetrics;

/// The stock of one worker.
pub(crate) struct Pools<S: Stream> {
    parking: Arc<Parking<S::Detached>>,
    /// By slot of the endpoint.
    stocks: RefCell<Vec<Option<Stock<S>>>>,
    /// Stocks that were begun since it was last looked for those of endpoints that are retired.
    begun: Cell<usize>,
    /// When the oldest idle connection must be parked or closed.
    due: Cell<Instant>,
    /// After which one that falls idle from now on is every worker's.
    pub(crate) park_after: Cell<Duration>,
}

struct Stock<S> {
    endpoint: Arc<Endpoint>,
    /// Where its upstream is counted.
    figures: u32,
    terms: Terms,
    idle: VecDeque<Idle<S>>,
    open: Rc<Cell<usize>>,
    /// When the first of those that this worker has parked must go.
    parked_due: Instant,
}

/// What holds for the idle connections to an endpoint.
#[derive(Clone, Copy)]
struct Terms {
    /// Connections kept here, and parked by all workers, at most.
    own_max: usize,
    parked_max: usize,
    idle_timeout: Duration,
    /// How long one stays here before it is parked.
    park_after: Duration,
}

struct Idle<S> {
    connection: Pooled<S>,
    since: Instant,
}

/// A connection to an endpoint, in use or idle.
pub(crate) struct Pooled<S> {
    pub(crate) stream: Rc<Wire<S>>,
    opened: Instant,
    exchanges: u64,
    _open: Open,
}

/// One of the connections that may be open, until it is dropped.
pub(crate) struct Open(Rc<Cell<usize>>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<S> Pooled<S> {
    pub(crate) const fn new(stream: Rc<Wire<S>>, opened: Instant, open: Open) -> Self {
        Self { stream, opened, exchanges: 0, _open: open }
    }

    /// One that has been parked, as `wire` on this worker.
    pub(crate) fn taken(wire: Wire<S>, opened: Instant, exchanges: u64, open: Open) -> Self {
        Self { stream: Rc::new(wire), opened, exchanges, _open: open }
    }
}

impl<S: Stream> Pools<S> {
    pub(crate) const fn new(parking: Arc<Parking<S::Detached>>, park_after: Duration) -> Self {
        let (begun, due) = (Cell::new(0), Cell::new(Instant::NEVER));
        Self { parking, stocks: RefCell::new(Vec::new()), begun, due, park_after: Cell::new(park_after) }
    }

    fn terms(&self, target: &Target<'_>) -> Terms {
        let connections = &target.upstream.upstream.connections;
        let (parked_max, own_max) = self.parking.split(connections.idle_max);
        Terms { own_max, parked_max, idle_timeout: connections.idle_timeout, park_after: self.park_after.get() }
    }

    /// The stock of an endpoint. `None` if its slot holds another's: the endpoint is retired, and the exchange's program
    /// older than what the worker runs.
    fn stock(&self, target: &Target<'_>, metrics: &WorkerMetrics) -> Option<RefMut<'_, Stock<S>>> {
        let (endpoint, mut stocks) = (target.endpoint(), self.stocks.borrow_mut());
        let slot = endpoint.slot() as usize;
        let is_there = |stocks: &[Option<Stock<S>>]| {
            stocks.get(slot).and_then(Option::as_ref).is_some_and(|stock| Arc::ptr_eq(&stock.endpoint, endpoint))
        };
        if !is_there(&stocks) {
            if endpoint.is_retired() {
                return None;
            }
            if stocks.len() <= slot {
                stocks.resize_with(slot + 1, || None);
            }
            // What is new may have come in the place of something. Looking at eight stocks for each new one is enough.
            self.begun.set(self.begun.get() + 1);
            if self.begun.get() * 8 >= stocks.len() {
                self.begun.set(0);
                sweep(&mut stocks, &self.parking, metrics);
            }
            stocks[slot] = Some(Stock {
                endpoint: endpoint.clone(),
                figures: target.upstream.figures,
                terms: self.terms(target),
                idle: VecDeque::new(),
                open: Rc::default(),
                parked_due: Instant::NEVER,
            });
        }
        RefMut::filter_map(stocks, |stocks| stocks[slot].as_mut()).ok()
    }

    /// An idle connection that is still good. What the driver was told since decides that; `surely` also asks the system,
    /// for a request that cannot be sent again if the endpoint has closed the connection just now.
    pub(crate) fn take(
        &self,
        target: &Target<'_>,
        now: Instant,
        surely: bool,
        metrics: &WorkerMetrics,
    ) -> Option<Pooled<S>> {
        let limits = &target.upstream.upstream.connections;
        let mut stock = self.stock(target, metrics)?;
        while let Some(Idle { connection, since }) = stock.idle.pop_back() {
            metrics.upstream_idle(stock.figures).decrement();
            let stream = &connection.stream;
            let is_silent = || !(surely || stream.has_news()) || stream.peek() == Peek::Silent;
            let is_young = limits.age_max.is_none_or(|most| now.since(connection.opened) < most);
            if now.since(since) < limits.idle_timeout && is_young && is_silent() {
                return Some(connection);
            }
        }
        None
    }

    /// A connection that any worker has parked and that is not too old. Whether it is still good is not known.
    pub(crate) fn take_parked(
        &self,
        target: &Target<'_>,
        now: Instant,
        metrics: &WorkerMetrics,
    ) -> Option<Parked<S::Detached>> {
        let limits = &target.upstream.upstream.connections;
        let note = |parked: Parked<_>| metrics.upstream_unparked(parked.figures);
        while let Some(parked) = self.parking.take(id(target.endpoint()), note) {
            metrics.upstream_unparked(parked.figures);
            let is_young = limits.age_max.is_none_or(|most| now.since(parked.opened) < most);
            if now.since(parked.since) < limits.idle_timeout && is_young {
                return Some(parked);
            }
        }
        None
    }

    /// Counts a connection that is about to be opened, if there may be another.
    pub(crate) fn open(&self, target: &Target<'_>, metrics: &WorkerMetrics) -> Option<Open> {
        let Some(stock) = self.stock(target, metrics) else { return Some(Open(Rc::new(Cell::new(1)))) };
        let open = stock.open.get();
        target.upstream.upstream.connections.max.is_none_or(|most| open < most).then(|| {
            stock.open.set(open + 1);
            Open(stock.open.clone())
        })
    }

    /// Keeps a connection for later. Says when it must be looked at, if that is earlier than anything before it.
    pub(crate) fn put(
        &self,
        target: &Target<'_>,
        mut connection: Pooled<S>,
        now: Instant,
        metrics: &WorkerMetrics,
    ) -> Option<Instant> {
        let limits = &target.upstream.upstream.connections;
        connection.exchanges += 1;
        let is_used_up = limits.requests_max.is_some_and(|most| connection.exchanges >= most)
            || limits.age_max.is_some_and(|most| now.since(connection.opened) >= most);
        if is_used_up || target.endpoint().is_retired() {
            return None;
        }
        let mut stock = self.stock(target, metrics)?;
        // A program may have changed them.
        stock.terms = self.terms(target);
        if stock.idle.len() >= stock.terms.own_max {
            return None;
        }
        stock.idle.push_back(Idle { connection, since: now });
        metrics.upstream_idle(stock.figures).increment();
        let due = now + stock.terms.patience();
        (due < self.due.get()).then(|| {
            self.due.set(due);
            due
        })
    }

    /// Closes what has been idle for too long; says when to come again.
    pub(crate) fn expire(&self, now: Instant, metrics: &WorkerMetrics) -> Instant {
        if self.due.get() > now {
            return self.due.get();
        }
        let mut due = Instant::NEVER;
        let mut stocks = self.stocks.borrow_mut();
        sweep(&mut stocks, &self.parking, metrics);
        for stock in stocks.iter_mut().flatten() {
            due = due.min(stock.expire(now, &self.parking, metrics));
        }
        self.due.set(due);
        due
    }

    /// Closes what is idle to endpoints that are retired.
    pub(crate) fn sweep(&self, metrics: &WorkerMetrics) {
        sweep(&mut self.stocks.borrow_mut(), &self.parking, metrics);
    }

    /// Closes everything, also what is parked: workers end together.
    pub(crate) fn clear(&self, metrics: &WorkerMetrics) {
        for stock in self.stocks.take().into_iter().flatten() {
            stock.end(&self.parking, metrics);
        }
        self.parking.clear(|parked| metrics.upstream_unparked(parked.figures));
    }
}

/// Where connections to an endpoint are parked.
fn id(endpoint: &Endpoint) -> EndpointId {
    EndpointId { number: endpoint.slot(), identity: endpoint.id() }
}

fn sweep<S: Stream>(stocks: &mut [Option<Stock<S>>], parking: &Parking<S::Detached>, metrics: &WorkerMetrics) {
    for slot in stocks {
        if let Some(gone) = slot.take_if(|stock| stock.endpoint.is_retired()) {
            gone.end(parking, metrics);
        }
    }
}

impl Terms {
    /// After how long an idle connection is looked at.
    fn patience(self) -> Duration {
        if self.parked_max > 0 { self.idle_timeout.min(self.park_after) } else { self.idle_timeout }
    }
}

impl<S: Stream> Stock<S> {
    /// Closes all that is idle, also what is parked.
    fn end(self, parking: &Parking<S::Detached>, metrics: &WorkerMetrics) {
        for _ in &self.idle {
            metrics.upstream_idle(self.figures).decrement();
        }
        let id = id(&self.endpoint);
        let note = |parked: Parked<_>| metrics.upstream_unparked(parked.figures);
        parking.sweep(id.number, |parked| parked.endpoint == id, note);
    }

    /// Closes and parks what it is time for; says when to come again.
    fn expire(&mut self, now: Instant, parking: &Parking<S::Detached>, metrics: &WorkerMetrics) -> Instant {
        let (terms, id) = (self.terms, id(&self.endpoint));
        while self.idle.front().is_some_and(|oldest| oldest.since + terms.idle_timeout <= now) {
            self.idle.pop_front();
            metrics.upstream_idle(self.figures).decrement();
        }
        if self.parked_due <= now {
            let is_over = |parked: &Parked<_>| parked.endpoint == id && parked.since + terms.idle_timeout <= now;
            let oldest = parking.sweep(id.number, is_over, |parked| metrics.upstream_unparked(parked.figures));
            self.parked_due = oldest.map_or(Instant::NEVER, |oldest| oldest + terms.idle_timeout);
        }
        let is_all = self.park(id, now, parking, metrics);
        let wait = if is_all { terms.patience() } else { terms.idle_timeout };
        self.idle.front().map_or(self.parked_due, |oldest| self.parked_due.min(oldest.since + wait))
    }

    /// Parks what has been idle for long enough; says whether there was room for all of it.
    fn park(&mut self, id: EndpointId, now: Instant, parking: &Parking<S::Detached>, metrics: &WorkerMetrics) -> bool {
        while let Some(Idle { connection, since }) = self.idle.pop_front() {
            let is_time = since + self.terms.park_after <= now;
            let has_room = is_time && parking.has_room(id.number, self.terms.parked_max);
            match if has_room { detach(connection, id, self.figures, since) } else { Err(connection) } {
                Ok(parked) => {
                    metrics.upstream_idle(self.figures).decrement();
                    metrics.upstream_parked(self.figures);
                    self.parked_due = self.parked_due.min(since + self.terms.idle_timeout);
                    if let Some(surplus) = parking.park(parked, self.terms.parked_max) {
                        metrics.upstream_unparked(surplus.figures);
                    }
                }
                Err(connection) => {
                    self.idle.push_front(Idle { connection, since });
                    return !is_time;
                }
            }
        }
        true
    }
}

/// Takes a connection out of this worker; gives it back while somebody else has it, or the driver does.
fn detach<S: Stream>(
    connection: Pooled<S>,
    endpoint: EndpointId,
    figures: u32,
    since: Instant,
) -> Result<Parked<S::Detached>, Pooled<S>> {
    let Pooled { stream, opened, exchanges, _open } = connection;
    match Rc::try_unwrap(stream).and_then(|wire| wire.detach().map_err(Rc::new)) {
        Ok((stream, session)) => Ok(Parked { stream, session, opened, exchanges, endpoint, figures, since }),
        Err(stream) => Err(Pooled { stream, opened, exchanges, _open }),
    }
}
