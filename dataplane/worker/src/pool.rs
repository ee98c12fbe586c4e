//! Idle upstream connections of one worker, by endpoint, newest first.
//!
//! A pooled connection has no transfer in flight. It is looked at when it is taken: whatever the endpoint has sent or done
//! meanwhile makes it unusable. At most `connections.idle_max` are kept per endpoint, each for at most
//! `connections.idle_timeout`. The stock of an upstream ends when a new snapshot has changed it.
//!
//! One of several workers parks what it has not used for [`PARK_AFTER`] where all of them can take it
//! ([`Parking`]), and closes it there when its time is over, unless somebody has taken it. So what a worker keeps for itself
//! is no more than it needs just now, and a worker with little to do finds what another has opened.

use crate::{
    limits::PARK_AFTER,
    parking::{EndpointId, Parked, Parking},
    program::UpstreamProgram,
};
use std::{
    cell::{Cell, RefCell, RefMut},
    collections::VecDeque,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tollgate_io::{Instant, Peek, Stream};
use tollgate_telemetry::{Fragment, WorkerMetrics};

/// Which endpoint of which upstream.
#[derive(Clone, Copy)]
pub(crate) struct Target<'p> {
    pub(crate) upstream: &'p UpstreamProgram,
    pub(crate) endpoint: u32,
}

impl<'p> Target<'p> {
    pub(crate) fn address(self) -> SocketAddr {
        self.upstream.upstream.endpoints[self.endpoint as usize].address
    }

    /// Where it is parked. Endpoints may have one number, since their identities differ.
    fn id(self) -> EndpointId {
        EndpointId {
            number: self.upstream.slot.wrapping_mul(8).wrapping_add(self.endpoint),
            identity: self.upstream.id,
        }
    }

    /// How an access record names it.
    pub(crate) fn fragment(self) -> Option<&'p Fragment> {
        self.upstream.endpoints.get(self.endpoint as usize)
    }
}

/// The stock of one worker.
pub(crate) struct Pools<S: Stream> {
    /// By slot of the upstream.
    upstreams: RefCell<Vec<Pool<S>>>,
    parking: Arc<Parking<S::Detached>>,
    /// When the oldest idle connection must be parked or closed.
    due: Cell<Instant>,
    /// Spreads where workers begin their schedules.
    random: usize,
}

struct Pool<S> {
    /// Of the upstream as it was compiled, 0 for none yet.
    id: u64,
    terms: Terms,
    stocks: Vec<Stock<S>>,
    /// Next turn of the schedule.
    turn: usize,
}

/// What holds for every endpoint of an upstream.
#[derive(Clone, Copy)]
struct Terms {
    /// Where it is counted.
    figures: u32,
    /// Connections kept here, and parked by all workers, at most.
    own_max: usize,
    parked_max: usize,
    idle_timeout: Duration,
}

/// What there is for one endpoint.
struct Stock<S> {
    id: EndpointId,
    idle: VecDeque<Idle<S>>,
    /// When the first of those that this worker has parked must go.
    parked_due: Instant,
}

struct Idle<S> {
    stream: Rc<S>,
    since: Instant,
}

impl<S: Stream> Pools<S> {
    /// `random` spreads where workers begin their schedules.
    pub(crate) fn new(random: u64, parking: Arc<Parking<S::Detached>>) -> Self {
        let random = (random >> 32) as usize;
        Self { upstreams: RefCell::default(), parking, due: Cell::new(Instant::NEVER), random }
    }

