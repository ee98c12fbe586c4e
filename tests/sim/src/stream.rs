//! A node's stream: the seam's contract and its faults over an [`Endpoint`].
//!
//! A transfer takes effect at once and may be learned of later, as on a ring: an abort in between does not undo it.
//! A stream that no node has, [`SimDetached`], is a number that could be sent to another thread, though there is one only.

use crate::{Endpoint, Fault, Node, contract::InFlight, downstream::Visit, node::OpenStream};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io,
    net::SocketAddr,
};
use tollgate_io::{Buffer, Half, Io, Peek, SendList, Stream};

/// A connected stream of a node.
#[derive(Debug)]
pub struct SimStream {
    node: Node,
    end: Endpoint,
    receiving: Cell<bool>,
    sending: Cell<bool>,
    _open: OpenStream,
    /// If it was accepted.
    visit: Option<Visit>,
}

thread_local! {
    /// The ends of detached streams by number, and the last number given.
    static DETACHED: RefCell<(BTreeMap<u64, Endpoint>, u64)> = const { RefCell::new((BTreeMap::new(), 0)) };
}

/// A stream that no node has. Dropping it closes the connection.
#[derive(Debug)]
pub struct SimDetached(u64);

impl SimDetached {
    fn of(end: Endpoint) -> Self {
        DETACHED.with_borrow_mut(|(ends, last)| {
            *last += 1;
            ends.insert(*last, end);
            Self(*last)
        })
    }

    fn take(&self) -> Option<Endpoint> {
        DETACHED.with_borrow_mut(|(ends, _)| ends.remove(&self.0))
    }
}

impl Drop for SimDetached {
    fn drop(&mut self) {
        // Closed outside of the borrow: that wakes the other side.
        drop(self.take());
    }
}

impl SimStream {
    /// A stream of this node or another.
    pub(crate) fn adopted(node: Node, detached: &SimDetached) -> io::Result<Self> {
        let end = detached.take().ok_or(io::ErrorKind::NotConnected)?;
        if node.world().strikes(Fault::AdoptFails) {
            return Err(io::Error::other("out of memory"));
        }
        Ok(Self::new(node, end))
    }

    pub(crate) fn new(node: Node, end: Endpoint) -> Self {
        let (open, visit) = (node.count_stream(end.peer()), node.visit(&end));
        Self { node, end, receiving: Cell::new(false), sending: Cell::new(false), _open: open, visit }
    }

    /// How many of `most` bytes this transfer moves.
    fn amount(&self, most: usize, short: Fault) -> usize {
        let (world, random) = (self.node.world(), self.node.world().random());
        match most > 1 && world.strikes(short) {
            true if random.chance(0.5) => 1,
            true => 1 + random.index(most),
            false => most,
        }
    }

    /// What befalls any transfer before it begins.
    fn befall(&self) -> io::Result<()> {
        let world = self.node.world();
        self.visit.iter().for_each(Visit::serve);
        // Whatever an abort still lets complete, nothing begins behind it.
        self.end.hasten_abort();
        if world.strikes(Fault::Reset) {
            self.end.reset_soon(world.conditions().reset_nanos_max);
        }
        if world.strikes(Fault::PeerLost) {
            self.end.lose_peer();
        }
        if world.strikes(Fault::SubmitFails) {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(())
    }

    async fn submit(&self) -> io::Result<()> {
        self.befall()?;
        self.node.submission().await;
        Ok(())
    }

    /// What a receive finds once it need not wait. An aborted one may end like an error or like the end of the stream.
    async fn found_by_receive(&self) -> Peek {
        let found = self.end.arrival().await;
        let quietly = self.end.is_aborted() && self.node.world().random().chance(0.5);
        if quietly { Peek::Finished } else { found }
    }

    fn take(&self, buffer: &mut Buffer) {
        let count = self.amount(self.end.available().min(buffer.spare_len()), Fault::ShortReceive);
        self.end.take(&mut buffer.spare_mut()[..count]);
        buffer.grow(count);
        self.node.received(buffer, count);
    }

    fn put(&self, list: &mut SendList, room: usize) -> usize {
        let count = self.amount(list.len().min(room), Fault::ShortSend);
        let mut segment = Vec::with_capacity(count);
        for slice in list.slices() {
            let part = &slice[..slice.len().min(count - segment.len())];
            self.node.sent(part);
            segment.extend_from_slice(part);
        }
        self.end.put(segment);
        list.advance(count);
        count
    }
}

impl Stream for SimStream {
    type Detached = SimDetached;

