//! Listening sockets: bound once per worker before the workers start, so that a taken port is an error at start and
//! every worker shares the port the system chose. One that closes first gives out the connections the kernel has
//! completed for it, at most as many as may wait; one that somebody else has too is left to them as it is. A Unix socket is for
//! the node's own user: nobody else can open it, at no moment.

use crate::{RingIo, RingStream, source::Source};
use nix::sys::stat::{Mode, fchmod};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::{
    cell::Cell,
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::{fs::FileTypeExt, net::UnixStream},
    },
    path::Path,
    sync::{Arc, Weak},
};
use tollgate_io::Listener;

/// What stands for the address of a Unix socket and of its peers.
const NO_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Connections the kernel completes while no worker has accepted them yet; the kernel caps it at net.core.somaxconn.
const BACKLOG: i32 = 4096;

/// A bound, listening socket that no worker owns yet. A clone is the same socket: whoever owns one takes from one queue.
#[derive(Clone, Debug)]
pub struct BoundListener {
    socket: Arc<Listening>,
    local: SocketAddr,
}

/// A way to a listening socket for as long as it is open; does not keep it open.
#[derive(Clone, Debug)]
pub struct ListenerHandle(Weak<Listening>);

/// A socket that may have several owners.
#[derive(Debug)]
struct Listening(Socket);

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
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
    bind_all(address, count)
}

/// Gives each of `count` workers sockets of one address that somebody else has opened, and leaves none of them to nobody: a
/// worker may get several. Where there are more workers than sockets, the others get new ones that share the port, or, if
/// the sockets or their owner do not allow that, the same ones.
///
/// # Errors
/// The system does not say what the sockets allow.
pub fn spread(sockets: &[BoundListener], count: usize) -> io::Result<Vec<Vec<BoundListener>>> {
    let mut spread = vec![Vec::new(); count];
    for (index, socket) in sockets.iter().enumerate() {
        spread[index % count].push(socket.clone());
    }
    let Some(first) = sockets.first() else { return Ok(spread) };
    let without = &mut spread[sockets.len().min(count)..];
    let shares = first.socket.0.reuse_port()?;
    // Refused if the sockets are another user's, as those are that the service manager opens.
    let more = if shares { bind_all(first.local, without.len()).unwrap_or_default() } else { Vec::new() };
    let more = more.into_iter().chain(sockets.iter().cycle().cloned());
    without.iter_mut().zip(more).for_each(|(worker, socket)| worker.push(socket));
    Ok(spread)
}

fn bind_all(address: SocketAddr, count: usize) -> io::Result<Vec<BoundListener>> {
    let mut bound: Vec<BoundListener> = Vec::with_capacity(count);
    for _ in 0..count {
        let target = bound.first().map_or(address, |first| first.local);
        let socket = open(target, true)?;
        socket.listen(BACKLOG)?;
        let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        bound.push(BoundListener::new(socket, local));
    }
    Ok(bound)
}

/// Binds a Unix socket at `path` with mode 0600. One that a process left behind is replaced. The file stays when the
/// listener is gone: remove it then.
///
/// # Errors
/// Somebody listens there (`AddrInUse`), something else than a socket is there, or the folder refuses it.
pub fn bind_unix(path: &Path) -> io::Result<BoundListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Before the file is there: it is made with the mode of the socket (unix(7)).
    fchmod(socket.as_raw_fd(), Mode::S_IRUSR | Mode::S_IWUSR)?;
    if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        if UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        fs::remove_file(path)?;
    }
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(BACKLOG)?;
    Ok(BoundListener::new(socket, NO_ADDRESS))
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
    fn new(socket: Socket, local: SocketAddr) -> Self {
        Self { socket: Arc::new(Listening(socket)), local }
    }

    /// A socket that another process has opened, with the options of our own.
    ///
    /// # Errors
    /// It is no stream socket that listens (`InvalidInput`).
    pub fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(descriptor);
        let listens = socket.r#type().is_ok_and(|kind| kind == Type::STREAM) && socket.is_listener().unwrap_or(false);
        if !listens {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no stream socket that listens"));
        }
        let local = socket.local_addr()?.as_socket();
        if local.is_some() {
            socket.set_nodelay(true)?;
        }
        // Also of one that listens already: its queue becomes as long as that of ours.
        socket.listen(BACKLOG)?;
        Ok(Self::new(socket, local.unwrap_or(NO_ADDRESS)))
    }

    /// How many own it.
    #[must_use]
    pub fn owners(&self) -> usize {
        Arc::strong_count(&self.socket)
    }

    /// A way to it that does not keep it open.
    #[must_use]
    pub fn handle(&self) -> ListenerHandle {
        ListenerHandle(Arc::downgrade(&self.socket))
    }

    /// The address it listens on; the unspecified one with port 0 for a Unix socket.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sets how many connections the kernel completes ahead of the worker, instead of 4096; it caps that at net.core.somaxconn.
    ///
    /// # Errors
    /// The kernel does not take it.
    pub fn set_backlog(&self, connections: u32) -> io::Result<()> {
        // Of a socket that listens already, listen(2) changes this alone.
        self.socket.0.listen(i32::try_from(connections).unwrap_or(i32::MAX))
    }

    /// Hands the socket to the runtime of the calling thread.
    ///
    /// # Errors
    /// The kernel does not take it.
    pub fn into_listener(self, io: &RingIo) -> io::Result<RingListener> {
        self.socket.0.set_nonblocking(true)?;
        Ok(RingListener { source: Source::new(io, self.socket)?, local: self.local, closing: Cell::new(None) })
    }
}

