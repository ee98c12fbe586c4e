//! The figures of one worker, written by it alone and read by the scrape.
//!
//! What belongs to a route, an upstream or a listener is allocated with its first use, whenever its slot was given out;
//! all else when the worker starts. A slot beyond the bound is counted under `_other`, so that no call can fail.
//! Recording takes no lock.

use crate::{
    Counter, Exchange, Gauge, Handshake, HandshakeFailure, MethodLabel, TlsSide,
    latency::LatencyArray,
    limits::{LISTENERS_MAX, ROUTES_MAX, RULES_MAX, UPSTREAMS_MAX},
    sparse::Sparse,
    tls::TlsMetrics,
    usage::{UsageCounts, UsageKey, UsageOutcome},
};

/// Priorities of routes as labels, by index.
pub(crate) const PRIORITIES: [&str; 4] = ["low", "normal", "high", "critical"];

/// Status classes as labels, by index. `none` is an exchange that ended before a status was sent.
pub(crate) const STATUS_CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// Statuses counted one by one; the rest share the slot behind them.
pub(crate) const STATUS_MIN: u16 = 100;
pub(crate) const STATUS_SLOTS: usize = 501;

/// Behind the named routes: those without a slot of their own, and requests without a route.
pub(crate) const ROUTE_OTHER: usize = ROUTES_MAX;
pub(crate) const ROUTE_NONE: usize = ROUTES_MAX + 1;

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
    /// Connections accepted and given to another worker.
    pub handed_over: Counter,
    /// Connections that another worker had accepted.
    pub taken_over: Counter,
    /// Access records handed over to the journal.
    pub(crate) access_records_handed_over: Counter,
    /// Access records dropped because the journal was behind.
    pub access_records_dropped: Counter,
    /// Generation of the snapshot that new exchanges run on; 0 before the first.
    pub generation: Gauge,
    /// Requests refused because the worker could not keep up, by priority.
    pub shed: [Counter; PRIORITIES.len()],
    /// How hard the worker refuses them, in steps.
    pub shedding_pressure: Gauge,
    /// Injected on purpose: delays, errors.
    pub(crate) faults: [Counter; 2],
    pub(crate) received_bytes: Counter,
    pub(crate) sent_bytes: Counter,
    pub(crate) methods: [Counter; MethodLabel::ALL.len()],
    pub(crate) statuses: [Counter; STATUS_SLOTS],
    /// By [`TlsSide`].
    pub(crate) tls: [TlsMetrics; 2],
    /// By [`duration_place`].
    pub(crate) durations: Sparse<LatencyArray>,
    /// Named reasons, then `_other`.
    pub(crate) reasons: Box<[Counter]>,
    /// Named upstreams, then `_other`.
    pub(crate) upstreams: Sparse<UpstreamMetrics>,
    /// Named listeners, then `_other`.
    pub(crate) listeners: Sparse<ListenerMetrics>,
    /// Named rules, then `_other`.
    pub(crate) rules: Sparse<RuleMetrics>,
    /// What applications have used.
    pub(crate) usage: UsageCounts,
}

pub(crate) struct UpstreamMetrics {
    pub(crate) connected: Counter,
    pub(crate) reused: Counter,
    pub(crate) failed: Counter,
    /// Requests that were not let in, by [`Guard`].
    pub(crate) rejected: [Counter; 3],
    /// Requests sent to a second endpoint, and answers of it that counted.
    pub(crate) hedges: [Counter; 2],
    /// Copies of answers that were looked for and not found, and found.
    pub(crate) cache_asked: [Counter; 2],
    /// Of copies of answers.
    pub(crate) cache_bytes: Gauge,
    /// In this worker's own stock.
    pub(crate) idle: Gauge,
    /// Put where every worker can take them.
    pub(crate) parked: Counter,
    /// Taken from there, to be used or closed.
    pub(crate) unparked: Counter,
    pub(crate) active: Gauge,
    pub(crate) attempts: Counter,
    pub(crate) classes: [Counter; STATUS_CLASSES.len()],
    /// As [`WorkerMetrics::reasons`].
    pub(crate) reasons: Box<[Counter]>,
    pub(crate) first_byte: LatencyArray,
}

/// What rules did, by [`RuleEffect`].
#[derive(Default)]
pub(crate) struct RuleMetrics(pub(crate) [Counter; RuleEffect::ALL.len()]);

