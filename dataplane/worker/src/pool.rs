//! Idle upstream connections of one worker, by endpoint, newest first.
//!
//! A pooled connection has no transfer in flight. It is looked at when it is taken: whatever the endpoint has sent or done
//! meanwhile makes it unusable. At most `connections.idle_max` are kept per endpoint, each for at most
//! `connections.idle_timeout`. The stock of an upstream ends when a new snapshot has changed it.

use crate::program::UpstreamProgram;
use std::{
    cell::{Cell, RefCell, RefMut},
    collections::VecDeque,
    net::SocketAddr,
    rc::Rc,
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

    /// How an access record names it.
    pub(crate) fn fragment(self) -> Option<&'p Fragment> {
        self.upstream.endpoints.get(self.endpoint as usize)
    }
}

/// The stock of one worker.
pub(crate) struct Pools<S> {
    /// By slot of the upstream.
    upstreams: RefCell<Vec<Pool<S>>>,
    /// When the oldest idle connection must go.
    due: Cell<Instant>,
    /// Spreads where workers begin their schedules.
    random: usize,
}

struct Pool<S> {
    /// Of the upstream as it was compiled, 0 for none yet.
    id: u64,
    figures: u32,
    endpoints: Vec<VecDeque<Idle<S>>>,
    idle_max: usize,
    idle_timeout: Duration,
    /// Next turn of the schedule.
    turn: usize,
}

struct Idle<S> {
    stream: Rc<S>,
    since: Instant,
}

impl<S: Stream> Pools<S> {
    /// `random` spreads where workers begin their schedules.
    pub(crate) fn new(random: u64) -> Self {
        Self { upstreams: RefCell::default(), due: Cell::new(Instant::NEVER), random: (random >> 32) as usize }
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
            pools[slot].clear(metrics);
            pools[slot] = Pool::of(upstream, self.random);
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
        while let Some(Idle { stream, since }) = pool.endpoints[target.endpoint as usize].pop_back() {
            metrics.upstream_idle(pool.figures).decrement();
            let is_silent = || !(surely || stream.has_news()) || stream.peek() == Peek::Silent;
            if now.since(since) < pool.idle_timeout && is_silent() {
                return Some(stream);
            }
        }
        None
    }

    /// Keeps a connection for later. Says when it must go at the latest, if that is earlier than anything before it.
    pub(crate) fn put(
        &self,
        target: Target<'_>,
        stream: Rc<S>,
        now: Instant,
        metrics: &WorkerMetrics,
    ) -> Option<Instant> {
        let mut pool = self.pool(target.upstream, metrics)?;
        let (idle_max, due) = (pool.idle_max, now + pool.idle_timeout);
        let idle = &mut pool.endpoints[target.endpoint as usize];
        if idle.len() >= idle_max {
            return None;
        }
        idle.push_back(Idle { stream, since: now });
        metrics.upstream_idle(pool.figures).increment();
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
        for pool in &mut *self.upstreams.borrow_mut() {
            for idle in &mut pool.endpoints {
                while idle.front().is_some_and(|oldest| oldest.since + pool.idle_timeout <= now) {
                    idle.pop_front();
                    metrics.upstream_idle(pool.figures).decrement();
                }
                due = idle.front().map_or(due, |oldest| due.min(oldest.since + pool.idle_timeout));
            }
        }
        self.due.set(due);
        due
    }

    /// Closes everything.
    pub(crate) fn clear(&self, metrics: &WorkerMetrics) {
        self.upstreams.borrow_mut().iter_mut().for_each(|pool| pool.clear(metrics));
    }
}

impl<S> Pool<S> {
    const fn none() -> Self {
        Self { id: 0, figures: 0, endpoints: Vec::new(), idle_max: 0, idle_timeout: Duration::ZERO, turn: 0 }
    }

    fn of(upstream: &UpstreamProgram, random: usize) -> Self {
        let connections = upstream.upstream.connections;
        Self {
            id: upstream.id,
            figures: upstream.figures,
            endpoints: upstream.endpoints.iter().map(|_| VecDeque::new()).collect(),
            idle_max: connections.idle_max,
            idle_timeout: connections.idle_timeout,
            turn: random,
        }
    }

    fn clear(&mut self, metrics: &WorkerMetrics) {
        for idle in &mut self.endpoints {
            for _ in idle.drain(..) {
                metrics.upstream_idle(self.figures).decrement();
            }
        }
    }
}