    fn detach(self) -> Result<SimDetached, Self> {
        let is_busy = self.receiving.get() || self.sending.get();
        if is_busy || self.node.world().strikes(Fault::DetachRefused) {
            return Err(self);
        }
        self.visit.iter().for_each(Visit::moves);
        Ok(SimDetached::of(self.end))
    }

    async fn recv(&self, into: Option<Buffer>) -> io::Result<Buffer> {
        let transfer = InFlight::begin(self.node.world(), &self.receiving, "a receive");
        assert!(into.as_ref().is_none_or(|buffer| buffer.spare_len() > 0), "a receive into a full buffer");
        if let Err(error) = self.submit().await {
            transfer.complete();
            return Err(error);
        }
        let found = self.found_by_receive().await;
        let mut buffer = into.unwrap_or_else(|| self.node.buffers().take());
        if found == Peek::Bytes {
            self.take(&mut buffer);
        }
        self.node.completion().await;
        transfer.complete();
        if found == Peek::Broken { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(buffer) }
    }

    async fn send(&self, mut list: SendList) -> (io::Result<usize>, SendList) {
        let transfer = InFlight::begin(self.node.world(), &self.sending, "a send");
        assert!(!list.is_empty(), "a send of nothing");
        if let Err(error) = self.submit().await {
            transfer.complete();
            return (Err(error), list);
        }
        let sent = self.end.room().await.map(|room| self.put(&mut list, room));
        self.node.completion().await;
        transfer.complete();
        (sent, list)
    }

    /// Sometimes, as a driver that posts what it cannot do at once.
    fn try_send(&self, list: &mut SendList) -> Option<io::Result<usize>> {
        if self.node.world().random().chance(0.5) {
            return None;
        }
        let transfer = InFlight::begin(self.node.world(), &self.sending, "a send");
        assert!(!list.is_empty(), "a send of nothing");
        let sent = match self.befall().and_then(|()| self.end.room_now()) {
            Ok(0) => None,
            Ok(room) => Some(Ok(self.put(list, room))),
            Err(error) => Some(Err(error)),
        };
        transfer.complete();
        sent
    }

    async fn readable(&self) -> io::Result<()> {
        self.visit.iter().for_each(Visit::serve);
        let own = Cell::new(false);
        let wait = InFlight::begin(self.node.world(), &own, "a wait for readability");
        self.node.submission().await;
        let is_false = self.node.world().strikes(Fault::FalseNews);
        let found = if is_false { self.end.peek() } else { self.end.arrival().await };
        self.node.completion().await;
        wait.complete();
        if found == Peek::Broken { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    fn has_news(&self) -> bool {
        self.end.peek() != Peek::Silent && !self.node.world().strikes(Fault::LateNews)
    }

    fn peek(&self) -> Peek {
        self.end.peek()
    }

    fn shutdown(&self, half: Half) {
        match half {
            Half::Read => self.end.end_reads(),
            Half::Write => self.end.finish(),
        }
    }

    fn abort(&self) {
        let (world, is_busy) = (self.node.world(), self.receiving.get() || self.sending.get());
        if is_busy && world.strikes(Fault::AbortLate) {
            self.end.abort_soon(world.conditions().late_nanos_max);
        } else {
            self.end.abort();
        }
    }

    fn reset(&self) {
        self.end.abort_by_reset();
    }

    fn peer(&self) -> SocketAddr {
        self.end.peer()
    }
}
