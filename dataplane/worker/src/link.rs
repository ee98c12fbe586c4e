//! One side of an exchange: a stream with the connection's watch, where every transfer is begun, counted and, when it
//! fails, given its reason.

use crate::watch::{Waiting, Watch};
use std::{cell::Cell, rc::Rc};
use tollgate_http::{Reason, Side};
use tollgate_io::{Buffer, Io, SendList, Stream};

/// A stream and what is known about it.
pub(crate) struct Link<I: Io> {
    pub(crate) io: I,
    pub(crate) stream: Rc<I::Stream>,
    pub(crate) watch: Rc<Watch<I::Stream>>,
    pub(crate) side: Side,
    pub(crate) received: Cell<u64>,
    pub(crate) sent: Cell<u64>,
}

impl<I: Io> Link<I> {
    pub(crate) fn new(io: I, stream: Rc<I::Stream>, watch: Rc<Watch<I::Stream>>, side: Side) -> Rc<Self> {
        Rc::new(Self { io, stream, watch, side, received: Cell::new(0), sent: Cell::new(0) })
    }

    /// Receives behind what `buffer` holds; says how many bytes came, zero at the end of the stream.
    pub(crate) async fn recv(&self, buffer: Buffer) -> Result<(Buffer, usize), Reason> {
        let before = buffer.len();
        let waiting = if self.side == Side::Downstream { Waiting::ClientReceive } else { Waiting::Upstream };
        self.watch.begin_waiting(waiting);
        let result = self.stream.recv(Some(buffer)).await;
        self.watch.end_waiting(waiting);
        let buffer = result.map_err(|_| self.broken())?;
        let count = buffer.len() - before;
        self.received.set(self.received.get() + count as u64);
        if count > 0 {
            self.watch.progress();
        } else if let Some(cause) = self.watch.cause() {
            return Err(cause);
        }
        Ok((buffer, count))
    }

    /// Sends all of `list`; its buffers come back whatever happens.
    pub(crate) async fn send(&self, mut list: SendList) -> (Result<(), Reason>, SendList) {
        let waiting = if self.side == Side::Downstream { Waiting::ClientSend } else { Waiting::Upstream };
        self.watch.begin_waiting(waiting);
        let mut result = Ok(());
        while !list.is_empty() && result.is_ok() {
            let (sent, rest) = self.stream.send(list).await;
            list = rest;
            match sent {
                Ok(count) if count > 0 => {
                    self.sent.set(self.sent.get() + count as u64);
                    self.watch.progress();
                }
                _ => result = Err(self.broken()),
            }
        }
        self.watch.end_waiting(waiting);
        (result, list)
    }

    /// Why a transfer failed: what ended the stream on purpose, or else whoever is at its other end.
    fn broken(&self) -> Reason {
        self.watch.cause().unwrap_or(match self.side {
            Side::Downstream => Reason::ClientClosed,
            _ => Reason::UpstreamClosed,
        })
    }
}
