//! One thread's executor, reactor, clock and buffers, and the [`Io`] they make.
//!
//! The loop is [`RingIo::run`]: tasks while there are ready ones, to a bound, then a turn of the reactor, which waits only
//! when no task is ready and none was for `Tuning::spin`. Dropping the last handle frees everything; tasks still there when `main` ends are dropped.

use crate::{
    Driver, RingDetached, RingListener, RingStream, ThreadSpec, clock::Clock, executor::Executor, reactor::Reactor,
    timers::Sleep,
};
use std::{cell::Cell, io, rc::Rc, time::Duration};
use tollgate_io::{Address, BufferPool, Instant, Io, Wall};

/// One thread's access to its runtime.
#[derive(Clone)]
pub struct RingIo(Rc<Shared>);

struct Shared {
    clock: Clock,
    buffers: BufferPool,
    executor: Executor,
    reactor: Reactor,
    driver: Driver,
    /// How long is looked for something to do before the thread sleeps.
    spin: Duration,
}

impl RingIo {
    /// A runtime for the calling thread.
    ///
    /// # Errors
    /// The driver is refused.
    pub(crate) fn new(spec: &ThreadSpec) -> io::Result<Self> {
        Ok(Self(Rc::new(Shared {
            clock: Clock::start(),
            buffers: BufferPool::of_size(spec.tuning.buffer_bytes, spec.buffers_kept),
            executor: Executor::new(&spec.tuning),
            reactor: Reactor::new(spec.driver, spec.tuning.ring_entries)?,
            driver: spec.driver,
            spin: spec.tuning.spin,
        })))
    }

    /// Runs `main` to its end, then drops every other task.
    ///
    /// # Errors
    /// The driver broke.
    pub(crate) fn run(&self, main: impl Future<Output = ()> + 'static) -> io::Result<()> {
        let Shared { executor, reactor, clock, spin, .. } = &*self.0;
        let mut quiet_since = Instant::NEVER;
        let has_ended = Rc::new(Cell::new(false));
        let ended = has_ended.clone();
        executor.spawn(async move {
            main.await;
            ended.set(true);
        });
        loop {
            let is_busy = executor.poll_ready();
            if has_ended.get() {
                break;
            }
            let mut waits = !is_busy;
            if waits && !spin.is_zero() {
                let now = clock.now();
                quiet_since = if executor.has_polled() { now } else { quiet_since.min(now) };
                waits = now.since(quiet_since) >= *spin;
            }
            reactor.turn(waits, clock)?;
        }
        executor.drop_tasks();
        // Descriptors whose registration is over are closed for good.
        reactor.turn(false, clock)
    }

    /// What tells this thread of changes.
    #[must_use]
    pub fn driver(&self) -> Driver {
        self.0.driver
    }

    pub(crate) fn executor(&self) -> &Executor {
        &self.0.executor
    }

    pub(crate) fn reactor(&self) -> &Reactor {
        &self.0.reactor
    }
}

impl Io for RingIo {
    type Stream = RingStream;
    type Listener = RingListener;

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.executor.spawn(task);
    }

    fn now(&self) -> Instant {
        self.0.clock.now()
    }

    fn wall(&self, at: Instant) -> Wall {
        self.0.clock.wall(at)
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        Sleep::new(self.clone(), at)
    }

    fn entropy(&self) -> u64 {
        self.0.clock.entropy()
    }

    async fn connect(&self, to: Address<'_>) -> io::Result<RingStream> {
        RingStream::connect(self, to).await
    }

    fn adopt(&self, stream: RingDetached) -> io::Result<RingStream> {
        RingStream::adopted(self, stream)
    }

    fn buffers(&self) -> &BufferPool {
        &self.0.buffers
    }
}
