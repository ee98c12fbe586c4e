//! The simulation as a whole: its owner, and the handle its parts hold.
//!
//! [`World`] is shared by every task and link; [`Simulation`] alone can run it and ends it. Dropping the simulation
//! drops all tasks, which is the only moment at which a transfer in flight may go away.

use crate::{
    Conditions, Counters, Fault, Node, Random, Seed,
    downstream::Downstream,
    executor::{Executor, TimerKey},
    network::Network,
    trace::{Event, Trace},
};
use std::{
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    net::IpAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};
use tollgate_io::{BUFFER_BYTES, BUFFER_BYTES_RANGE, BufferPool, Instant};

/// Sizes of buffers, one a simulation: as it is by default, and the ends of what may be tuned.
const SIZES: [usize; 3] = [BUFFER_BYTES, *BUFFER_BYTES_RANGE.start(), *BUFFER_BYTES_RANGE.end()];

/// A run: tasks, clock and network out of one seed.
#[derive(Debug)]
pub struct Simulation(World);

/// Handle to a running simulation.
#[derive(Clone)]
pub struct World(Rc<Parts>);

struct Parts {
    executor: Executor,
    random: Random,
    conditions: Conditions,
    counters: RefCell<Counters>,
    network: Network,
    downstream: Downstream,
    trace: Trace,
    pools: RefCell<Vec<BufferPool>>,
    /// Of buffers, in bytes.
    buffer_bytes: usize,
    /// Tasks of nodes that have not ended.
    node_tasks: Cell<usize>,
    /// How much later than they ask for nodes wake from a sleep.
    lag: Cell<Duration>,
    ending: Cell<bool>,
}

/// What is not given back. All zero after a worker has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Buffers out of the nodes' pools.
    pub buffers: usize,
    /// Ends of links that nodes hold.
    pub streams: u64,
    /// Tasks of nodes that have not ended.
    pub tasks: usize,
}

impl Simulation {
    /// A world at time 0 with nothing in it.
    #[must_use]
    pub fn new(seed: impl Into<Seed>, conditions: Conditions) -> Self {
        let seed = seed.into();
        Self(World(Rc::new(Parts {
            executor: Executor::default(),
            random: Random::new(seed.number),
            conditions,
            counters: RefCell::default(),
            network: Network::default(),
            downstream: Downstream::default(),
            trace: Trace::new(seed.print),
            pools: RefCell::default(),
            buffer_bytes: SIZES[(seed.number % 3) as usize],
            node_tasks: Cell::new(0),
            lag: Cell::new(Duration::ZERO),
            ending: Cell::new(false),
        })))
    }

    /// A handle for scripts.
    #[must_use]
    pub fn world(&self) -> World {
        self.0.clone()
    }

    /// A simulated core that connects from `address`, with a buffer pool of its own.
    #[must_use]
    pub fn node(&self, address: impl Into<IpAddr>) -> Node {
        let node = Node::new(self.world(), address.into(), self.0.0.buffer_bytes);
        self.0.0.pools.borrow_mut().push(node.pool().clone());
        node
    }

    /// Runs until nothing can happen any more.
    pub fn run_until_idle(&self) {
        self.run_until(Instant::NEVER);
    }

    /// Runs until nothing can happen any more, or the clock would pass `deadline`.
    pub fn run_until(&self, deadline: Instant) {
        self.0.0.executor.run_until(deadline.nanos(), &self.0.0.random);
    }

    /// Runs for `time` from now.
    pub fn run_for(&self, time: Duration) {
        self.run_until(self.0.now() + time);
    }

    /// Whether nothing can happen any more.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.0.0.executor.is_idle()
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.0.0.counters.borrow().clone()
    }

    /// Hash over every event so far, with its time and task.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.0.0.trace.hash()
    }

    /// What is not given back now.
    #[must_use]
    pub fn leftovers(&self) -> Leftovers {
        let counters = self.0.0.counters.borrow();
        let node = crate::Owner::Node as usize;
        Leftovers {
            buffers: self.0.0.pools.borrow().iter().map(BufferPool::in_use).sum(),
            streams: counters.opened[node] - counters.closed[node],
            tasks: self.0.0.node_tasks.get(),
        }
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.0.0.ending.set(true);
        self.0.0.executor.clear();
        self.0.0.network.clear();
    }
}

impl World {
    /// Virtual time since the start.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.0.executor.now())
    }

    /// The seed's numbers. Scripts draw from here too.
    #[must_use]
    pub fn random(&self) -> &Random {
        &self.0.random
    }

    /// Starts a task.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.executor.spawn(task);
    }

    /// Starts a task of a node.
    pub(crate) fn spawn_counted(&self, task: impl Future<Output = ()> + 'static) {
        let tasks = &self.0.node_tasks;
        tasks.set(tasks.get() + 1);
        let counted = CountedTask(self.clone());
        self.spawn(async move {
            task.await;
            drop(counted);
        });
    }

    /// Completes at or after `at`, never for [`Instant::NEVER`]. May be dropped.
    pub fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + use<> {
        Sleep { world: self.clone(), at: at.nanos(), timer: None }
    }

    /// From now on nodes wake so much later than they ask for, as on a core that has too much to do.
    pub fn set_lag(&self, lag: Duration) {
        self.0.lag.set(lag);
    }

    pub(crate) fn lag(&self) -> Duration {
        self.0.lag.get()
    }

    /// Completes after `nanos` nanoseconds.
    pub fn sleep(&self, nanos: u64) -> impl Future<Output = ()> + use<> {
        self.sleep_until(self.now() + Duration::from_nanos(nanos))
    }

    pub(crate) fn call_at(&self, at: u64, event: impl FnOnce() + 'static) -> TimerKey {
        self.0.executor.call_at(at, event)
    }

    pub(crate) fn conditions(&self) -> &Conditions {
        &self.0.conditions
    }

    pub(crate) fn network(&self) -> &Network {
        &self.0.network
    }

    pub(crate) fn downstream(&self) -> &Downstream {
        &self.0.downstream
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.0.counters.borrow_mut());
    }

    pub(crate) fn record(&self, event: Event) {
        self.0.trace.record(self.0.executor.now(), self.0.executor.running(), event);
    }

    /// Shows what is put on a link to who follows the run.
    pub(crate) fn show(&self, bytes: &[u8]) {
        self.0.trace.show(bytes);
    }

    /// Whether `fault` strikes now; counted if so.
    pub(crate) fn strikes(&self, fault: Fault) -> bool {
        let strikes = self.0.random.chance(self.0.conditions.faults.probability(fault));
        if strikes {
            self.count(|counters| counters.faults[fault as usize] += 1);
            self.record(Event::Fault(fault));
        }
        strikes
    }

    /// Whether the simulation is being dropped.
    pub(crate) fn ending(&self) -> bool {
        self.0.ending.get()
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World({:?})", self.0.executor)
    }
}

/// Counts a node's task until it is dropped.
struct CountedTask(World);

impl Drop for CountedTask {
    fn drop(&mut self) {
        let tasks = &self.0.0.node_tasks;
        tasks.set(tasks.get() - 1);
    }
}

struct Sleep {
    world: World,
    at: u64,
    timer: Option<TimerKey>,
}

impl Sleep {
    fn disarm(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.world.0.executor.cancel(timer);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.disarm();
        if self.world.0.executor.now() >= self.at {
            self.world.record(Event::Slept(self.at));
            return Poll::Ready(());
        }
        if self.at < Instant::NEVER.nanos() {
            let waker = context.waker().clone();
            self.timer = Some(self.world.call_at(self.at, move || waker.wake()));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.disarm();
    }
}
