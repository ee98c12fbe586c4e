//! A stream over TCP or a socket of the file system: a registered socket, and transfers that are tried as soon as they can succeed.
//!
//! A transfer waits for its flag, makes one non-blocking call and clears the flag if the call found nothing. It moves what the
//! socket takes or has, at most one buffer.

use crate::{RingIo, source::Source, system};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::{
    future::{Future, poll_fn},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    task::{Poll, ready},
};
use tollgate_io::{Address, Buffer, Half, Io, Peek, SendList, Stream};

/// The peer of a stream that is none of the network.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A connected stream.
pub struct RingStream {
    source: Source<Socket>,
    peer: Peer,
}

/// An address in half the room, since every idle connection has one.
#[derive(Debug)]
enum Peer {
    V4(SocketAddrV4),
    V6(Box<SocketAddrV6>),
}

const _: () = assert!(size_of::<RingStream>() == 32, "every idle connection has one");

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => Self::V4(address),
            SocketAddr::V6(address) => Self::V6(Box::new(address)),
        }
    }
}

/// A connected TCP stream that no thread has registered.
#[derive(Debug)]
pub struct RingDetached {
    socket: Socket,
    peer: Peer,
}

impl RingStream {
    /// A socket that `accept` has given.
    pub(crate) fn accepted(io: &RingIo, socket: Socket, peer: SocketAddr) -> io::Result<Self> {
        Self::over(io, socket, peer.into())
    }

    /// A socket that is connected, with room to send.
    fn over(io: &RingIo, socket: Socket, peer: Peer) -> io::Result<Self> {
        let stream = Self { source: Source::new(io, socket)?, peer };
        stream.source.assume_writable();
        Ok(stream)
    }

    /// A stream of another thread, or of this one. Whatever is known of it is that nothing is: both directions are tried.
    pub(crate) fn adopted(io: &RingIo, RingDetached { socket, peer }: RingDetached) -> io::Result<Self> {
        let stream = Self::over(io, socket, peer)?;
        stream.source.assume_readable();
        Ok(stream)
    }

    pub(crate) async fn connect(io: &RingIo, to: Address<'_>) -> io::Result<Self> {
        let (socket, peer) = match to {
            Address::Socket(peer) => (open(Domain::for_address(peer), Some(Protocol::TCP), &peer.into())?, peer),
            Address::Unix(path) => (open(Domain::UNIX, None, &SockAddr::unix(path)?)?, NOWHERE),
        };
        let stream = Self { source: Source::new(io, socket)?, peer: peer.into() };
        stream.source.ready_to_write().await?;
        match stream.source.inner().take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }
}

/// A socket that is connected, or about to be.
fn open(domain: Domain, protocol: Option<Protocol>, to: &SockAddr) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), protocol)?;
    if protocol.is_some() {
        socket.set_nodelay(true)?;
    }
    match socket.connect(to) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket),
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

    fn recv(&self, into: Option<Buffer>) -> impl Future<Output = io::Result<Buffer>> {
        let mut held = into;
        poll_fn(move |context| {
            loop {
                ready!(self.source.poll_read(context))?;
                let is_lent = held.is_some();
                let mut buffer = held.take().unwrap_or_else(|| self.source.io().buffers().take());
                let room = buffer.spare_len();
                match system::take_arrived(self.source.inner(), buffer.spare_mut()) {
                    Ok(count) => {
                        match count {
                            0 => {}
                            count if count < room => self.source.note_drained(),
                            _ => self.source.note_taken(),
                        }
                        buffer.grow(count);
                        return Poll::Ready(Ok(buffer));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.source.note_unreadable(),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
                held = is_lent.then_some(buffer);
            }
        })
    }

    async fn send(&self, mut list: SendList) -> (io::Result<usize>, SendList) {
        loop {
            if let Some(sent) = self.try_send(&mut list) {
                return (sent, list);
            }
            if let Err(error) = self.source.ready_to_write().await {
                return (Err(error), list);
            }
        }
    }

    fn try_send(&self, list: &mut SendList) -> Option<io::Result<usize>> {
        if !self.source.may_write() {
            return None;
        }
        match system::send_now(self.source.inner(), list) {
            Ok(sent) => {
                list.advance(sent);
                Some(Ok(sent))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.source.note_unwritable();
                None
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => Some(Err(error)),
        }
    }

    // One state instead of a coroutine: every idle connection has one.
    fn readable(&self) -> impl Future<Output = io::Result<()>> {
        poll_fn(|context| {
            loop {
                ready!(self.source.poll_read(context))?;
                // A system call that most idle connections are spared when their next request comes.
                if self.source.is_certain() || self.peek() != Peek::Silent {
                    return Poll::Ready(Ok(()));
                }
                self.source.note_unreadable();
            }
        })
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
        match &self.peer {
            Peer::V4(address) => SocketAddr::V4(*address),
            Peer::V6(address) => SocketAddr::V6(**address),
        }
    }
}