/// What a rule did to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleEffect {
    /// It let it in.
    Admitted,
    /// It refused it.
    Refused,
    /// It would have refused it, if it were no shadow.
    Shadowed,
}

/// What an upstream is kept from more requests by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Its open breaker.
    Breaker,
    /// Its limit of requests in progress.
    Limit,
    /// What it may be sent in a time.
    Throughput,
}

#[derive(Default)]
pub(crate) struct ListenerMetrics {
    pub(crate) accepted: Counter,
    pub(crate) open: Gauge,
}

impl WorkerMetrics {
    pub(crate) fn new(reasons: usize) -> Self {
        Self {
            active_exchanges: Gauge::new(),
            buffers_in_use: Gauge::new(),
            accept_errors: Counter::new(),
            handed_over: Counter::new(),
            taken_over: Counter::new(),
            access_records_handed_over: Counter::new(),
            access_records_dropped: Counter::new(),
            generation: Gauge::new(),
            shed: [const { Counter::new() }; _],
            shedding_pressure: Gauge::new(),
            faults: [const { Counter::new() }; _],
            received_bytes: Counter::new(),
            sent_bytes: Counter::new(),
            methods: [const { Counter::new() }; _],
            statuses: [const { Counter::new() }; _],
            tls: Default::default(),
            durations: Sparse::new((ROUTE_NONE + 1) * STATUS_CLASSES.len()),
            reasons: counters(reasons + 1),
            upstreams: Sparse::new(UPSTREAMS_MAX + 1),
            listeners: Sparse::new(LISTENERS_MAX + 1),
            rules: Sparse::new(RULES_MAX + 1),
            usage: UsageCounts::default(),
        }
    }

    /// Counts a finished exchange. The first one of a route and status class, or of an upstream, allocates; later ones do
    /// not.
    pub fn exchange(&self, exchange: &Exchange) {
        let class = status_class(exchange.status);
        let route = exchange.route.map_or(ROUTE_NONE, |slot| (slot as usize).min(ROUTE_OTHER));
        self.durations.at(duration_place(route, class), LatencyArray::new).record(exchange.duration_ns);
        self.statuses[status_slot(exchange.status)].increment();
        self.methods[exchange.method as usize].increment();
        self.received_bytes.add(exchange.received_bytes);
        self.sent_bytes.add(exchange.sent_bytes);
        if let Some(reason) = exchange.reason {
            count_reason(&self.reasons, reason);
        }
        if let Some(slot) = exchange.upstream {
            self.upstream(slot).exchange(exchange, class);
        }
    }

    /// A connection was accepted from the listener with this slot.
    pub fn connection_opened(&self, listener: u32) {
        let listener = self.listener(listener);
        listener.accepted.increment();
        listener.open.increment();
    }

    /// A connection of the listener with this slot was closed.
    pub fn connection_closed(&self, listener: u32) {
        self.listener(listener).open.decrement();
    }

    /// The rule with this slot ([`crate::Registry::rule`]) did this to a request.
    pub fn rule(&self, rule: u32, effect: RuleEffect) {
        self.rules.at(rule as usize, RuleMetrics::default).0[effect as usize].increment();
    }

    /// An application has called an API. The first time it allocates, later it does not.
    pub fn used(&self, key: &UsageKey<'_>, outcome: UsageOutcome) {
        self.usage.count(key, outcome);
    }

    /// A TLS handshake is done.
    pub fn tls_done(&self, side: TlsSide, done: Handshake) {
        self.tls[side as usize].count(done);
    }

    /// A TLS handshake did not come to its end.
    pub fn tls_failed(&self, side: TlsSide, failure: HandshakeFailure) {
        self.tls[side as usize].count_failure(failure);
    }

    /// A connection to the upstream with this slot was made.
    pub fn upstream_connected(&self, upstream: u32) {
        self.upstream(upstream).connected.increment();
    }

    /// An exchange took an idle connection to the upstream with this slot.
    pub fn upstream_reused(&self, upstream: u32) {
        self.upstream(upstream).reused.increment();
    }

    /// A connection to the upstream with this slot could not be made.
    pub fn upstream_failed(&self, upstream: u32) {
        self.upstream(upstream).failed.increment();
    }

    /// A request to the upstream with this slot was refused, and by what.
    pub fn upstream_rejected(&self, upstream: u32, by: Guard) {
        self.upstream(upstream).rejected[by as usize].increment();
    }

