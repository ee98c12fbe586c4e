//! Connections of the housekeeping: each is bounded in time, their number by [`Permits`], and all of them end with the thread.
//!
//! A deadline aborts the stream and lets its transfer complete: none is dropped.

use super::permits::Permits;
use crate::limits::HOUSEKEEPING_PERMITS;
use rustix::io::Errno;
use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    io,
    pin::pin,
    rc::Rc,
    task::{Poll, Waker},
};
use tollgate_io::{Address, Instant, Io, SendList};
use tollgate_ring::{RingIo, RingStream};
use tollgate_worker::Wire;

/// The streams that are open, and the permits for those who want one.
pub(super) struct Calls {
    /// Taken for a check, and for a lookup, which may open datagrams besides.
    pub(super) permits: Permits,
    open: RefCell<Vec<Rc<Wire<RingStream>>>>,
    is_ending: Cell<bool>,
    /// Who waits for the last to be closed.
    waiting: RefCell<Option<Waker>>,
}

/// A stream that is in the list until it is dropped.
struct Call<'c> {
    calls: &'c Calls,
    wire: Rc<Wire<RingStream>>,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.calls.open.borrow_mut().retain(|open| !Rc::ptr_eq(open, &self.wire));
        if let Some(waiting) = self.calls.waiting.take() {
            waiting.wake();
        }
    }
}

impl Default for Calls {
    fn default() -> Self {
        let (open, is_ending, waiting) = Default::default();
        Self { permits: Permits::new(HOUSEKEEPING_PERMITS), open, is_ending, waiting }
    }
}

impl Calls {
    /// Connects and does `work` with the connection, all until `due`.
    pub(super) async fn call<T>(
        &self,
        io: &RingIo,
        to: Address<'_>,
        due: Instant,
        work: impl AsyncFnOnce(&Wire<RingStream>) -> io::Result<T>,
    ) -> io::Result<T> {
        // Both may be dropped.
        let stream = within(io, due, io.connect(to)).await.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))?;
        if self.is_ending.get() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let call = Call { calls: self, wire: Rc::new(Wire::new(stream)) };
        self.open.borrow_mut().push(call.wire.clone());
        let (mut work, mut overdue) = (pin!(work(&call.wire)), pin!(io.sleep_until(due)));
        let mut is_over = false;
        poll_fn(|context| {
            if !is_over && overdue.as_mut().poll(context).is_ready() {
                is_over = true;
                call.wire.abort();
            }
            work.as_mut().poll(context)
        })
        .await
    }

    /// Aborts all, and waits until they are closed.
    pub(super) async fn end(&self) {
        self.is_ending.set(true);
        self.open.borrow().iter().for_each(|wire| wire.abort());
        poll_fn(|context| {
            if self.open.borrow().is_empty() {
                return Poll::Ready(());
            }
            self.waiting.replace(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// What comes of `work` until `due`; it is dropped then, and so must be of the kind that may be.
pub(super) async fn within<T>(io: &RingIo, due: Instant, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut overdue) = (pin!(work), pin!(io.sleep_until(due)));
    poll_fn(|context| {
        if let Poll::Ready(value) = work.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        overdue.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// Whether something failed for want of what this node is short of: that says nothing of whom it was about.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    const SHORT: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    Errno::from_io_error(error).is_some_and(|errno| SHORT.contains(&errno))
}

/// Sends all of a message that fits one buffer.
pub(super) async fn send_all(io: &RingIo, wire: &Wire<RingStream>, bytes: &[u8]) -> io::Result<()> {
    let mut buffer = io.buffers().take();
    if !buffer.append(bytes) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut list = SendList::whole(buffer);
    while !list.is_empty() {
        let (sent, rest) = wire.send(list).await;
        if sent? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        list = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_node_is_short_of_is_nobody_elses_fault() {
        let of = |errno: Errno| io::Error::from(errno);
        assert!(is_shortage(&of(Errno::MFILE)) && is_shortage(&of(Errno::NOBUFS)));
        let theirs = [of(Errno::CONNREFUSED), of(Errno::NETUNREACH), io::ErrorKind::TimedOut.into()];
        assert!(!theirs.iter().any(is_shortage));
    }
}
