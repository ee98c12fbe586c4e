//! One simulated core: the seam's `Io` for a worker, with a buffer pool and a ledger of its own.
//!
//! Streams and listeners of a node report to it what they receive and send; the clock, entropy and network are the
//! world's. Every task spawned here is counted, and so is every buffer taken, until they are given back.

use crate::{
    Endpoint, Fault, SimDetached, SimListener, SimStream, World, downstream::Visit, ledger::Ledger, trace::Event,
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    future::{Future, poll_fn},
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    rc::Rc,
    task::{Poll, Waker},
};
use tollgate_io::{Address, Buffer, BufferPool, Instant, Io, Wall};

/// Unused buffers a node keeps. Few, so that storage is often new and often used again.
const KEPT_MAX: usize = 16;

/// Wall time at the start of every simulation: 2026-01-01T00:00:00Z.
const EPOCH_NANOS: u64 = 1_767_225_600_000_000_000;

/// A simulated core.
#[derive(Clone)]
pub struct Node {
    world: World,
    pool: BufferPool,
    address: IpAddr,
    ledger: Rc<RefCell<Ledger>>,
    completions: Rc<Completions>,
    /// By peer: streams open now, and at most so far.
    open: Rc<RefCell<BTreeMap<SocketAddr, (usize, usize)>>>,
    /// Accepted streams.
    held: Rc<Cell<usize>>,
}

/// One of the streams that a node has open, until it is dropped.
pub(crate) struct OpenStream(Node, SocketAddr);

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.0.open.borrow_mut();
        open.entry(self.1).and_modify(|(now, _)| *now -= 1);
    }
}

impl fmt::Debug for OpenStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenStream({})", self.1)
    }
}

/// What a node has learned of, for those operations that come behind others.
#[derive(Debug, Default)]
struct Completions {
    /// Operations so far.
    count: Cell<u64>,
    overtaken: RefCell<Vec<Waker>>,
}

impl Node {
    pub(crate) fn new(world: World, address: IpAddr, buffer_bytes: usize) -> Self {
        Self {
            world,
            pool: BufferPool::of_size(buffer_bytes, KEPT_MAX),
            address,
            ledger: Rc::default(),
            completions: Rc::default(),
            open: Rc::default(),
            held: Rc::default(),
        }
    }

    /// A listener of this node.
    ///
    /// # Panics
    /// If somebody listens there already.
    #[must_use]
    pub fn listen(&self, local: SocketAddr) -> SimListener {
        SimListener::new(self.clone(), local)
    }

    /// Counts a stream to `peer`.
    pub(crate) fn count_stream(&self, peer: SocketAddr) -> OpenStream {
        let mut open = self.open.borrow_mut();
        let (now, most) = open.entry(peer).or_default();
        *now += 1;
        *most = (*most).max(*now);
        OpenStream(self.clone(), peer)
    }

    /// Follows an accepted stream.
    pub(crate) fn visit(&self, end: &Endpoint) -> Option<Visit> {
        end.is_accepted().then(|| Visit::begin(&self.world, end.number(), &self.held))
    }

    /// Most streams to `peer` that were open at one time.
    #[must_use]
    pub fn open_max(&self, peer: SocketAddr) -> usize {
        self.open.borrow().get(&peer).map_or(0, |(_, most)| *most)
    }

    /// The simulation this is part of.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    pub(crate) fn pool(&self) -> &BufferPool {
        &self.pool
    }

    /// Completes when the node learns of an operation that is done.
    pub(crate) async fn completion(&self) {
        if self.world.strikes(Fault::LateCompletion) {
            let late_max = self.world.conditions().late_nanos_max;
            self.world.sleep(self.world.random().within(&(0..=late_max))).await;
        }
        if self.world.strikes(Fault::Overtaken) {
            self.be_overtaken().await;
        }
        self.completions.count.set(self.completions.count.get() + 1);
        self.completions.overtaken.take().into_iter().for_each(Waker::wake);
    }

    /// Waits until the node has learned of another operation, but not for ever.
    async fn be_overtaken(&self) {
        let Completions { count, overtaken } = &*self.completions;
        let before = count.get();
        let mut patience = pin!(self.world.sleep(self.world.conditions().late_nanos_max));
        poll_fn(|context| {
            if count.get() != before {
                return Poll::Ready(());
            }
            overtaken.borrow_mut().push(context.waker().clone());
            patience.as_mut().poll(context)
        })
        .await;
    }

    /// Completes when an operation that the node asks for begins.
    pub(crate) async fn submission(&self) {
        if self.world.strikes(Fault::SubmitLate) {
            let late_max = self.world.conditions().late_nanos_max;
            self.world.sleep(self.world.random().within(&(0..=late_max))).await;
        }
    }

    /// Notes where the last `count` bytes of `buffer` were received.
    pub(crate) fn received(&self, buffer: &Buffer, count: usize) {
        let end = buffer.start() + buffer.len();
        self.ledger.borrow_mut().received(buffer.storage(), end - count..end);
    }

    /// Judges whether the body bytes in `slice` are where they were received.
    pub(crate) fn sent(&self, slice: &[u8]) {
        let (in_place, copied) = self.ledger.borrow().judge(slice);
        self.world.count(|counters| {
            counters.body_bytes_in_place += in_place;
            counters.body_bytes_copied += copied;
        });
    }
}

impl Io for Node {
    type Stream = SimStream;
    type Listener = SimListener;

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.world.spawn_counted(task);
    }

    fn now(&self) -> Instant {
        self.world.now()
    }

    fn wall(&self, at: Instant) -> Wall {
        Wall(EPOCH_NANOS.saturating_add(at.nanos()))
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        self.world.sleep_until(at + self.world.lag())
    }

    fn entropy(&self) -> u64 {
        let bits = self.world.random().next();
        self.world.record(Event::Entropy(bits));
        bits
    }

    async fn connect(&self, to: Address<'_>) -> io::Result<SimStream> {
        let end = self.world.connect(self.address, to).await?;
        self.completion().await;
        Ok(SimStream::new(self.clone(), end))
    }

    fn adopt(&self, stream: SimDetached) -> io::Result<SimStream> {
        SimStream::adopted(self.clone(), &stream)
    }

    fn buffers(&self) -> &BufferPool {
        &self.pool
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({}, {:?})", self.address, self.pool)
    }
}