    /// The stock of an upstream. `None` if it belongs to a newer program than the exchange's.
    fn pool(&self, upstream: &UpstreamProgram, metrics: &WorkerMetrics) -> Option<RefMut<'_, Pool<S>>> {
        let mut pools = self.upstreams.borrow_mut();
        let slot = upstream.slot as usize;
        if pools.get(slot).is_none_or(|pool| pool.id != upstream.id) {
            while pools.len() <= slot {
                pools.push(Pool::none());
            }
            if pools[slot].id > upstream.id {
                return None;
            }
            pools[slot].clear(&self.parking, metrics);
            pools[slot] = Pool::of(upstream, &self.parking, self.random);
        }
        Some(RefMut::map(pools, |pools| &mut pools[slot]))
    }

    /// The endpoint whose turn it is.
    pub(crate) fn next_endpoint<'p>(&self, upstream: &'p UpstreamProgram, metrics: &WorkerMetrics) -> Target<'p> {
        let schedule = &upstream.schedule;
        let turn = self.pool(upstream, metrics).map_or(self.random, |mut pool| {
            pool.turn = pool.turn.wrapping_add(1);
            pool.turn
        });
        Target { upstream, endpoint: schedule[turn % schedule.len()] }
    }

    /// The next endpoint that is not `avoided`, if the upstream has another.
    pub(crate) fn other_endpoint<'p>(&self, avoided: Target<'p>, metrics: &WorkerMetrics) -> Option<Target<'p>> {
        let turns = avoided.upstream.schedule.len();
        let mut next = (0..turns).map(|_| self.next_endpoint(avoided.upstream, metrics));
        next.find(|target| target.endpoint != avoided.endpoint)
    }

    /// An idle connection that is still good. What the driver was told since decides that; `surely` also asks the system,
    /// for a request that cannot be sent again if the endpoint has closed the connection just now.
    pub(crate) fn take(
        &self,
        target: Target<'_>,
        now: Instant,
        surely: bool,
        metrics: &WorkerMetrics,
    ) -> Option<Rc<S>> {
        let mut pool = self.pool(target.upstream, metrics)?;
        while let Some(Idle { stream, since }) = pool.stocks[target.endpoint as usize].idle.pop_back() {
            metrics.upstream_idle(pool.terms.figures).decrement();
            let is_silent = || !(surely || stream.has_news()) || stream.peek() == Peek::Silent;
            if now.since(since) < pool.terms.idle_timeout && is_silent() {
                return Some(stream);
            }
        }
        None
    }

    /// A connection that any worker has parked and that is not too old.
    pub(crate) fn take_parked(&self, target: Target<'_>, now: Instant, metrics: &WorkerMetrics) -> Option<S::Detached> {
        let note = |parked: Parked<_>| metrics.upstream_unparked(parked.figures);
        while let Some(parked) = self.parking.take(target.id(), note) {
            metrics.upstream_unparked(parked.figures);
            if now.since(parked.since) < target.upstream.upstream.connections.idle_timeout {
                return Some(parked.stream);
            }
        }
        None
    }

    /// Keeps a connection for later. Says when it must be looked at, if that is earlier than anything before it.
    pub(crate) fn put(
        &self,
        target: Target<'_>,
        stream: Rc<S>,
        now: Instant,
        metrics: &WorkerMetrics,
    ) -> Option<Instant> {
        let mut pool = self.pool(target.upstream, metrics)?;
        let terms = pool.terms;
        let idle = &mut pool.stocks[target.endpoint as usize].idle;
        if idle.len() >= terms.own_max {
            return None;
        }
        idle.push_back(Idle { stream, since: now });
        metrics.upstream_idle(terms.figures).increment();
        let due = now + terms.patience();
        (due < self.due.get()).then(|| {
            self.due.set(due);
            due
        })
    }

    /// Closes what has been idle for too long and parks what others may need more; says when to come again.
    pub(crate) fn expire(&self, now: Instant, metrics: &WorkerMetrics) -> Instant {
        if self.due.get() > now {
            return self.due.get();
        }
        let mut due = Instant::NEVER;
        for pool in &mut *self.upstreams.borrow_mut() {
            let terms = pool.terms;
            let looks = pool.stocks.iter_mut().map(|stock| stock.expire(terms, now, &self.parking, metrics));
            due = looks.fold(due, Instant::min);
        }
        self.due.set(due);
        due
    }

    /// Closes everything, also what is parked: workers end together.
    pub(crate) fn clear(&self, metrics: &WorkerMetrics) {
        self.upstreams.borrow_mut().iter_mut().for_each(|pool| pool.clear(&self.parking, metrics));
        self.parking.clear(|parked| metrics.upstream_unparked(parked.figures));
    }
}

