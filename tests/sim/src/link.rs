//! A connection between two ends, byte by byte, with latency and the ways it can end.
//!
//! An [`Endpoint`] is what a scripted peer holds; [`crate::SimStream`] puts the worker's contract over one. Closing an end
//! with unread bytes resets the other, as the kernel does, and so may lose what was just sent.

use crate::{Fault, World, pipe::Pipe, trace::Event};
use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    net::SocketAddr,
    rc::Rc,
    task::Poll,
};
use tollgate_io::Peek;

/// Who holds an end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A scripted client or origin.
    Peer,
    /// A worker under test.
    Node,
}

/// Two pipes; the one of index `side` leads away from the end of that side.
#[derive(Debug)]
pub(crate) struct Link {
    number: u64,
    pipes: [RefCell<Pipe>; 2],
    /// Time a byte takes besides the latency; 0 where it takes none.
    byte_nanos: u64,
    /// The peer's host is gone. The peer knows; the node sees nothing of it.
    is_lost: Cell<bool>,
}

/// Most bytes that arrive at one instant on a link where each takes its time.
const SLOW_SEGMENT_BYTES: usize = 1_460;

/// One end of a link. Dropping it closes it.
#[derive(Debug)]
pub struct Endpoint {
    world: World,
    link: Rc<Link>,
    side: usize,
    owner: Owner,
    peer: SocketAddr,
    aborted: Cell<bool>,
    /// When an abort that was asked for takes effect (nanoseconds).
    aborts_at: Cell<Option<u64>>,
}

impl Endpoint {
    /// Both ends of a new link, the connecting one first. `ends` says who holds each and how the other sees it.
    pub(crate) fn pair(world: &World, number: u64, ends: [(Owner, SocketAddr); 2]) -> [Self; 2] {
        let is_slow = world.strikes(Fault::SlowLink);
        let byte_nanos = if is_slow { world.random().within(&world.conditions().slow_byte_nanos) } else { 0 };
        let link = Rc::new(Link { number, pipes: Default::default(), byte_nanos, is_lost: Cell::new(false) });
        world.record(Event::Opened(number));
        [0, 1].map(|side| {
            world.count(|counters| counters.opened[ends[side].0 as usize] += 1);
            Self {
                world: world.clone(),
                link: link.clone(),
                side,
                owner: ends[side].0,
                peer: ends[1 - side].1,
                aborted: Cell::new(false),
                aborts_at: Cell::new(None),
            }
        })
    }

    /// Appends what has arrived, at most `max` bytes; 0 when the other side has finished.
    ///
    /// # Errors
    /// The link is broken.
    pub async fn read(&self, into: &mut Vec<u8>, max: usize) -> io::Result<usize> {
        match self.arrival().await {
            Peek::Bytes => {
                let (from, count) = (into.len(), self.available().min(max));
                into.resize(from + count, 0);
                self.take(&mut into[from..]);
                Ok(count)
            }
            Peek::Broken => Err(io::ErrorKind::ConnectionReset.into()),
            Peek::Finished | Peek::Silent => Ok(0),
        }
    }

