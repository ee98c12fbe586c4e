//! The figures of one worker, written by it alone and read by the scrape.
//!
//! Everything is allocated when the worker starts, except a route's figures, which come with its first exchange. An index
//! outside of the names of the registry is counted under `_other`, so that no call can fail. Recording takes no lock.

use std::sync::OnceLock;

use crossbeam::utils::CachePadded;

use crate::{
    Counter, Exchange, Gauge, Handshake, HandshakeFailure, MethodLabel, Names, TlsSide,
    latency::LatencyArray,
    limits::{LISTENERS_MAX, ROUTES_MAX, UPSTREAMS_MAX},
    tls::TlsMetrics,
};

/// Labels of [`RouteMetrics::classes`], by index. `none` is an exchange that ended before a status was sent.
pub(crate) const STATUS_CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// Statuses counted one by one; the rest share the slot behind them.
pub(crate) const STATUS_MIN: u16 = 100;
pub(crate) const STATUS_SLOTS: usize = 501;

/// What one worker counts. Only that worker may call what changes it (see [`Counter`]).
// Neighbours in memory would share a cache line with another worker's figures, and every count would fetch it back.
#[repr(align(128))]
pub struct WorkerMetrics {
    /// Exchanges in progress.
    pub active_exchanges: Gauge,
    /// Buffers of the worker's pool that are taken.
    pub buffers_in_use: Gauge,
    /// Connections that could not be accepted.
    pub accept_errors: Counter,
    /// Access records dropped because the journal was behind.
    pub access_records_dropped: Counter,
    pub(crate) received_bytes: Counter,
    pub(crate) sent_bytes: Counter,
    pub(crate) methods: [Counter; MethodLabel::ALL.len()],
    pub(crate) statuses: [Counter; STATUS_SLOTS],
    pub(crate) first_byte: LatencyArray,
    /// By [`TlsSide`].
    pub(crate) tls: [TlsMetrics; 2],
    /// Named routes, then `_other`, then `_none`.
    pub(crate) routes: Box<[OnceLock<Box<RouteMetrics>>]>,
    /// Named reasons, then `_other`.
    pub(crate) reasons: Box<[Counter]>,
    /// Named upstreams, then `_other`.
    pub(crate) upstreams: Box<[CachePadded<UpstreamMetrics>]>,
    /// Named listeners, then `_other`.
    pub(crate) listeners: Box<[CachePadded<ListenerMetrics>]>,
}

pub(crate) struct RouteMetrics {
    pub(crate) classes: [Counter; STATUS_CLASSES.len()],
    pub(crate) duration: LatencyArray,
}

#[derive(Default)]
pub(crate) struct UpstreamMetrics {
    pub(crate) connected: Counter,
    pub(crate) reused: Counter,
    pub(crate) failed: Counter,
    pub(crate) idle: Gauge,
}

#[derive(Default)]
pub(crate) struct ListenerMetrics {
    pub(crate) accepted: Counter,
    pub(crate) open: Gauge,
}

impl WorkerMetrics {
    pub(crate) fn new(names: &Names) -> Self {
        Self {
            active_exchanges: Gauge::new(),
            buffers_in_use: Gauge::new(),
            accept_errors: Counter::new(),
            access_records_dropped: Counter::new(),
            received_bytes: Counter::new(),
            sent_bytes: Counter::new(),
            methods: [const { Counter::new() }; _],
            statuses: [const { Counter::new() }; _],
            first_byte: LatencyArray::new(),
            tls: Default::default(),
            routes: slots(names.routes.len().min(ROUTES_MAX) + 2),
            reasons: slots(names.reasons.len() + 1),
            upstreams: slots(names.upstreams.len().min(UPSTREAMS_MAX) + 1),
            listeners: slots(names.listeners.len().min(LISTENERS_MAX) + 1),
        }
    }

    /// Counts a finished exchange. The first one of a route allocates, later ones do not.
    pub fn exchange(&self, exchange: &Exchange) {
        let route = self.route(exchange.route);
        route.duration.record(exchange.duration_ns);
        route.classes[status_class(exchange.status)].increment();
        self.statuses[status_slot(exchange.status)].increment();
        self.methods[exchange.method as usize].increment();
        self.received_bytes.add(exchange.received_bytes);
        self.sent_bytes.add(exchange.sent_bytes);
        if exchange.upstream_ns != 0 {
            self.first_byte.record(exchange.upstream_ns);
        }
        if let Some(reason) = exchange.reason {
            self.reasons[usize::from(reason).min(self.reasons.len() - 1)].increment();
        }
    }

    /// A connection was accepted from listener number `listener`.
    pub fn connection_opened(&self, listener: u32) {
        let listener = named_or_other(&self.listeners, listener);
        listener.accepted.increment();
        listener.open.increment();
    }

    /// A connection of listener number `listener` was closed.
    pub fn connection_closed(&self, listener: u32) {
        named_or_other(&self.listeners, listener).open.decrement();
    }

    /// A TLS handshake is done.
    pub fn tls_done(&self, side: TlsSide, done: Handshake) {
        self.tls[side as usize].count(done);
    }

    /// A TLS handshake did not come to its end.
    pub fn tls_failed(&self, side: TlsSide, failure: HandshakeFailure) {
        self.tls[side as usize].count_failure(failure);
    }

    /// A connection to upstream number `upstream` was made.
    pub fn upstream_connected(&self, upstream: u32) {
        named_or_other(&self.upstreams, upstream).connected.increment();
    }

    /// An exchange took an idle connection to upstream number `upstream`.
    pub fn upstream_reused(&self, upstream: u32) {
        named_or_other(&self.upstreams, upstream).reused.increment();
    }

    /// A connection to upstream number `upstream` could not be made.
    pub fn upstream_failed(&self, upstream: u32) {
        named_or_other(&self.upstreams, upstream).failed.increment();
    }

    /// Idle connections to upstream number `upstream`.
    #[must_use]
    pub fn upstream_idle(&self, upstream: u32) -> &Gauge {
        &named_or_other(&self.upstreams, upstream).idle
    }

    fn route(&self, route: Option<u32>) -> &RouteMetrics {
        let none = self.routes.len() - 1;
        let slot = route.map_or(none, |route| (route as usize).min(none - 1));
        self.routes[slot].get_or_init(|| {
            Box::new(RouteMetrics { classes: [const { Counter::new() }; _], duration: LatencyArray::new() })
        })
    }
}

fn slots<T: Default>(count: usize) -> Box<[T]> {
    std::iter::repeat_with(T::default).take(count).collect()
}

/// The last slot is `_other`; there is always one.
fn named_or_other<T>(slots: &[T], index: u32) -> &T {
    &slots[(index as usize).min(slots.len() - 1)]
}

const fn status_class(status: u16) -> usize {
    match status / 100 {
        class @ 1..=5 => class as usize,
        _ => 0,
    }
}

const fn status_slot(status: u16) -> usize {
    match status {
        100..=599 => (status - STATUS_MIN) as usize,
        _ => STATUS_SLOTS - 1,
    }
}
