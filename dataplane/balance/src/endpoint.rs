//! One endpoint of one upstream, and all that is known of it: everything that changes is an atomic.
//!
//! Shared by every worker, by the checks and by the registry, for as long as any of them holds it. Its `slot` is small,
//! dense and used again once nobody holds it, so that a worker's stock of connections can be a plain list; its `id` is
//! never used again, so that the stock of one is never taken for another's.

use super::sync::{Arc, AtomicBool, AtomicU32, AtomicU64, CachePadded, Ordering::Relaxed, SegQueue};
use std::{fmt, net::SocketAddr, path::Path};

/// Where an endpoint is: what a name has been resolved to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// An address of the network.
    Socket(SocketAddr),
    /// A socket in the file system.
    Unix(Box<Path>),
}

impl fmt::Display for Place {
    /// As it is written in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Numbers for endpoints: slots that are free again are given out first.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    free: SegQueue<u32>,
    slots: AtomicU32,
    ids: AtomicU64,
}

/// One endpoint of one upstream.
pub struct Endpoint {
    id: u64,
    slot: u32,
    place: Place,
    label: Box<str>,
    numbers: Arc<Numbers>,
    in_flight: CachePadded<AtomicU32>,
    state: CachePadded<State>,
}

/// Zero at first: well, and in use since long ago.
#[derive(Default)]
struct State {
    /// What the last active checks say.
    is_unhealthy: AtomicBool,
    is_retired: AtomicBool,
    /// Left alone until then, for what exchanges were like.
    ejected_until: AtomicU64,
    /// Ejections in a row.
    ejections: AtomicU32,
    /// In use since then, or from then on; 0: from the start.
    since: AtomicU64,
    /// Failures in a row.
    failures: AtomicU32,
    window: Window,
}

/// Exchanges of the current window, and how many of them failed: one word, so that there are never more failures than
/// exchanges. What others count just as the window changes may be lost with the one before.
#[derive(Default)]
struct Window {
    begun: AtomicU64,
    /// Failures in the lower half, exchanges in the upper.
    counts: AtomicU64,
}

/// One exchange in `Window::counts`.
const EXCHANGE: u64 = 1 << 32;

impl Endpoint {
    /// An endpoint in use since `since`; 0: from the start.
    pub(crate) fn new(place: Place, numbers: Arc<Numbers>, since: u64) -> Self {
        let state = State { since: AtomicU64::new(since), ..State::default() };
        Self {
            id: numbers.ids.fetch_add(1, Relaxed),
            slot: numbers.free.pop().unwrap_or_else(|| numbers.slots.fetch_add(1, Relaxed)),
            label: place.to_string().into(),
            place,
            numbers,
            in_flight: CachePadded::default(),
            state: CachePadded::new(state),
        }
    }

    /// Its number among all endpoints this node ever had.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Its number among all endpoints that are held now; dense from 0 on.
    #[must_use]
    pub const fn slot(&self) -> u32 {
        self.slot
    }

    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Where it is, as text.
    #[must_use]
    pub const fn label(&self) -> &str {
        &self.label
    }

    /// Whether it belongs to its upstream no more: its idle connections are of no use.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.state.is_retired.load(Relaxed)
    }

    pub(crate) fn retire(&self) {
        self.state.is_retired.store(true, Relaxed);
    }

    /// Whether requests may be sent to it at `now`: neither checks nor exchanges speak against it.
    #[must_use]
    pub fn is_available(&self, now: u64) -> bool {
        !self.is_unhealthy() && !self.is_ejected(now)
    }

    /// Whether the last active checks speak against it.
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        self.state.is_unhealthy.load(Relaxed)
    }

    /// Whether it is left alone at `now` for what exchanges with it were like.
    #[must_use]
    pub fn is_ejected(&self, now: u64) -> bool {
        now < self.state.ejected_until.load(Relaxed)
    }

    /// Takes the verdict of active checks.
    pub fn judge(&self, is_healthy: bool, now: u64) {
        let was_unhealthy = self.state.is_unhealthy.swap(!is_healthy, Relaxed);
        if was_unhealthy && is_healthy {
            self.state.since.fetch_max(now, Relaxed);
        }
    }

    /// When its slow start began, or will begin; 0: it was there from the start.
    pub(crate) fn since(&self) -> u64 {
        self.state.since.load(Relaxed)
    }

    /// Requests in progress, if its upstream counts them.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// Takes an exchange that went well. A store only where there was a failure: the line stays shared.
    pub(crate) fn note_success(&self) {
        if self.state.failures.load(Relaxed) != 0 {
            self.state.failures.store(0, Relaxed);
        }
    }

    /// Takes a failure; says how many there were in a row.
    pub(crate) fn note_failure(&self) -> u32 {
        self.state.failures.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// Counts an exchange in the window of `length` nanoseconds that `now` is in; exchanges and failures in it so far.
    pub(crate) fn count(&self, failed: bool, length: u64, now: u64) -> (u32, u32) {
        let Window { begun, counts } = &self.state.window;
        let current = begun.load(Relaxed);
        if now.saturating_sub(current) >= length && begun.compare_exchange(current, now, Relaxed, Relaxed).is_ok() {
            counts.swap(0, Relaxed);
        }
        let one = EXCHANGE + u64::from(failed);
        let counted = counts.fetch_add(one, Relaxed).wrapping_add(one);
        ((counted / EXCHANGE) as u32, (counted % EXCHANGE) as u32)
    }

    /// How often it was ejected in a row, and until when.
    pub(crate) fn ejections(&self) -> (u32, u64) {
        (self.state.ejections.load(Relaxed), self.state.ejected_until.load(Relaxed))
    }

    /// Leaves it alone until `until`. Its slow start begins then, and what was counted against it is forgotten.
    pub(crate) fn eject(&self, until: u64, ejections: u32) {
        self.state.ejections.store(ejections, Relaxed);
        self.state.failures.store(0, Relaxed);
        self.state.window.begun.store(until, Relaxed);
        self.state.window.counts.swap(0, Relaxed);
        self.state.since.store(until, Relaxed);
        self.state.ejected_until.store(until, Relaxed);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.numbers.free.push(self.slot);
    }
}

impl fmt::Debug for Endpoint {
    /// Not where it is: that may have come from the environment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("id", &self.id).field("slot", &self.slot).finish_non_exhaustive()
    }
}
