//! A descriptor and what its registration has told of it.
//!
//! Events are edges: a flag says that something has changed since the last call that would have waited, so a call is
//! tried only when its flag is set, and a call that finds nothing clears it.

use super::UringIo;
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    os::fd::{AsFd, AsRawFd},
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// What a registration asks for: every change in what can be read or written, once per change.
pub(super) const EVENTS: u32 = (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET) as u32;

/// What is known of a descriptor; shared with the reactor.
#[derive(Default)]
pub(super) struct Readiness {
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
    pub(super) fn note(&self, events: u32) {
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
    pub(super) fn fail(&self, error: i32) {
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
    io: UringIo,
}

impl<T: AsFd> Source<T> {
    /// Registers `inner`; nothing is known of it yet.
    pub(super) fn new(io: &UringIo, inner: T) -> Self {
        let readiness = Rc::<Readiness>::default();
        let key = io.0.reactor.register(inner.as_fd().as_raw_fd(), readiness.clone());
        Self { inner, key, readiness, io: io.clone() }
    }

    pub(super) const fn inner(&self) -> &T {
        &self.inner
    }

    pub(super) const fn io(&self) -> &UringIo {
        &self.io
    }

    /// Nothing was told since the last read that drained it.
    pub(super) fn is_quiet(&self) -> bool {
        !self.readiness.readable.get()
    }

    /// A read has taken everything, unless the end is still to be read.
    pub(super) fn note_drained(&self) {
        self.readiness.readable.set(self.readiness.ended.get());
    }

    /// A read has found nothing.
    pub(super) fn note_unreadable(&self) {
        self.readiness.readable.set(false);
    }

    /// A write has found no room.
    pub(super) fn note_unwritable(&self) {
        self.readiness.writable.set(false);
    }

    /// A write is worth trying before the first event.
    pub(super) fn assume_writable(&self) {
        self.readiness.writable.set(true);
    }

    /// Makes a waiting reader try.
    pub(super) fn wake_reader(&self) {
        self.readiness.note(libc::EPOLLIN as u32);
    }

    pub(super) fn ready_to_read(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|context| self.poll(&self.readiness.readable, &self.readiness.reader, context))
    }

    pub(super) fn ready_to_write(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|context| self.poll(&self.readiness.writable, &self.readiness.writer, context))
    }

    fn poll(&self, flag: &Cell<bool>, waiter: &RefCell<Option<Waker>>, context: &Context<'_>) -> Poll<io::Result<()>> {
        let ready = self.readiness.poll(flag, waiter, context);
        if ready.is_ready() && self.io.0.executor.take_turn(context).is_pending() {
            return Poll::Pending;
        }
        ready
    }
}

impl<T: AsFd> Drop for Source<T> {
    fn drop(&mut self) {
        self.io.0.reactor.deregister(self.key);
    }
}
