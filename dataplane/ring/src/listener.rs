//! Listening sockets: bound once per worker before the workers start, so that a taken port is an error at start and
//! every worker shares the port the system chose. One that closes first gives out the connections the kernel has
//! completed for it.

use crate::{RingIo, RingStream, source::Source};
use socket2::{Domain, Protocol, Socket, Type};
use std::{cell::Cell, io, net::SocketAddr};
use tollgate_io::Listener;

/// Connections the kernel completes while no worker has accepted them yet; the kernel caps it at net.core.somaxconn.
const BACKLOG: i32 = 4096;

/// A bound, listening socket that no worker owns yet.
#[derive(Debug)]
pub struct BoundListener {
    socket: Socket,
    local: SocketAddr,
}

/// Binds `address` once for each of `count` workers. The kernel spreads new connections over them (SO_REUSEPORT). Port 0
/// lets the system choose one port for all.
///
/// # Errors
/// The address is taken (also by another process that would share it), not ours, or needs a privilege.
pub fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<BoundListener>> {
    if address.port() != 0 {
        // Without this, a second gateway on the same port would silently take half of the connections.
        open(address, false)?;
    }
    bind_beside(address, count)
}

/// As [`bind`], at an address that sockets of this process have already: until they are closed, they and the new ones share
/// the connections.
///
/// # Errors
/// As [`bind`], except that an address may be taken by this user.
pub fn bind_beside(address: SocketAddr, count: usize) -> io::Result<Vec<BoundListener>> {
    let mut bound: Vec<BoundListener> = Vec::with_capacity(count);
    for _ in 0..count {
        let target = bound.first().map_or(address, |first| first.local);
        let socket = open(target, true)?;
        socket.listen(BACKLOG)?;
        let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        bound.push(BoundListener { socket, local });
    }
    Ok(bound)
}

fn open(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    // Accepted sockets inherit it: one call instead of one per connection.
    socket.set_nodelay(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

impl BoundListener {
    /// The address it listens on.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Hands the socket to the runtime of the calling thread.
    ///
    /// # Errors
    /// The kernel does not take it.
    pub fn into_listener(self, io: &RingIo) -> io::Result<RingListener> {
        self.socket.set_nonblocking(true)?;
        Ok(RingListener { source: Source::new(io, self.socket)?, local: self.local, closing: Cell::new(false) })
    }
}

/// A listening socket of one worker.
pub struct RingListener {
    source: Source<Socket>,
    local: SocketAddr,
    closing: Cell<bool>,
}

impl Listener for RingListener {
    type Stream = RingStream;

    async fn accept(&self) -> io::Result<RingStream> {
        loop {
            self.source.ready_to_read().await?;
            match self.source.inner().accept() {
                Ok((socket, peer)) => {
                    let peer = peer.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
                    return RingStream::accepted(self.source.io(), socket, peer);
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