    /// Puts all of `bytes` on the link, waiting for room.
    ///
    /// # Errors
    /// The link is broken or the other side has gone.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(self.room().await?.min(bytes.len()));
            self.put(now.to_vec());
            bytes = later;
        }
        Ok(())
    }

    /// Says that no more bytes come; those under way still arrive.
    pub fn finish(&self) {
        if self.outgoing().borrow().closed {
            return;
        }
        self.outgoing().borrow_mut().close();
        self.world.record(Event::Finished(self.link.number, self.side));
        let (link, side) = (self.link.clone(), self.side);
        let at = self.arrival_time(0);
        self.world.call_at(at, move || {
            if !link.is_lost.get() {
                link.pipes[side].borrow_mut().finish();
            }
        });
    }

    /// Breaks the link: both sides see errors, bytes under way are lost.
    pub fn reset(&self) {
        self.link.reset(&self.world);
    }

    /// The simulation this is part of.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// The number of the link, which no other of the run has.
    pub(crate) fn number(&self) -> u64 {
        self.link.number
    }

    /// Whether the other side has made the connection.
    pub(crate) const fn is_accepted(&self) -> bool {
        self.side == 1
    }

    /// The address of the other side.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// What a read would find now.
    #[must_use]
    pub fn peek(&self) -> Peek {
        self.abort_if_due();
        if self.aborted.get() || self.has_lost() { Peek::Broken } else { self.incoming().borrow().peek() }
    }

    /// Waits until a read would not wait, and says what it would find; never [`Peek::Silent`].
    pub(crate) async fn arrival(&self) -> Peek {
        poll_fn(|context| match self.peek() {
            Peek::Silent => {
                self.incoming().borrow_mut().wait(context.waker());
                Poll::Pending
            }
            found => Poll::Ready(found),
        })
        .await
    }

    /// Waits until at least one byte can be put, and says how many can.
    pub(crate) async fn room(&self) -> io::Result<usize> {
        poll_fn(|context| match self.room_now() {
            Ok(0) => {
                self.outgoing().borrow_mut().wait(context.waker());
                Poll::Pending
            }
            room => Poll::Ready(room),
        })
        .await
    }

    /// Bytes that can be put now, possibly none.
    pub(crate) fn room_now(&self) -> io::Result<usize> {
        self.abort_if_due();
        let room = self.outgoing().borrow().room(self.world.conditions().capacity_bytes);
        room.filter(|_| !self.aborted.get() && !self.has_lost()).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Bytes that can be taken now.
    pub(crate) fn available(&self) -> usize {
        self.incoming().borrow().available()
    }

    /// Takes as many bytes as `to` is long; there are that many.
    pub(crate) fn take(&self, to: &mut [u8]) {
        self.incoming().borrow_mut().take(to);
        self.world.record(Event::Taken(self.link.number, self.side, to.len()));
    }

    /// Sends one segment, for which there is room.
    pub(crate) fn put(&self, bytes: Vec<u8>) {
        self.world.record(Event::Put(self.link.number, self.side, bytes.len()));
        self.world.show(&bytes);
        let mut pipe = self.outgoing().borrow_mut();
        pipe.depart(bytes.len());
        self.world.count(|counters| {
            counters.bytes_sent[self.owner as usize] += bytes.len() as u64;
            counters.queued_max = counters.queued_max.max(pipe.queued());
        });
        drop(pipe);
        if self.link.byte_nanos == 0 {
            return self.travel(bytes);
        }
        bytes.chunks(SLOW_SEGMENT_BYTES).for_each(|segment| self.travel(segment.to_vec()));
    }

    fn travel(&self, bytes: Vec<u8>) {
        let (link, side) = (self.link.clone(), self.side);
        let at = self.arrival_time(bytes.len());
        self.world.call_at(at, move || {
            if !link.is_lost.get() {
                link.pipes[side].borrow_mut().arrive(&bytes);
            }
        });
    }

    /// Lets a pending read end as if the other side had finished.
    pub(crate) fn end_reads(&self) {
        self.incoming().borrow_mut().finish();
    }

    /// Ends both directions for this side; the other sees an end or a reset.
    pub(crate) fn abort(&self) {
        if !self.aborted.replace(true) {
            self.world.record(Event::Aborted(self.link.number, self.side));
            if self.world.random().chance(0.5) {
                self.finish();
            } else {
                self.reset();
            }
            self.link.wake();
        }
    }

    /// Ends both directions for this side; the other sees a reset, unless an abort has sent it an end already.
    pub(crate) fn abort_by_reset(&self) {
        if !self.aborted.replace(true) {
            self.world.record(Event::Aborted(self.link.number, self.side));
            self.reset();
        }
    }

    /// Has an abort take effect within `nanos_max` nanoseconds: until then transfers that wait complete as ever.
    pub(crate) fn abort_soon(&self, nanos_max: u64) {
        if self.aborted.get() || self.aborts_at.get().is_some() {
            return;
        }
        let at = self.world.now().nanos() + self.world.random().within(&(0..=nanos_max));
        self.aborts_at.set(Some(at));
        let link = self.link.clone();
        self.world.call_at(at, move || link.wake());
    }

    /// Aborts now what was to be aborted soon: nothing else may begin.
    pub(crate) fn hasten_abort(&self) {
        if self.aborts_at.take().is_some() {
            self.abort();
        }
    }

    fn abort_if_due(&self) {
        if self.aborts_at.get().is_some_and(|at| at <= self.world.now().nanos()) {
            self.hasten_abort();
        }
    }

    /// Makes the other side's host vanish.
    pub(crate) fn lose_peer(&self) {
        self.world.record(Event::Lost(self.link.number));
        self.link.is_lost.set(true);
        self.link.wake();
    }

    /// Whether this end's own host is gone.
    fn has_lost(&self) -> bool {
        self.link.is_lost.get() && self.owner == Owner::Peer
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.get()
    }

    /// Breaks the link within `nanos_max` nanoseconds, whatever happens until then.
    pub(crate) fn reset_soon(&self, nanos_max: u64) {
        let (link, world) = (self.link.clone(), self.world.clone());
        let at = self.world.now().nanos() + self.world.random().within(&(0..=nanos_max));
        self.world.call_at(at, move || link.reset(&world));
    }

    fn incoming(&self) -> &RefCell<Pipe> {
        &self.link.pipes[1 - self.side]
    }

    fn outgoing(&self) -> &RefCell<Pipe> {
        &self.link.pipes[self.side]
    }

    /// When so many bytes that are sent now arrive.
    fn arrival_time(&self, count: usize) -> u64 {
        let (conditions, random) = (self.world.conditions(), self.world.random());
        let mut at = self.world.now().nanos() + random.within(&conditions.latency_nanos);
        if self.world.strikes(Fault::Stall) {
            at += random.within(&(0..=conditions.stall_nanos_max));
        }
        let mut pipe = self.outgoing().borrow_mut();
        pipe.arrives_last = pipe.arrives_last.max(at) + self.link.byte_nanos * count as u64;
        pipe.arrives_last
    }
}

impl Link {
    fn reset(&self, world: &World) {
        world.record(Event::Reset(self.number));
        if !self.is_lost.get() {
            self.pipes.iter().for_each(|pipe| pipe.borrow_mut().reset());
        }
    }

    fn wake(&self) {
        self.pipes.iter().for_each(|pipe| pipe.borrow_mut().wake());
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.world.count(|counters| counters.closed[self.owner as usize] += 1);
        self.world.record(Event::Closed(self.link.number, self.side));
        if self.link.is_lost.get() {
            return;
        }
        self.hasten_abort();
        if self.available() > 0 {
            self.outgoing().borrow_mut().reset();
        } else if !self.world.ending() {
            self.finish();
        }
        self.incoming().borrow_mut().abandon();
    }
}