impl ListenerHandle {
    /// Whether both lead to the same socket.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.0, &other.0)
    }

    /// Another descriptor of the same socket, for another process; `None` once it is closed.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn duplicate(&self) -> Option<io::Result<OwnedFd>> {
        Some(self.0.upgrade()?.as_fd().try_clone_to_owned())
    }
}

/// A listening socket of one worker.
pub struct RingListener {
    source: Source<Arc<Listening>>,
    local: SocketAddr,
    /// Once it is closing: how many it still gives out.
    closing: Cell<Option<i32>>,
}

impl Listener for RingListener {
    type Stream = RingStream;

    async fn accept(&self) -> io::Result<RingStream> {
        loop {
            self.source.ready_to_read().await?;
            // New ones may come as fast as they are taken: it has to end at some time.
            if self.closing.get() == Some(0) {
                return Err(io::ErrorKind::NotConnected.into());
            }
            match self.source.inner().0.accept() {
                Ok((socket, peer)) => {
                    self.closing.set(self.closing.get().map(|left| left - 1));
                    let peer = peer.as_socket().unwrap_or(NO_ADDRESS);
                    return RingStream::accepted(self.source.io(), socket, peer);
                }
                // Every connection the kernel has completed is served before the listener is closed.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.closing.get().is_some() => {
                    return Err(error);
                }
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
        self.closing.set(Some(BACKLOG));
        self.source.wake_reader();
    }

    fn release(&self) {
        self.closing.set(Some(0));
        self.source.wake_reader();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        collections::BTreeSet,
        net::{TcpListener, TcpStream, UdpSocket},
    };

    const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    /// The kernel's numbers of the sockets that each worker has.
    fn sockets(spread: &[Vec<BoundListener>]) -> Vec<Vec<i32>> {
        let number = |socket: &BoundListener| socket.socket.as_fd().as_raw_fd();
        spread.iter().map(|worker| worker.iter().map(number).collect()).collect()
    }

    #[test]
    fn no_socket_is_left_to_nobody_and_no_worker_without_one() {
        let opened = bind(ANY, 3).unwrap();
        for workers in 1..=5 {
            let spread = sockets(&spread(&opened, workers).unwrap());
            assert_eq!(spread.len(), workers);
            assert!(spread.iter().all(|worker| !worker.is_empty()), "{spread:?}");
            let all: BTreeSet<i32> = spread.into_iter().flatten().collect();
            assert_eq!(all.len(), workers.max(3), "each socket once, and further ones for further workers");
        }
    }

    #[test]
    fn a_port_that_may_not_be_shared_has_one_queue_for_all_workers() {
        let opened = TcpListener::bind(ANY).unwrap();
        let adopted = BoundListener::adopt(opened.try_clone().unwrap().into()).unwrap();
        assert_eq!(adopted.local(), opened.local_addr().unwrap());
        let spread = sockets(&spread(&[adopted], 3).unwrap());
        assert!(spread.iter().all(|worker| worker == &spread[0] && worker.len() == 1), "{spread:?}");
    }

    #[test]
    fn only_a_socket_that_listens_is_adopted() {
        let listening = TcpListener::bind(ANY).unwrap();
        let connected = TcpStream::connect(listening.local_addr().unwrap()).unwrap();
        for other in [OwnedFd::from(connected), OwnedFd::from(UdpSocket::bind(ANY).unwrap())] {
            assert_eq!(BoundListener::adopt(other).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn a_handle_does_not_keep_a_socket_open() {
        let bound = bind(ANY, 1).unwrap();
        let handle = bound[0].handle();
        assert!(handle.duplicate().unwrap().is_ok());
        drop(bound);
        assert!(handle.duplicate().is_none());
    }
}
