//! A runtime of its own over one io_uring, made for workers.
//!
//! ```text
//! turn: poll ready tasks -> submit and wait in one system call -> note events of descriptors, wake their tasks -> turn
//! ```
//!
//! A descriptor is registered once with a multishot poll and reports every change from then on; transfers are plain
//! non-blocking calls on the task's stack. So no memory is lent to the kernel, an idle connection has nothing but its
//! registration, and back pressure is exact: what nobody receives stays in the socket. Measured against a posted
//! receive for each transfer, this saves a tenth of a worker's CPU (docs/decisions/0004-own-ring-driver.md).

mod executor;
mod listener;
mod reactor;
mod source;
mod stream;
mod timers;

use crate::{
    BoundListener, Inbox, Main, Runtime, ThreadSpec,
    clock::Clock,
    mailbox::{Bell, Receiver},
    system,
};
use executor::Executor;
use listener::UringListener;
use reactor::Reactor;
use source::Source;
use std::{cell::Cell, io, net::SocketAddr, os::fd::AsRawFd, rc::Rc};
use stream::UringStream;
use tollgate_io::{BufferPool, Instant, Io, Wall};

/// Runs `main` to its end on the calling thread, once `ready` has said so.
///
/// # Errors
/// The ring could not be had, or it broke.
pub(crate) fn run(spec: &ThreadSpec, main: impl Main, ready: impl FnOnce() -> bool) -> io::Result<()> {
    let io = UringIo(Rc::new(Shared {
        clock: Clock::start(),
        buffers: BufferPool::new(spec.buffers_kept),
        executor: Executor::new(),
        reactor: Reactor::new()?,
    }));
    if !ready() {
        return Ok(());
    }
    let Shared { executor, reactor, clock, .. } = &*io.0;
    let has_ended = Rc::new(Cell::new(false));
    let (ended, main) = (has_ended.clone(), main.main(io.clone()));
    executor.spawn(async move {
        main.await;
        ended.set(true);
    });
    loop {
        let is_busy = executor.poll_ready();
        if has_ended.get() {
            break;
        }
        reactor.turn(!is_busy, clock)?;
    }
    executor.drop_tasks();
    // Descriptors whose registration is removed are closed for good.
    reactor.turn(false, clock)
}

/// One thread's access to its runtime.
#[derive(Clone)]
pub(crate) struct UringIo(Rc<Shared>);

struct Shared {
    clock: Clock,
    buffers: BufferPool,
    executor: Executor,
    reactor: Reactor,
}

impl Io for UringIo {
    type Stream = UringStream;
    type Listener = UringListener;

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
        timers::Sleep::new(self.clone(), at)
    }

    fn entropy(&self) -> u64 {
        self.0.clock.entropy()
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<UringStream> {
        UringStream::connect(self, to).await
    }

    fn buffers(&self) -> &BufferPool {
        &self.0.buffers
    }
}

impl Runtime for UringIo {
    type Mailbox<M: Send + 'static> = Receiver<M, Source<std::os::unix::net::UnixStream>>;

    fn listener(&self, bound: BoundListener) -> io::Result<UringListener> {
        UringListener::new(self, bound)
    }

    fn mailbox<M: Send + 'static>(&self, inbox: Inbox<M>) -> io::Result<Self::Mailbox<M>> {
        let (queue, bell) = inbox.into_parts();
        Ok(Receiver::new(queue, Source::new(self, bell)))
    }
}

impl Bell for Source<std::os::unix::net::UnixStream> {
    async fn rung(&self) -> io::Result<()> {
        self.ready_to_read().await
    }

    fn silence(&self, into: &mut [u8]) -> io::Result<usize> {
        let taken = system::take_arrived(self.inner().as_raw_fd(), into);
        // A full take may have left some; the next wait then returns at once.
        if !taken.as_ref().is_ok_and(|count| *count == into.len()) {
            self.note_drained();
        }
        taken
    }
}
