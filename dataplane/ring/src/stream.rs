//! A TCP stream: a registered socket, and transfers that are tried as soon as they can succeed.
//!
//! A transfer waits for its flag, makes one non-blocking call and clears the flag if the call found nothing. It moves what the
//! socket takes or has, at most one buffer.

use crate::{RingIo, source::Source, system};
use socket2::{Domain, Protocol, Socket, Type};
use std::{io, net::SocketAddr};
use tollgate_io::{Buffer, Half, Io, Peek, SendList, Stream};

/// A connected TCP stream.
pub struct RingStream {
    source: Source<Socket>,
    peer: SocketAddr,
}

/// A connected TCP stream that no thread has registered.
#[derive(Debug)]
pub struct RingDetached {
    socket: Socket,
    peer: SocketAddr,
}

impl RingStream {
    /// A socket that `accept` has given.
    pub(crate) fn accepted(io: &RingIo, socket: Socket, peer: SocketAddr) -> io::Result<Self> {
        let stream = Self { source: Source::new(io, socket)?, peer };
        stream.source.assume_writable();
        Ok(stream)
    }

    /// A stream of another thread, or of this one. Whatever is known of it is that nothing is: both directions are tried.
    pub(crate) fn adopted(io: &RingIo, RingDetached { socket, peer }: RingDetached) -> io::Result<Self> {
        let stream = Self::accepted(io, socket, peer)?;
        stream.source.assume_readable();
        Ok(stream)
    }

    pub(crate) async fn connect(io: &RingIo, to: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
        socket.set_nodelay(true)?;
        match socket.connect(&to.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        let stream = Self { source: Source::new(io, socket)?, peer: to };
        stream.source.ready_to_write().await?;
        match stream.source.inner().take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }
}

impl Stream for RingStream {
    type Detached = RingDetached;

    fn detach(self) -> Result<RingDetached, Self> {
        let Self { source, peer } = self;
        match source.into_inner() {
            Ok(socket) => Ok(RingDetached { socket, peer }),
            Err(source) => Err(Self { source, peer }),
        }
    }

    async fn recv(&self, into: Option<Buffer>) -> io::Result<Buffer> {
        let mut held = into;
        loop {
            self.source.ready_to_read().await?;
            let is_lent = held.is_some();
            let mut buffer = held.take().unwrap_or_else(|| self.source.io().buffers().take());
            let room = buffer.spare_len();
            match system::take_arrived(self.source.inner(), buffer.spare_mut()) {
                Ok(count) => {
                    if count < room && count > 0 {
                        self.source.note_drained();
                    }
                    buffer.grow(count);
                    return Ok(buffer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.source.note_unreadable(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            held = is_lent.then_some(buffer);
        }
    }

    async fn send(&self, mut list: SendList) -> (io::Result<usize>, SendList) {
        loop {
            if let Err(error) = self.source.ready_to_write().await {
                return (Err(error), list);
            }
            match system::send_now(self.source.inner(), &list) {
                Ok(sent) => {
                    list.advance(sent);
                    return (Ok(sent), list);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.source.note_unwritable(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (Err(error), list),
            }
        }
    }

    async fn readable(&self) -> io::Result<()> {
        loop {
            self.source.ready_to_read().await?;
            if self.peek() != Peek::Silent {
                return Ok(());
            }
            self.source.note_unreadable();
        }
    }

    fn has_news(&self) -> bool {
        !self.source.is_quiet()
    }

    fn peek(&self) -> Peek {
        system::peek(self.source.inner())
    }

    fn shutdown(&self, half: Half) {
        system::shutdown(self.source.inner(), Some(half));
    }

    fn abort(&self) {
        system::shutdown(self.source.inner(), None);
    }

    fn reset(&self) {
        system::reset(self.source.inner());
    }

    fn peer(&self) -> SocketAddr {
        self.peer
    }
}
