//! Idle upstream connections of one worker, by endpoint, newest first.
//!
//! A pooled connection has no transfer in flight. It is looked at when it is taken: whatever the endpoint has sent or done
//! meanwhile makes it unusable. At most `connections.idle_max` are kept per endpoint, each for at most
//! `connections.idle_timeout`.

use crate::Program;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};
use tollgate_io::{Instant, Peek, Stream};
use tollgate_telemetry::WorkerMetrics;

/// Which endpoint of which upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndpointId {
    pub(crate) upstream: u32,
    pub(crate) endpoint: u32,
}

/// The stock of one worker.
pub(crate) struct Pools<S> {
    upstreams: Vec<Pool<S>>,
    /// When the oldest idle connection must go.
    due: Cell<Instant>,
}

struct Pool<S> {
    endpoints: Vec<RefCell<VecDeque<Idle<S>>>>,
    idle_max: usize,
    idle_timeout: Duration,
    /// Next turn of the schedule.
    turn: Cell<usize>,
}

struct Idle<S> {
    stream: Rc<S>,
    since: Instant,
}

impl<S: Stream> Pools<S> {
    /// `random` spreads where workers begin their schedules.
    pub(crate) fn new(program: &Program, random: u64) -> Self {
        let upstreams = program
            .snapshot
            .upstreams
            .iter()
            .map(|upstream| Pool {
                endpoints: upstream.endpoints.iter().map(|_| RefCell::default()).collect(),
                idle_max: upstream.connections.idle_max,
                idle_timeout: upstream.connections.idle_timeout,
                turn: Cell::new((random >> 32) as usize),
            })
            .collect();
        Self { upstreams, due: Cell::new(Instant::NEVER) }
    }

    /// The endpoint whose turn it is.
    pub(crate) fn next_endpoint(&self, program: &Program, upstream: u32) -> EndpointId {
        let schedule = &program.schedules[upstream as usize];
        let turn = &self.upstreams[upstream as usize].turn;
        turn.set(turn.get().wrapping_add(1));
        EndpointId { upstream, endpoint: schedule[turn.get() % schedule.len()] }
    }

    /// The next endpoint that is not `avoided`, if the upstream has another.
    pub(crate) fn other_endpoint(&self, program: &Program, avoided: EndpointId) -> Option<EndpointId> {
        let turns = program.schedules[avoided.upstream as usize].len();
        (0..turns).map(|_| self.next_endpoint(program, avoided.upstream)).find(|id| *id != avoided)
    }

    /// An idle connection that is still good. What the driver was told since decides that; `surely` also asks the system,
    /// for a request that cannot be sent again if the endpoint has closed the connection just now.
    pub(crate) fn take(&self, id: EndpointId, now: Instant, surely: bool, metrics: &WorkerMetrics) -> Option<Rc<S>> {
        let pool = &self.upstreams[id.upstream as usize];
        let mut idle = pool.endpoints[id.endpoint as usize].borrow_mut();
        while let Some(Idle { stream, since }) = idle.pop_back() {
            metrics.upstream_idle(id.upstream).decrement();
            let is_silent = || !(surely || stream.has_news()) || stream.peek() == Peek::Silent;
            if now.since(since) < pool.idle_timeout && is_silent() {
                return Some(stream);
            }
        }
        None
    }

    /// Keeps a connection for later. Says when it must go at the latest, if that is earlier than anything before it.
    pub(crate) fn put(&self, id: EndpointId, stream: Rc<S>, now: Instant, metrics: &WorkerMetrics) -> Option<Instant> {
        let pool = &self.upstreams[id.upstream as usize];
        let mut idle = pool.endpoints[id.endpoint as usize].borrow_mut();
        if idle.len() >= pool.idle_max {
            return None;
        }
        idle.push_back(Idle { stream, since: now });
        metrics.upstream_idle(id.upstream).increment();
        let due = now + pool.idle_timeout;
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
        for (index, pool) in self.upstreams.iter().enumerate() {
            for endpoint in &pool.endpoints {
                let mut idle = endpoint.borrow_mut();
                while idle.front().is_some_and(|oldest| oldest.since + pool.idle_timeout <= now) {
                    idle.pop_front();
                    metrics.upstream_idle(index as u32).decrement();
                }
                due = idle.front().map_or(due, |oldest| due.min(oldest.since + pool.idle_timeout));
            }
        }
        self.due.set(due);
        due
    }

    /// Closes everything.
    pub(crate) fn clear(&self, metrics: &WorkerMetrics) {
        for (index, pool) in self.upstreams.iter().enumerate() {
            for endpoint in &pool.endpoints {
                for _ in endpoint.take() {
                    metrics.upstream_idle(index as u32).decrement();
                }
            }
        }
    }
}

impl Program {
    /// Where an endpoint is.
    pub(crate) fn address(&self, id: EndpointId) -> SocketAddr {
        match &self.snapshot.upstreams[id.upstream as usize].endpoints[id.endpoint as usize].address {
            tollgate_model::Address::Socket(address) => *address,
            _ => SocketAddr::from(([0, 0, 0, 0], 0)),
        }
    }
}
