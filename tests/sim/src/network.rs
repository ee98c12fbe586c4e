//! Who listens where, and how a link comes to be.
//!
//! Bound: [`BACKLOG_MAX`] connections wait at a listener; more are refused.

use crate::{Endpoint, Fault, Node, Owner, SimStream, World, contract::InFlight};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    future::{pending, poll_fn},
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    rc::Rc,
    task::{Poll, Waker},
};
use tollgate_io::{Address, Listener};

/// Most connections not yet accepted, per listener.
const BACKLOG_MAX: usize = 128;

/// First port of the connecting side of links; each link takes the next.
const PORT_FIRST: u64 = 32_768;

#[derive(Debug, Default)]
pub(crate) struct Network {
    listeners: RefCell<BTreeMap<SocketAddr, Rc<Backlog>>>,
    /// Sockets in the file system, and the listener each leads to.
    paths: RefCell<BTreeMap<PathBuf, SocketAddr>>,
    /// The number of the last link.
    links: Cell<u64>,
}

/// Where connections wait for a listener.
#[derive(Debug)]
pub struct Backlog {
    owner: Owner,
    local: SocketAddr,
    queue: RefCell<VecDeque<Endpoint>>,
    closed: Cell<bool>,
    /// Several owners may wait.
    waiting: RefCell<Vec<Waker>>,
}

impl Network {
    pub(crate) fn clear(&self) {
        let listeners = self.listeners.take();
        listeners.values().for_each(|backlog| backlog.close());
    }

    fn named(&self, path: &Path) -> Option<SocketAddr> {
        self.paths.borrow().get(path).copied()
    }
}

impl Backlog {
    /// The next connection; `None` once closed.
    pub async fn accept(&self) -> Option<Endpoint> {
        self.accept_unless(&Cell::new(false)).await
    }

    /// The next connection; `None` once closed, or `released` by this owner.
    async fn accept_unless(&self, released: &Cell<bool>) -> Option<Endpoint> {
        poll_fn(|context| {
            if released.get() {
                return Poll::Ready(None);
            }
            let next = self.queue.borrow_mut().pop_front();
            if next.is_some() || self.closed.get() {
                return Poll::Ready(next);
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn push(&self, end: Endpoint) {
        self.queue.borrow_mut().push_back(end);
        self.wake();
    }

    pub(crate) fn close(&self) {
        self.closed.set(true);
        let refused = self.queue.take();
        refused.iter().for_each(Endpoint::reset);
        self.wake();
    }

    fn wake(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }
}

impl World {
    /// Connects a scripted client.
    ///
    /// # Errors
    /// Nobody listens there, or too many wait already.
    pub async fn dial(&self, from: impl Into<IpAddr>, to: SocketAddr) -> io::Result<Endpoint> {
        self.sleep(self.random().within(&self.conditions().latency_nanos)).await;
        self.link(Owner::Peer, from.into(), to)
    }

    /// Connects a node, with the faults that a connect can have.
    pub(crate) async fn connect(&self, from: IpAddr, to: Address<'_>) -> io::Result<Endpoint> {
        if self.strikes(Fault::ConnectHangs) {
            pending::<()>().await;
        }
        if self.strikes(Fault::ConnectFails) {
            return Err(io::Error::other("out of descriptors"));
        }
        self.sleep(self.random().within(&self.conditions().latency_nanos)).await;
        if self.strikes(Fault::ConnectRefused) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let to = match to {
            Address::Socket(to) => to,
            Address::Unix(path) => self.network().named(path).ok_or(io::ErrorKind::NotFound)?,
        };
        self.link(Owner::Node, from, to)
    }

    /// A scripted origin's listener, closed when the simulation ends.
    ///
    /// # Panics
    /// If somebody listens there already.
    #[must_use]
    pub fn serve(&self, local: SocketAddr) -> Rc<Backlog> {
        self.listen(Owner::Peer, local)
    }

    /// Makes the listener at `local` reachable by a socket in the file system too.
    pub fn name(&self, path: impl Into<PathBuf>, local: SocketAddr) {
        self.network().paths.borrow_mut().insert(path.into(), local);
    }

    /// The socket that listens at `local`, for another owner.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn shared(&self, local: SocketAddr) -> Rc<Backlog> {
        self.network().listeners.borrow().get(&local).cloned().unwrap_or_else(|| panic!("nobody listens at {local}"))
    }

    pub(crate) fn listen(&self, owner: Owner, local: SocketAddr) -> Rc<Backlog> {
        let (queue, waiting) = (RefCell::default(), RefCell::default());
        let backlog = Rc::new(Backlog { owner, local, queue, closed: Cell::new(false), waiting });
        let before = self.network().listeners.borrow_mut().insert(local, backlog.clone());
        assert!(before.is_none_or(|backlog| backlog.closed.get()), "{local} is in use");
        backlog
    }

    /// The address that the next connection from `from` will have.
    #[must_use]
    pub fn next_address(&self, from: IpAddr) -> SocketAddr {
        SocketAddr::new(from, port_of(self.network().links.get() + 1))
    }

    fn link(&self, owner: Owner, from: IpAddr, to: SocketAddr) -> io::Result<Endpoint> {
        let backlog = self.network().listeners.borrow().get(&to).cloned();
        let open = |backlog: &Rc<Backlog>| !backlog.closed.get() && backlog.queue.borrow().len() < BACKLOG_MAX;
        let Some(backlog) = backlog.filter(open) else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let number = self.network().links.get() + 1;
        self.network().links.set(number);
        let from = SocketAddr::new(from, port_of(number));
        let [near, far] = Endpoint::pair(self, number, [(owner, from), (backlog.owner, to)]);
        backlog.push(far);
        Ok(near)
    }
}

/// The port of whoever has made a connection of this number.
const fn port_of(number: u64) -> u16 {
    (PORT_FIRST + number % PORT_FIRST) as u16
}

/// A node's listener. Dropping it closes it.
#[derive(Debug)]
pub struct SimListener {
    node: Node,
    backlog: Rc<Backlog>,
    accepting: Cell<bool>,
    /// Somebody else has the socket and goes on with it.
    released: Cell<bool>,
}

impl SimListener {
    pub(crate) fn new(node: Node, local: SocketAddr) -> Self {
        let backlog = node.world().listen(Owner::Node, local);
        Self { node, backlog, accepting: Cell::new(false), released: Cell::new(false) }
    }
}

impl Listener for SimListener {
    type Stream = SimStream;

    async fn accept(&self) -> io::Result<SimStream> {
        let accept = InFlight::begin(self.node.world(), &self.accepting, "an accept");
        if self.node.world().strikes(Fault::AcceptFails) {
            accept.complete();
            return Err(io::Error::other("out of descriptors"));
        }
        let accepted = self.backlog.accept_unless(&self.released).await;
        accept.complete();
        accepted.map(|end| SimStream::new(self.node.clone(), end)).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn local(&self) -> SocketAddr {
        self.backlog.local
    }

    fn close(&self) {
        self.backlog.close();
    }

    fn release(&self) {
        self.released.set(true);
        self.backlog.wake();
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        if !self.released.get() {
            self.backlog.close();
        }
    }
}
