//! What all connections of one worker share: its name, the clock's text, the body block, chance, and the counters.
//!
//! Counters are written by the worker's thread alone and read by anyone; `Control` is what anyone tells all workers;
//! everything else stays on the thread.

use super::{alarm::Alarm, chance::Chance, limits::BLOCK_BYTES};
use nix::sys::socket::{Shutdown, shutdown};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    os::fd::RawFd,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

const PATTERN: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n";

/// The byte at `offset` of every body the origin makes, so that a reader can check what it got wherever it starts.
#[must_use]
pub const fn body_byte(offset: u64) -> u8 {
    PATTERN[(offset % PATTERN.len() as u64) as usize]
}

const _: () = assert!(BLOCK_BYTES.is_multiple_of(PATTERN.len()));

/// The first [`BLOCK_BYTES`] bytes of every body.
pub(super) static BLOCK: [u8; BLOCK_BYTES] = {
    let mut block = [0; BLOCK_BYTES];
    let mut at = 0;
    while at < BLOCK_BYTES {
        block[at] = PATTERN[at % PATTERN.len()];
        at += 1;
    }
    block
};

/// What an origin has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted since the start.
    pub connections: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// Requests whose head was read, refused ones included.
    pub requests: u64,
}

impl Counts {
    /// Those of two workers together.
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            connections: self.connections + other.connections,
            connections_open: self.connections_open + other.connections_open,
            requests: self.requests + other.requests,
        }
    }
}

/// What the owner of an origin tells all of its workers.
#[derive(Debug)]
pub(super) struct Control {
    stopping: AtomicBool,
    start: Instant,
    /// Until when requests wait, in nanoseconds after `start`; 0 if nobody ever asked for that.
    stalled_until: AtomicU64,
}

impl Control {
    pub(super) fn new() -> Self {
        Self { stopping: AtomicBool::default(), start: Instant::now(), stalled_until: AtomicU64::new(0) }
    }

    pub(super) fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    pub(super) fn stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Has all requests wait until `time` from now, or longer if somebody asked for that.
    pub(super) fn stall(&self, time: Duration) {
        let until = (self.start.elapsed() + time).as_nanos();
        self.stalled_until.fetch_max(u64::try_from(until).unwrap_or(u64::MAX), Relaxed);
    }

    /// Until when a request that comes now waits.
    pub(super) fn stalled(&self) -> Option<Instant> {
        match self.stalled_until.load(Relaxed) {
            0 => None,
            until => Some(self.start + Duration::from_nanos(until)).filter(|&until| until > Instant::now()),
        }
    }
}

/// Counters of one worker, shared with the owner of the origin.
#[derive(Debug, Default)]
pub(super) struct Tally {
    connections: AtomicU64,
    connections_closed: AtomicU64,
    requests: AtomicU64,
    /// Whether the worker takes no connections any more.
    has_closed: AtomicBool,
}

impl Tally {
    pub(super) fn close(&self) {
        self.has_closed.store(true, Relaxed);
    }

    pub(super) fn has_closed(&self) -> bool {
        self.has_closed.load(Relaxed)
    }

    pub(super) fn counts(&self) -> Counts {
        // The closed are read first: a connection is opened before it is closed, so the difference is never negative.
        let closed = self.connections_closed.load(Relaxed);
        let connections = self.connections.load(Relaxed);
        let connections_open = connections.saturating_sub(closed);
        Counts { connections, connections_open, requests: self.requests.load(Relaxed) }
    }
}

/// Adds one where there is a single writer: cheaper than a locked instruction.
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

/// The state of one worker.
pub(super) struct Site {
    pub(super) name: String,
    pub(super) alarm: Rc<Alarm>,
    pub(super) chance: RefCell<Chance>,
    pub(super) control: Arc<Control>,
    tally: Arc<Tally>,
    /// Descriptors of the open connections; each leaves before it is closed.
    open: RefCell<BTreeSet<RawFd>>,
    /// `Server` and `Date` lines of the second `fields_at`.
    fields: RefCell<Vec<u8>>,
    fields_at: Cell<Duration>,
}

impl Site {
    pub(super) fn new(name: &str, alarm: Rc<Alarm>, chance: Chance, control: Arc<Control>, tally: Arc<Tally>) -> Self {
        Self {
            name: name.to_owned(),
            alarm,
            chance: RefCell::new(chance),
            control,
            tally,
            open: RefCell::default(),
            fields: RefCell::default(),
            fields_at: Cell::new(Duration::ZERO),
        }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn count_request(&self) {
        count(&self.tally.requests);
    }

    /// Counts a connection as open until the guard is dropped.
    pub(super) fn enter(self: &Rc<Self>, descriptor: RawFd) -> Presence {
        count(&self.tally.connections);
        self.open.borrow_mut().insert(descriptor);
        Presence { site: self.clone(), descriptor }
    }

    /// Shuts all connections down: their transfers complete and their tasks end.
    pub(super) fn close_all(&self) {
        for &descriptor in &*self.open.borrow() {
            // It fails when the peer is already gone, which is as good.
            let _ = shutdown(descriptor, Shutdown::Both);
        }
    }

    /// Appends the `Server` and `Date` lines.
    pub(super) fn append_fields(&self, out: &mut Vec<u8>) {
        let now = SystemTime::now();
        let second = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if second.as_secs() != self.fields_at.get().as_secs() {
            self.fields_at.set(second);
            let date = httpdate::fmt_http_date(now);
            self.fields.replace(format!("Server: {}\r\nDate: {date}\r\n", self.name).into_bytes());
        }
        out.extend_from_slice(&self.fields.borrow());
    }
}

/// An open connection's place in the counts.
pub(super) struct Presence {
    site: Rc<Site>,
    descriptor: RawFd,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.site.open.borrow_mut().remove(&self.descriptor);
        count(&self.site.tally.connections_closed);
    }
}
