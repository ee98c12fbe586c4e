//! Listening sockets: bound once per worker before the workers start, so that a taken port is an error at start and
//! every worker shares the port the system chose.

use socket2::{Domain, Protocol, Socket, Type};
use std::{io, net::SocketAddr};

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

    /// The socket, for the runtime that accepts on it.
    pub(crate) fn into_socket(self) -> Socket {
        self.socket
    }
}
