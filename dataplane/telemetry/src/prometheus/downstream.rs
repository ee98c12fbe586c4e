//! The sections of the downstream side: what was asked and answered, and the connections of listeners.
//!
//! Statuses, methods and versions are bounded by themselves; listeners by [`crate::limits::LISTENERS_MAX`]. Routes have a
//! section of their own.

use super::{OTHER, Scrape, named};
use crate::{
    Counter, MethodLabel, WorkerMetrics,
    names::{self, Metric},
    tls,
    worker::{ListenerMetrics, PRIORITIES, STATUS_MIN, STATUS_SLOTS},
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
        self.by_worker(&names::REQUESTS_BY_WORKER, |worker| worker.methods.iter().map(Counter::value).sum());
        self.by_worker(&names::CONNECTIONS_BY_WORKER, WorkerMetrics::connections_open);
        self.by_worker(&names::CONNECTIONS_HANDED_OVER, |worker| worker.handed_over.value());
        self.by_worker(&names::CONNECTIONS_TAKEN_OVER, |worker| worker.taken_over.value());
        self.header(&names::REQUEST_FAILURES);
        for (index, reason) in self.reasons() {
            let count = self.sum(|worker| worker.reasons[index].value());
            self.sample_named(&names::REQUEST_FAILURES, &[reason], count);
        }
        self.single(&names::ACTIVE_REQUESTS, &[], self.sum(|worker| worker.active_exchanges.value()));
        self.header(&names::REQUESTS_SHED);
        for (priority, label) in PRIORITIES.into_iter().enumerate() {
            self.sample_if_any(&names::REQUESTS_SHED, &[label], self.sum(|worker| worker.shed[priority].value()));
        }
        self.by_worker(&names::SHEDDING_PRESSURE, |worker| worker.shedding_pressure.value());
        self.header(&names::FAULTS_INJECTED);
        for (kind, label) in ["delay", "abort"].into_iter().enumerate() {
            self.sample_if_any(&names::FAULTS_INJECTED, &[label], self.sum(|worker| worker.faults[kind].value()));
        }
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

    /// Handshakes of TLS on both sides.
    pub(super) fn handshakes(&mut self) {
        self.header(&names::TLS_HANDSHAKES);
        for (side, label) in tls::SIDES {
            for (version, kind, place) in tls::DONE {
                let count = self.sum(|worker| worker.tls[side as usize].done(place));
                self.sample_if_any(&names::TLS_HANDSHAKES, &[label, version, kind], count);
            }
        }
        self.header(&names::TLS_HANDSHAKE_FAILURES);
        for (side, label) in tls::SIDES {
            for (index, reason) in tls::FAILURES.iter().enumerate() {
                let count = self.sum(|worker| worker.tls[side as usize].failed(index));
                self.sample_if_any(&names::TLS_HANDSHAKE_FAILURES, &[label, reason], count);
            }
        }
    }

    fn by_worker(&mut self, metric: &Metric, figure: fn(&WorkerMetrics) -> u64) {
        self.header(metric);
        for (index, worker) in self.registry.workers.iter().enumerate() {
            self.sample(metric, "", &[&index.to_string()], None, figure(worker));
        }
    }
}
