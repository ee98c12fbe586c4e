//! The sections of the downstream side: what was asked and answered, and the connections of listeners.

use super::{OTHER, Scrape, named};
use crate::{
    Counter, HandshakeKind, MethodLabel,
    latency::LatencyCounts,
    names::{self, Metric},
    worker::{ListenerMetrics, STATUS_MIN, STATUS_SLOTS},
};

impl Scrape<'_> {
    pub(super) fn requests(&mut self) {
        self.header(&names::RESPONSES);
        for slot in 0..STATUS_SLOTS {
            let code = (STATUS_MIN + slot as u16).to_string();
            let label = if slot == STATUS_SLOTS - 1 { OTHER } else { &code };
            self.sample_if_any(&names::RESPONSES, &[label], self.sum(|worker| worker.statuses[slot].value()));
        }
        self.header(&names::REQUESTS_BY_METHOD);
        for method in MethodLabel::ALL {
            let count = self.sum(|worker| worker.methods[*method as usize].value());
            self.sample_if_any(&names::REQUESTS_BY_METHOD, &[method.as_str()], count);
        }
        self.header(&names::REQUESTS_BY_WORKER);
        for (index, worker) in self.registry.workers.iter().enumerate() {
            let count: u64 = worker.methods.iter().map(Counter::value).sum();
            self.sample(&names::REQUESTS_BY_WORKER, "", &[&index.to_string()], None, count);
        }
        self.header(&names::REQUEST_FAILURES);
        for (index, reason) in self.reasons() {
            let count = self.sum(|worker| worker.reasons[index].value());
            self.sample_named(&names::REQUEST_FAILURES, &[reason], count);
        }
        self.single(&names::ACTIVE_REQUESTS, &[], self.sum(|worker| worker.active_exchanges.value()));
        self.single(&names::RECEIVED_BYTES, &[], self.sum(|worker| worker.received_bytes.value()));
        self.single(&names::SENT_BYTES, &[], self.sum(|worker| worker.sent_bytes.value()));
    }

    pub(super) fn listeners(&mut self) {
        self.by_listener(&names::CONNECTIONS, |listener| listener.accepted.value());
        self.by_listener(&names::CONNECTIONS_OPEN, |listener| listener.open.value());
        self.single(&names::ACCEPT_ERRORS, &[], self.sum(|worker| worker.accept_errors.value()));
    }

    fn by_listener(&mut self, metric: &Metric, figure: fn(&ListenerMetrics) -> u64) {
        self.header(metric);
        for (slot, name) in named(self.registry.listeners()) {
            let value = self.listener(slot, figure);
            self.sample_named(metric, &[name], value);
        }
    }

    /// What all workers have of one figure of a listener together.
    fn listener(&self, slot: usize, figure: impl Fn(&ListenerMetrics) -> u64) -> u64 {
        self.sum(|worker| worker.listeners.get(slot).map_or(0, &figure))
    }

    /// Sessions of TLS, which a listener without TLS has none of.
    pub(super) fn handshakes(&mut self) {
        self.header(&names::TLS_HANDSHAKES);
        for (slot, name) in named(self.registry.listeners()) {
            for kind in HandshakeKind::ALL {
                let count = self.listener(slot, |listener| listener.handshakes[kind as usize].value());
                self.sample_if_any(&names::TLS_HANDSHAKES, &[name, kind.as_str()], count);
            }
        }
        let mut counts = LatencyCounts::new();
        let arrays = self.registry.workers.iter().filter_map(|worker| worker.handshakes.get(0));
        arrays.for_each(|array| counts.merge(array));
        self.header(&names::TLS_HANDSHAKE_DURATION);
        self.histogram(&names::TLS_HANDSHAKE_DURATION, &[], &counts);
    }
}
