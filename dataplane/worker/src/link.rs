//! One side of an exchange: a stream with the connection's watch, where transfers are counted and, when they fail, given
//! their reason. The transfers themselves are begun by [`crate::h1::Reader`] and [`crate::h1::Writer`].
//!
//! It borrows the worker and the watch, so that taking a connection for an exchange allocates nothing.

use crate::{
    state::Worker,
    tls,
    watch::{Waiting, Watch},
    wire::{Arrival, Wire},
};
use std::{cell::Cell, io, ops::Deref, rc::Rc};
use tollgate_http::{Reason, Side};
use tollgate_io::{Buffer, Io};

/// The stream of one side: a client's lies in its watch, an endpoint's is the pool's in the end.
pub(crate) enum Carrier<'a, S> {
    Client(&'a Wire<S>),
    Endpoint(Rc<Wire<S>>),
}

impl<S> Deref for Carrier<'_, S> {
    type Target = Wire<S>;

    fn deref(&self) -> &Wire<S> {
        match self {
            Self::Client(wire) => wire,
            Self::Endpoint(wire) => wire,
        }
    }
}

/// A stream and what is known about it.
pub(crate) struct Link<'a, I: Io> {
    pub(crate) worker: &'a Worker<I>,
    watch: &'a Watch<I::Stream>,
    pub(crate) stream: Carrier<'a, I::Stream>,
    pub(crate) side: Side,
    received: Cell<u64>,
    sent: Cell<u64>,
}

impl<'a, I: Io> Link<'a, I> {
    pub(crate) const fn new(
        worker: &'a Worker<I>,
        watch: &'a Watch<I::Stream>,
        stream: Carrier<'a, I::Stream>,
        side: Side,
    ) -> Self {
        Self { worker, watch, stream, side, received: Cell::new(0), sent: Cell::new(0) }
    }

    /// An empty buffer of the worker's pool.
    pub(crate) fn take_buffer(&self) -> Buffer {
        self.worker.io.buffers().take()
    }

    /// Bytes received so far.
    pub(crate) const fn received_bytes(&self) -> u64 {
        self.received.get()
    }

    /// Bytes sent so far.
    pub(crate) const fn sent_bytes(&self) -> u64 {
        self.sent.get()
    }

    pub(crate) fn begin_receive(&self) {
        self.watch.begin_waiting(self.receives_from());
    }

    /// Takes note of a receive behind `before` bytes.
    pub(crate) fn end_receive(&self, result: io::Result<Arrival>, before: usize) -> Result<Arrival, Reason> {
        self.watch.end_waiting(self.receives_from());
        let arrival = result.map_err(|_| self.broken())?;
        let count = arrival.buffer.as_ref().map_or(0, Buffer::len) - before;
        if !arrival.is_end {
            self.received.set(self.received.get() + count as u64);
            self.watch.progress();
        } else if let Some(cause) = self.watch.cause() {
            return Err(cause);
        }
        Ok(arrival)
    }

    pub(crate) fn begin_send(&self) {
        self.watch.begin_waiting(self.sends_to());
    }

    /// Takes note of bytes that left.
    pub(crate) fn note_sent(&self, result: &io::Result<usize>) -> Result<(), Reason> {
        match result {
            Ok(count) if *count > 0 => {
                self.sent.set(self.sent.get() + *count as u64);
                self.watch.progress();
                Ok(())
            }
            _ => Err(self.broken()),
        }
    }

    pub(crate) fn end_send(&self) {
        self.watch.end_waiting(self.sends_to());
    }

    const fn receives_from(&self) -> Waiting {
        if matches!(self.side, Side::Downstream) { Waiting::ClientReceive } else { Waiting::Upstream }
    }

    const fn sends_to(&self) -> Waiting {
        if matches!(self.side, Side::Downstream) { Waiting::ClientSend } else { Waiting::Upstream }
    }

    /// Why a transfer failed: what ended the stream on purpose, or else whoever is at its other end.
    #[cold]
    fn broken(&self) -> Reason {
        self.watch.cause().unwrap_or(match self.side {
            Side::Downstream => Reason::ClientClosed,
            _ => self.stream.layer().map_or(Reason::UpstreamClosed, tls::broken),
        })
    }
}
