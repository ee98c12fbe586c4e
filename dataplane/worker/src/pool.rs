//! Idle upstream connections of one worker, by endpoint, newest first; and how many are open.
//!
//! A pooled connection has no transfer in flight. It is looked at when it is taken: whatever the endpoint has sent or done
//! meanwhile makes it unusable. Per endpoint at most `connections.idle_max` are kept, each for at most `idle_timeout` and
//! no longer than `age_max` and `requests_max` allow, and at most `max` are open. The stock of an endpoint lies at its slot
//! and holds the endpoint, so that the slot is no other's meanwhile; it ends when the endpoint is retired.

use crate::{standing::Target, wire::Wire};
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
pub(crate) struct Pools<S> {
    /// By slot of the endpoint.
    stocks: RefCell<Vec<Option<Stock<S>>>>,
    /// Stocks that were begun since it was last looked for those of endpoints that are retired.
    begun: Cell<usize>,
    /// When the oldest idle connection must go.
    due: Cell<Instant>,
}

struct Stock<S> {
    endpoint: Arc<Endpoint>,
    /// Where its upstream is counted.
    figures: u32,
    idle_timeout: Duration,
    idle: VecDeque<Idle<S>>,
    open: Rc<Cell<usize>>,
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
}

impl<S: Stream> Pools<S> {
    pub(crate) const fn new() -> Self {
        Self { stocks: RefCell::new(Vec::new()), begun: Cell::new(0), due: Cell::new(Instant::NEVER) }
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
                sweep(&mut stocks, metrics);
            }
            stocks[slot] = Some(Stock {
                endpoint: endpoint.clone(),
                figures: target.upstream.figures,
                idle_timeout: target.upstream.upstream.connections.idle_timeout,
                idle: VecDeque::new(),
                open: Rc::default(),
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

    /// Counts a connection that is about to be opened, if there may be another.
    pub(crate) fn open(&self, target: &Target<'_>, metrics: &WorkerMetrics) -> Option<Open> {
        let Some(stock) = self.stock(target, metrics) else { return Some(Open(Rc::new(Cell::new(1)))) };
        let open = stock.open.get();
        target.upstream.upstream.connections.max.is_none_or(|most| open < most).then(|| {
            stock.open.set(open + 1);
            Open(stock.open.clone())
        })
    }

    /// Keeps a connection for later. Says when it must go at the latest, if that is earlier than anything before it.
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
        if stock.idle.len() >= limits.idle_max {
            return None;
        }
        // A program may have changed it.
        stock.idle_timeout = limits.idle_timeout;
        stock.idle.push_back(Idle { connection, since: now });
        metrics.upstream_idle(stock.figures).increment();
        let due = now + limits.idle_timeout;
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
        sweep(&mut stocks, metrics);
        for stock in stocks.iter_mut().flatten() {
            while stock.idle.front().is_some_and(|oldest| oldest.since + stock.idle_timeout <= now) {
                stock.idle.pop_front();
                metrics.upstream_idle(stock.figures).decrement();
            }
            due = stock.idle.front().map_or(due, |oldest| due.min(oldest.since + stock.idle_timeout));
        }
        self.due.set(due);
        due
    }

    /// Closes what is idle to endpoints that are retired.
    pub(crate) fn sweep(&self, metrics: &WorkerMetrics) {
        sweep(&mut self.stocks.borrow_mut(), metrics);
    }

    /// Closes everything.
    pub(crate) fn clear(&self, metrics: &WorkerMetrics) {
        for stock in self.stocks.take().into_iter().flatten() {
            stock.end(metrics);
        }
    }
}

fn sweep<S>(stocks: &mut [Option<Stock<S>>], metrics: &WorkerMetrics) {
    for slot in stocks {
        if let Some(gone) = slot.take_if(|stock| stock.endpoint.is_retired()) {
            gone.end(metrics);
        }
    }
}

impl<S> Stock<S> {
    fn end(self, metrics: &WorkerMetrics) {
        for _ in &self.idle {
            metrics.upstream_idle(self.figures).decrement();
        }
    }
}
