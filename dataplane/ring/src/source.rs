//! A descriptor and what its registration has told of it.
//!
//! Events are edges: a flag says that something has changed since the last call that would have waited, so a call is
//! tried only when its flag is set, and a call that finds nothing clears it.

use crate::{RingIo, executor::Waiter};
use std::{
    cell::RefMut,
    future::poll_fn,
    io,
    os::fd::{AsFd, AsRawFd},
    task::{Context, Poll},
};

/// What is known of a descriptor. It lies in the reactor's table, in half a cache line: an event and the transfers that
/// follow it touch nothing else.
pub(crate) struct Readiness {
    reader: Waiter,
    writer: Waiter,
    /// Why the registration failed for good; 0: it has not.
    failure: i32,
    /// The turn in which a read last took everything.
    drained_in: u32,
    readable: bool,
    /// There was something to read when that was told: bytes, an end or an error.
    is_certain: bool,
    writable: bool,
    /// The peer has finished or the descriptor is broken: reading never waits again.
    ended: bool,
}

/// What a task waits for.
#[derive(Clone, Copy)]
enum Direction {
    Read,
    Write,
}

impl Readiness {
    /// Nothing is known.
    pub(crate) const NOTHING: Self = Self {
        reader: Waiter::NOBODY,
        writer: Waiter::NOBODY,
        failure: 0,
        drained_in: 0,
        readable: false,
        is_certain: false,
        writable: false,
        ended: false,
    };

    /// Notes events of a turn and wakes who waits for them. The ring may tell in the turn behind a read of what that read has
    /// taken already; what it tells later is of something new.
    pub(crate) fn note(&mut self, events: u32, turn: u32) {
        const END: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
        const READ: u32 = libc::EPOLLIN as u32 | END;
        const WRITE: u32 = (libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) as u32;
        self.ended |= events & END != 0;
        if events & READ != 0 {
            self.readable = true;
            self.is_certain |= turn.wrapping_sub(self.drained_in) > 1;
            self.reader.wake();
        }
        if events & WRITE != 0 {
            self.writable = true;
            self.writer.wake();
        }
    }

    /// The registration is gone and cannot be had again.
    pub(crate) fn fail(&mut self, error: i32) {
        self.failure = error;
        self.reader.wake();
        self.writer.wake();
    }

    const fn is_awaited(&self) -> bool {
        !self.reader.is_nobody() || !self.writer.is_nobody()
    }

    fn poll(&mut self, direction: Direction, context: &Context<'_>) -> Poll<io::Result<()>> {
        if self.failure != 0 {
            return Poll::Ready(Err(io::Error::from_raw_os_error(self.failure)));
        }
        let (is_ready, waiter) = match direction {
            Direction::Read => (self.readable, &mut self.reader),
            Direction::Write => (self.writable, &mut self.writer),
        };
        if is_ready {
            return Poll::Ready(Ok(()));
        }
        *waiter = Waiter::of(context);
        Poll::Pending
    }
}

/// A registered descriptor. Dropping it ends the registration, then closes the descriptor.
pub(crate) struct Source<T: AsFd> {
    io: RingIo,
    /// Of the reactor's table.
    key: u32,
    /// `None` once it is given back. Beside the key, where it takes no room of its own.
    inner: Option<T>,
}

impl<T: AsFd> Source<T> {
    /// Registers `inner`; nothing is known of it yet.
    ///
    /// # Errors
    /// Out of memory for it.
    pub(crate) fn new(io: &RingIo, inner: T) -> io::Result<Self> {
        let key = io.reactor().register(inner.as_fd().as_raw_fd())?;
        Ok(Self { io: io.clone(), key, inner: Some(inner) })
    }

    /// Ends the registration and gives the descriptor back.
    ///
    /// # Errors
    /// A task waits for it.
    pub(crate) fn into_inner(mut self) -> Result<T, Self> {
        if self.readiness().is_awaited() {
            return Err(self);
        }
        self.inner.take().ok_or(self)
    }

    #[inline]
    pub(crate) const fn inner(&self) -> &T {
        match &self.inner {
            Some(inner) => inner,
            None => unreachable!(),
        }
    }

    pub(crate) const fn io(&self) -> &RingIo {
        &self.io
    }

    fn readiness(&self) -> RefMut<'_, Readiness> {
        self.io.reactor().readiness(self.key)
    }

    /// Nothing was told since the last read that drained it.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.readiness().readable
    }

    /// A read has taken everything, unless the end is still to be read.
    pub(crate) fn note_drained(&self) {
        let turn = self.io.reactor().turns();
        let mut readiness = self.readiness();
        readiness.readable = readiness.ended;
        readiness.is_certain = readiness.ended;
        readiness.drained_in = turn;
    }

    /// A read has taken something, and there may be more.
    pub(crate) fn note_taken(&self) {
        self.readiness().is_certain = false;
    }

    /// Whether a read that is ready would find something for sure.
    pub(crate) fn is_certain(&self) -> bool {
        self.readiness().is_certain
    }

    /// A read has found nothing.
    pub(crate) fn note_unreadable(&self) {
        let turn = self.io.reactor().turns();
        let mut readiness = self.readiness();
        (readiness.readable, readiness.is_certain, readiness.drained_in) = (false, false, turn);
    }

    /// A write has found no room.
    pub(crate) fn note_unwritable(&self) {
        self.readiness().writable = false;
    }

    /// A write is worth trying before the first event.
    pub(crate) fn assume_writable(&self) {
        self.readiness().writable = true;
    }

    /// A read is worth trying before the first event.
    pub(crate) fn assume_readable(&self) {
        self.readiness().readable = true;
    }

    /// Makes a waiting reader try.
    pub(crate) fn wake_reader(&self) {
        let turn = self.io.reactor().turns();
        self.readiness().note(libc::EPOLLIN as u32, turn);
    }

    pub(crate) fn ready_to_read(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|context| self.poll(Direction::Read, context))
    }

    pub(crate) fn ready_to_write(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|context| self.poll(Direction::Write, context))
    }

    /// Whether a write may be tried at once: it is worth it, and the running task has not had its share of this turn.
    pub(crate) fn may_write(&self) -> bool {
        let is_ready = {
            let readiness = self.readiness();
            readiness.writable && readiness.failure == 0
        };
        is_ready && self.io().executor().take_transfer()
    }

    /// Whether the direction is ready, and the running task has not had its share of this turn.
    pub(crate) fn poll_read(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        self.poll(Direction::Read, context)
    }

    // Inlined everywhere: every receive comes here twice.
    #[inline(always)]
    fn poll(&self, direction: Direction, context: &Context<'_>) -> Poll<io::Result<()>> {
        let ready = self.readiness().poll(direction, context);
        if ready.is_ready() && !self.io().executor().take_transfer() {
            context.waker().wake_by_ref();
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

#[cfg(test)]
mod tests {
    use super::*;

    const READ: u32 = libc::EPOLLIN as u32;

    #[test]
    fn what_is_told_right_behind_a_read_may_be_old() {
        let mut readiness = Readiness { drained_in: 7, ..Readiness::NOTHING };
        readiness.note(READ, 8);
        assert!(readiness.readable && !readiness.is_certain);
        readiness.note(READ, 9);
        assert!(readiness.is_certain);
        readiness.note(READ, 9);
        assert!(readiness.is_certain, "until the next read");
    }
}
