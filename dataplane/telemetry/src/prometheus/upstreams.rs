//! The sections of the upstream side: requests, failures, durations and connections by upstream, and its endpoints.
//!
//! At the most [`crate::limits::UPSTREAMS_MAX`] upstreams and `_other`; a reason is shown for an upstream when it has
//! happened. Endpoints are shown one by one up to [`ENDPOINTS_MAX`].

use std::collections::BTreeMap;

use super::{OTHER, Scrape, named};
use crate::{
    EndpointState,
    latency::LatencyCounts,
    limits::{ENDPOINTS_MAX, UPSTREAMS_MAX},
    names::{self, Metric},
    worker::{STATUS_CLASSES, UpstreamMetrics},
};

impl Scrape<'_> {
    pub(super) fn upstreams(&mut self) {
        self.header(&names::UPSTREAM_REQUESTS);
        for (slot, name) in named(self.registry.upstreams()) {
            for (class, label) in STATUS_CLASSES.into_iter().enumerate() {
                let count = self.upstream(slot, |upstream| upstream.classes[class].value());
                self.sample_if_any(&names::UPSTREAM_REQUESTS, &[name, label], count);
            }
        }
        self.header(&names::UPSTREAM_FAILURES);
        for (slot, name) in named(self.registry.upstreams()) {
            for (index, reason) in self.reasons() {
                let count = self.upstream(slot, |upstream| upstream.reasons[index].value());
                self.sample_if_any(&names::UPSTREAM_FAILURES, &[name, reason], count);
            }
        }
        self.by_upstream(&names::UPSTREAM_ATTEMPTS, |upstream| upstream.attempts.value());
        self.upstream_durations();
        self.by_upstream(&names::UPSTREAM_ACTIVE_REQUESTS, |upstream| upstream.active.value());
        self.header(&names::UPSTREAM_CONNECTIONS);
        for (slot, name) in named(self.registry.upstreams()) {
            let connected = self.upstream(slot, |upstream| upstream.connected.value());
            let reused = self.upstream(slot, |upstream| upstream.reused.value());
            self.sample_named(&names::UPSTREAM_CONNECTIONS, &[name, "new"], connected);
            self.sample_named(&names::UPSTREAM_CONNECTIONS, &[name, "reused"], reused);
        }
        self.by_upstream(&names::UPSTREAM_CONNECT_FAILURES, |upstream| upstream.failed.value());
        self.guards();
        self.idle_connections();
    }

    fn guards(&mut self) {
        self.header(&names::UPSTREAM_REJECTED);
        for (slot, name) in named(self.registry.upstreams()) {
            for (by, label) in ["breaker", "limit", "throughput"].into_iter().enumerate() {
                let count = self.upstream(slot, |upstream| upstream.rejected[by].value());
                self.sample_if_any(&names::UPSTREAM_REJECTED, &[name, label], count);
            }
        }
        for (won, metric) in [&names::UPSTREAM_HEDGES, &names::UPSTREAM_HEDGES_WON].into_iter().enumerate() {
            self.header(metric);
            for (slot, name) in named(self.registry.upstreams()) {
                let count = self.upstream(slot, |upstream| upstream.hedges[won].value());
                self.sample_if_any(metric, &[name], count);
            }
        }
        self.header(&names::UPSTREAM_CACHE_REQUESTS);
        for (slot, name) in named(self.registry.upstreams()) {
            for (hit, label) in [(1, "hit"), (0, "miss")] {
                let count = self.upstream(slot, |upstream| upstream.cache_asked[hit].value());
                self.sample_if_any(&names::UPSTREAM_CACHE_REQUESTS, &[name, label], count);
            }
        }
        self.header(&names::UPSTREAM_CACHE_BYTES);
        for (slot, name) in named(self.registry.upstreams()) {
            let bytes = self.upstream(slot, |upstream| upstream.cache_bytes.value());
            self.sample_if_any(&names::UPSTREAM_CACHE_BYTES, &[name], bytes);
        }
        let shown = &self.node.guards[..self.node.guards.len().min(UPSTREAMS_MAX)];
        let states = ["closed", "open", "half_open"];
        self.header(&names::UPSTREAM_BREAKER);
        for (guard, breaker) in shown.iter().filter_map(|guard| Some((guard, guard.breaker?))) {
            for (state, label) in states.into_iter().enumerate() {
                let is_in = u64::from(breaker.state == state);
                self.sample(&names::UPSTREAM_BREAKER, "", &[&guard.upstream, label], None, is_in);
            }
        }
        self.header(&names::UPSTREAM_BREAKER_TRANSITIONS);
        for (guard, breaker) in shown.iter().filter_map(|guard| Some((guard, guard.breaker?))) {
            for (label, count) in states.into_iter().zip(breaker.entered) {
                self.sample(&names::UPSTREAM_BREAKER_TRANSITIONS, "", &[&guard.upstream, label], None, count);
            }
        }
        self.header(&names::UPSTREAM_CONCURRENCY_LIMIT);
        for (guard, limit) in shown.iter().filter_map(|guard| Some((guard, guard.concurrency_limit?))) {
            self.sample(&names::UPSTREAM_CONCURRENCY_LIMIT, "", &[&guard.upstream], None, limit);
        }
    }

    /// A connection is parked by one worker and taken by another, so that neither knows how many are; between the readings
    /// of two workers it may seem that more were taken than parked.
    fn idle_connections(&mut self) {
        let parked = |scrape: &Self, slot| {
            let taken = scrape.upstream(slot, |upstream| upstream.unparked.value());
            scrape.upstream(slot, |upstream| upstream.parked.value()).saturating_sub(taken)
        };
        self.header(&names::UPSTREAM_CONNECTIONS_IDLE);
        for (slot, name) in named(self.registry.upstreams()) {
            let idle = self.upstream(slot, |upstream| upstream.idle.value()) + parked(self, slot);
            self.sample_named(&names::UPSTREAM_CONNECTIONS_IDLE, &[name], idle);
        }
        self.header(&names::UPSTREAM_CONNECTIONS_PARKED);
        for (slot, name) in named(self.registry.upstreams()) {
            let parked = parked(self, slot);
            self.sample_named(&names::UPSTREAM_CONNECTIONS_PARKED, &[name], parked);
        }
    }

    fn upstream_durations(&mut self) {
        let mut counts = LatencyCounts::new();
        self.header(&names::UPSTREAM_FIRST_BYTE);
        for (slot, name) in named(self.registry.upstreams()) {
            counts.clear();
            let upstreams = self.registry.workers.iter().filter_map(|worker| worker.upstreams.get(slot));
            upstreams.for_each(|upstream| counts.merge(&upstream.first_byte));
            if counts.count() != 0 {
                self.histogram(&names::UPSTREAM_FIRST_BYTE, &[name], &counts);
            }
        }
    }

    fn by_upstream(&mut self, metric: &Metric, figure: fn(&UpstreamMetrics) -> u64) {
        self.header(metric);
        for (slot, name) in named(self.registry.upstreams()) {
            let value = self.upstream(slot, figure);
            self.sample_named(metric, &[name], value);
        }
    }

    /// What all workers have of one figure of an upstream together.
    fn upstream(&self, slot: usize, figure: impl Fn(&UpstreamMetrics) -> u64) -> u64 {
        self.sum(|worker| worker.upstreams.get(slot).map_or(0, &figure))
    }

    /// Endpoints are counted by upstream, all of them, and shown one by one up to a bound.
    pub(super) fn endpoints(&mut self) {
        let mut states: BTreeMap<&str, [u64; EndpointState::ALL.len()]> = BTreeMap::new();
        let known: BTreeMap<&str, usize> = self.registry.upstreams().iter().map(|(slot, name)| (name, slot)).collect();
        for figures in &self.node.endpoints {
            let name = known.get_key_value(&*figures.upstream).map_or(OTHER, |(name, _)| name);
            states.entry(name).or_default()[figures.state as usize] += 1;
        }
        self.header(&names::UPSTREAM_ENDPOINTS);
        for (name, counts) in states {
            for (state, count) in EndpointState::ALL.into_iter().zip(counts) {
                self.sample(&names::UPSTREAM_ENDPOINTS, "", &[name, state.as_str()], None, count);
            }
        }
        let shown = &self.node.endpoints[..self.node.endpoints.len().min(ENDPOINTS_MAX)];
        self.header(&names::ENDPOINT_HEALTHY);
        for figures in shown {
            let labels = [&*figures.upstream, &*figures.endpoint];
            let is_healthy = figures.state == EndpointState::Healthy;
            self.sample(&names::ENDPOINT_HEALTHY, "", &labels, None, u64::from(is_healthy));
        }
        self.header(&names::ENDPOINT_ACTIVE_REQUESTS);
        for figures in shown {
            let labels = [&*figures.upstream, &*figures.endpoint];
            if let Some(active) = figures.active_requests {
                self.sample(&names::ENDPOINT_ACTIVE_REQUESTS, "", &labels, None, active);
            }
        }
    }
}
