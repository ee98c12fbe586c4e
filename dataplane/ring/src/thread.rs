//! One pinned thread with one runtime, and the [`Io`] it gives to what runs on it.
//!
//! [`launch`] returns once the thread stands on its CPU and its ring is there, or says why not; falling back to another
//! driver is the caller's decision. The pool keeps at most [`ThreadSpec::buffers_kept`] unused buffers.

use crate::{BoundListener, Inbox, epoll, system, uring};
use crossbeam::channel;
use std::{io, thread::JoinHandle};
use tollgate_io::{Io, Mailbox};

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// A ring shared with the kernel.
    IoUring,
    /// monoio on epoll, where io_uring is refused.
    Epoll,
}

/// How to start a thread.
#[derive(Clone, Debug)]
pub struct ThreadSpec {
    /// Shown by `ps` and `top`; at most 15 bytes are.
    pub name: String,
    /// The CPU to stay on; `None`: wherever the scheduler likes.
    pub cpu: Option<usize>,
    /// What carries the bytes.
    pub driver: Driver,
    /// Unused buffers kept for reuse.
    pub buffers_kept: usize,
}

/// A runtime of this crate: the seam, and what it takes over from the thread that starts others.
pub trait Runtime: Io {
    /// A mailbox on this runtime.
    type Mailbox<M: Send + 'static>: Mailbox<M>;

    /// Takes over a bound socket.
    ///
    /// # Errors
    /// The kernel does not take it.
    fn listener(&self, bound: BoundListener) -> io::Result<Self::Listener>;

    /// Takes over the receiving end of a mailbox.
    ///
    /// # Errors
    /// The kernel does not take it.
    fn mailbox<M: Send + 'static>(&self, inbox: Inbox<M>) -> io::Result<Self::Mailbox<M>>;
}

/// What a thread does, on either runtime.
pub trait Main: Send + 'static {
    /// Runs to its end, which is the thread's.
    fn main<R: Runtime>(self, io: R) -> impl Future<Output = ()> + 'static;
}

/// Starts a thread that runs `main` to its end on a runtime of its own.
///
/// # Errors
/// The thread, its affinity or its ring could not be had; nothing runs then.
pub fn launch(spec: ThreadSpec, main: impl Main) -> io::Result<JoinHandle<()>> {
    let (started, outcome) = channel::bounded(1);
    let thread = std::thread::Builder::new().name(spec.name.clone()).spawn(move || {
        // The receiver waits for exactly one message below.
        let ready = |result: io::Result<()>| started.send(result).is_ok();
        let prepared = system::block_signals().and_then(|()| spec.cpu.map_or(Ok(()), system::pin_to));
        let outcome = prepared.and_then(|()| match spec.driver {
            Driver::IoUring => uring::run(&spec, main, || ready(Ok(()))),
            Driver::Epoll => epoll::run(&spec, main, || ready(Ok(()))),
        });
        if let Err(error) = outcome {
            ready(Err(error));
        }
    })?;
    match outcome.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::other("the thread ended before it started")),
    }
}