    /// A request to the upstream with this slot was sent to a second endpoint.
    pub fn upstream_hedged(&self, upstream: u32) {
        self.upstream(upstream).hedges[0].increment();
    }

    /// The second endpoint answered first.
    pub fn upstream_hedge_won(&self, upstream: u32) {
        self.upstream(upstream).hedges[1].increment();
    }

    /// A copy of an answer of the upstream with this slot was looked for; whether there was one.
    pub fn upstream_cache_asked(&self, upstream: u32, hit: bool) {
        self.upstream(upstream).cache_asked[usize::from(hit)].increment();
    }

    /// Memory of this worker's copies of answers of the upstream with this slot, in bytes.
    #[must_use]
    pub fn upstream_cache_bytes(&self, upstream: u32) -> &Gauge {
        &self.upstream(upstream).cache_bytes
    }

    /// Faults were injected into an exchange.
    pub fn fault_injected(&self, delay: bool, abort: bool) {
        self.faults[0].add(u64::from(delay));
        self.faults[1].add(u64::from(abort));
    }

    /// An idle connection to the upstream with this slot was put where every worker can take it.
    pub fn upstream_parked(&self, upstream: u32) {
        self.upstream(upstream).parked.increment();
    }

    /// An idle connection to the upstream with this slot was taken from there, to be used or closed.
    pub fn upstream_unparked(&self, upstream: u32) {
        self.upstream(upstream).unparked.increment();
    }

    /// Idle connections to the upstream with this slot that this worker keeps for itself.
    #[must_use]
    pub fn upstream_idle(&self, upstream: u32) -> &Gauge {
        &self.upstream(upstream).idle
    }

    /// Exchanges in progress that have chosen the upstream with this slot.
    #[must_use]
    pub fn upstream_active(&self, upstream: u32) -> &Gauge {
        &self.upstream(upstream).active
    }

    pub(crate) fn connections_open(&self) -> u64 {
        (0..=LISTENERS_MAX).filter_map(|slot| self.listeners.get(slot)).map(|listener| listener.open.value()).sum()
    }

    fn upstream(&self, slot: u32) -> &UpstreamMetrics {
        self.upstreams.at(slot as usize, || UpstreamMetrics::new(self.reasons.len()))
    }

    fn listener(&self, slot: u32) -> &ListenerMetrics {
        self.listeners.at(slot as usize, ListenerMetrics::default)
    }
}

impl RuleEffect {
    /// Every one, in the order of their discriminants.
    pub(crate) const ALL: [Self; 3] = [Self::Admitted, Self::Refused, Self::Shadowed];

    /// The label's text.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Refused => "refused",
            Self::Shadowed => "shadowed",
        }
    }
}

impl UpstreamMetrics {
    fn new(reasons: usize) -> Self {
        Self {
            connected: Counter::new(),
            reused: Counter::new(),
            failed: Counter::new(),
            rejected: [const { Counter::new() }; _],
            hedges: [const { Counter::new() }; _],
            cache_asked: [const { Counter::new() }; _],
            cache_bytes: Gauge::new(),
            idle: Gauge::new(),
            parked: Counter::new(),
            unparked: Counter::new(),
            active: Gauge::new(),
            attempts: Counter::new(),
            classes: [const { Counter::new() }; _],
            reasons: counters(reasons),
            first_byte: LatencyArray::new(),
        }
    }

    /// `class` is that of the status sent downstream.
    fn exchange(&self, exchange: &Exchange, class: usize) {
        self.attempts.add(exchange.attempts.into());
        if exchange.upstream_ns == 0 {
            self.classes[0].increment();
        } else {
            self.classes[class].increment();
            self.first_byte.record(exchange.upstream_ns);
        }
        if let Some(reason) = exchange.reason {
            count_reason(&self.reasons, reason);
        }
    }
}

/// Where the durations of a route and a status class are.
pub(crate) const fn duration_place(route: usize, class: usize) -> usize {
    route * STATUS_CLASSES.len() + class
}

fn counters(count: usize) -> Box<[Counter]> {
    std::iter::repeat_with(Counter::new).take(count).collect()
}

/// The last one is `_other`; there is always one.
fn count_reason(reasons: &[Counter], reason: u8) {
    reasons[usize::from(reason).min(reasons.len() - 1)].increment();
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
