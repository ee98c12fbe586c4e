//! A descriptor and what its registration has told of it.
//!
//! Events are edges: a flag says that something has changed since the last call that would have waited, so a call is
//! tried only when its flag is set, and a call that finds nothing clears it.

use crate::RingIo;
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    os::fd::{AsFd, AsRawFd},
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// What is known of a descriptor; shared with the reactor.
#[derive(Default)]
pub(crate) struct Readiness {
    readable: Cell<bool>,
    writable: Cell<bool>,
    /// The peer has finished or the descriptor is broken: reading never waits again.
    ended: Cell<bool>,
    /// Why the registration failed for good; 0: it has not.
    failure: Cell<i32>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

impl Readiness {
    /// Notes events and wakes who waits for them.
    pub(crate) fn note(&self, events: u32) {
        const END: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
        const READ: u32 = libc::EPOLLIN as u32 | END;
        const WRITE: u32 = (libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) as u32;
        if events & END != 0 {
            self.ended.set(true);
        }
        if events & READ != 0 {
            self.readable.set(true);
            self.reader.take().into_iter().for_each(Waker::wake);
        }
        if events & WRITE != 0 {
            self.writable.set(true);
            self.writer.take().into_iter().for_each(Waker::wake);
        }
    }

    /// The registration is gone and cannot be had again.
    pub(crate) fn fail(&self, error: i32) {
        self.failure.set(error);
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }

    fn poll(&self, flag: &Cell<bool>, waiter: &RefCell<Option<Waker>>, context: &Context<'_>) -> Poll<io::Result<()>> {
        if self.failure.get() != 0 {
            return Poll::Ready(Err(io::Error::from_raw_os_error(self.failure.get())));
        }
        if flag.get() {
            return Poll::Ready(Ok(()));
        }
        waiter.replace(Some(context.waker().clone()));
        Poll::Pending
    }
}

/// A registered descriptor. Dropping it ends the registration and closes the descriptor.
pub(crate) struct Source<T: AsFd> {
    inner: T,
    key: usize,
    readiness: Rc<Readiness>,
    io: RingIo,
}

impl<T: AsFd> Source<T> {
    /// Registers `inner`; nothing is known of it yet.
    ///
    /// # Errors
    /// Out of memory for it.
    pub(crate) fn new(io: &RingIo, inner: T) -> io::Result<Self> {
        let readiness = Rc::<Readiness>::default();
        let key = io.reactor().register(inner.as_fd().as_raw_fd(), readiness.clone())?;
        Ok(Self { inner, key, readiness, io: io.clone() })
    }

    pub(crate) const fn inner(&self) -> &T {
        &self.inner
    }

    pub(crate) const fn io(&self) -> &RingIo {
        &self.io
    }

    /// Nothing was told since the last read that drained it.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.readiness.readable.get()
    }

    /// A read has taken everything, unless the end is still to be read.
    pub(crate) fn note_drained(&self) {
        self.readiness.readable.set(self.readiness.ended.get());
    }

    /// A read has found nothing.
    pub(crate) fn note_unreadable(&self) {
        self.readiness.readable.set(false);
    }

    /// A write has found no room.
    pub(crate) fn note_unwritable(&self) {
        self.readiness.writable.set(false);
    }

    /// A write is worth trying before the first event.
    pub(crate) fn assume_writable(&self) {
        self.readiness.writable.set(true);
    }

    /// Makes a waiting reader try.
    pub(crate) fn wake_reader(&self) {
        self.readiness.note(libc::EPOLLIN as u32);
    }

    pub(crate) fn ready_to_read(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|context| self.poll(&self.readiness.readable, &self.readiness.reader, context))
    }

    pub(crate) fn ready_to_write(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|context| self.poll(&self.readiness.writable, &self.readiness.writer, context))
    }

    fn poll(&self, flag: &Cell<bool>, waiter: &RefCell<Option<Waker>>, context: &Context<'_>) -> Poll<io::Result<()>> {
        let ready = self.readiness.poll(flag, waiter, context);
        if ready.is_ready() && self.io.executor().take_turn(context).is_pending() {
            return Poll::Pending;
        }
        ready
    }
}

impl<T: AsFd> Drop for Source<T> {
    fn drop(&mut self) {
        self.io.reactor().deregister(self.key);
    }
}