impl<S: Stream> Pool<S> {
    const fn none() -> Self {
        let terms = Terms { figures: 0, own_max: 0, parked_max: 0, idle_timeout: Duration::ZERO };
        Self { id: 0, terms, stocks: Vec::new(), turn: 0 }
    }

    fn of(upstream: &UpstreamProgram, parking: &Parking<S::Detached>, random: usize) -> Self {
        let connections = upstream.upstream.connections;
        let (parked_max, own_max) = parking.split(connections.idle_max);
        let endpoints = 0..upstream.endpoints.len() as u32;
        Self {
            id: upstream.id,
            terms: Terms { figures: upstream.figures, own_max, parked_max, idle_timeout: connections.idle_timeout },
            stocks: endpoints.map(|endpoint| Stock::of(Target { upstream, endpoint }.id())).collect(),
            turn: random,
        }
    }

    fn clear(&mut self, parking: &Parking<S::Detached>, metrics: &WorkerMetrics) {
        for stock in &mut self.stocks {
            for _ in stock.idle.drain(..) {
                metrics.upstream_idle(self.terms.figures).decrement();
            }
            let note = |parked: Parked<_>| metrics.upstream_unparked(parked.figures);
            parking.sweep(stock.id.number, |parked| parked.endpoint == stock.id, note);
        }
    }
}

impl Terms {
    /// After how long an idle connection is looked at.
    fn patience(self) -> Duration {
        if self.parked_max > 0 { self.idle_timeout.min(PARK_AFTER) } else { self.idle_timeout }
    }
}

impl<S: Stream> Stock<S> {
    const fn of(id: EndpointId) -> Self {
        Self { id, idle: VecDeque::new(), parked_due: Instant::NEVER }
    }

    /// Closes and parks what it is time for; says when to come again.
    fn expire(
        &mut self,
        terms: Terms,
        now: Instant,
        parking: &Parking<S::Detached>,
        metrics: &WorkerMetrics,
    ) -> Instant {
        while self.idle.front().is_some_and(|oldest| oldest.since + terms.idle_timeout <= now) {
            self.idle.pop_front();
            metrics.upstream_idle(terms.figures).decrement();
        }
        if self.parked_due <= now {
            let is_over = |parked: &Parked<_>| parked.endpoint == self.id && parked.since + terms.idle_timeout <= now;
            let oldest = parking.sweep(self.id.number, is_over, |parked| metrics.upstream_unparked(parked.figures));
            self.parked_due = oldest.map_or(Instant::NEVER, |oldest| oldest + terms.idle_timeout);
        }
        let is_all = self.park(terms, now, parking, metrics);
        let wait = if is_all { terms.patience() } else { terms.idle_timeout };
        self.idle.front().map_or(self.parked_due, |oldest| self.parked_due.min(oldest.since + wait))
    }

    /// Parks what has been idle for long enough; says whether there was room for all of it.
    fn park(&mut self, terms: Terms, now: Instant, parking: &Parking<S::Detached>, metrics: &WorkerMetrics) -> bool {
        while let Some(Idle { stream, since }) = self.idle.pop_front() {
            let is_time = since + PARK_AFTER <= now;
            let has_room = is_time && parking.has_room(self.id.number, terms.parked_max);
            match if has_room { detach(stream) } else { Err(stream) } {
                Ok(stream) => {
                    metrics.upstream_idle(terms.figures).decrement();
                    metrics.upstream_parked(terms.figures);
                    self.parked_due = self.parked_due.min(since + terms.idle_timeout);
                    let parked = Parked { stream, endpoint: self.id, figures: terms.figures, since };
                    if let Some(surplus) = parking.park(parked, terms.parked_max) {
                        metrics.upstream_unparked(surplus.figures);
                    }
                }
                Err(stream) => {
                    self.idle.push_front(Idle { stream, since });
                    return !is_time;
                }
            }
        }
        true
    }
}

/// Gives it back while somebody else has it, or the driver does.
fn detach<S: Stream>(stream: Rc<S>) -> Result<S::Detached, Rc<S>> {
    Rc::try_unwrap(stream)?.detach().map_err(Rc::new)
}
