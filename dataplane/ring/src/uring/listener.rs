//! A listening socket of one worker.

use super::{UringIo, source::Source, stream::UringStream};
use crate::BoundListener;
use socket2::Socket;
use std::{cell::Cell, io, net::SocketAddr};
use tollgate_io::Listener;

pub(crate) struct UringListener {
    source: Source<Socket>,
    local: SocketAddr,
    closing: Cell<bool>,
}

impl UringListener {
    pub(super) fn new(io: &UringIo, bound: BoundListener) -> io::Result<Self> {
        let local = bound.local();
        let socket = bound.into_socket();
        socket.set_nonblocking(true)?;
        Ok(Self { source: Source::new(io, socket), local, closing: Cell::new(false) })
    }
}

impl Listener for UringListener {
    type Stream = UringStream;

    async fn accept(&self) -> io::Result<UringStream> {
        loop {
            self.source.ready_to_read().await?;
            match self.source.inner().accept() {
                Ok((socket, peer)) => {
                    let peer = peer.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
                    return Ok(UringStream::accepted(self.source.io(), socket, peer));
                }
                // Every connection the kernel has completed is served before the listener is closed.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.closing.get() => return Err(error),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.source.note_unreadable(),
                // The peer has left already, or the call was interrupted (accept(2)).
                Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn local(&self) -> SocketAddr {
        self.local
    }

    fn close(&self) {
        self.closing.set(true);
        self.source.wake_reader();
    }
}
