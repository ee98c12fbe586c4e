//! Merges the workers' figures into the Prometheus text format, version 0.0.4.
//!
//! Runs on the thread that serves the scrape, while workers go on counting: figures of one scrape may differ by what
//! happened meanwhile, but none ever shrinks that must not, and a histogram agrees with its own `_count`. A route without
//! an exchange and a status never sent have no lines.

use std::fmt::Write;

use crate::{
    MethodLabel, Registry, Slots, WorkerMetrics,
    latency::LatencyCounts,
    names::{self, Metric},
    quantile::{QUANTILES, Quantiles},
    worker::{ListenerMetrics, ROUTE_NONE, STATUS_CLASSES, STATUS_MIN, STATUS_SLOTS, UpstreamMetrics, duration_place},
};

/// Media type of what [`Registry::render`] writes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const OTHER: &str = "_other";
const NONE: &str = "_none";

/// Upper bounds of the histogram buckets in nanoseconds, and in seconds as text: those that OpenTelemetry advises, and
/// finer ones below, where a gateway's own time is.
const BOUNDS: [(u64, &str); 19] = [
    (100_000, "0.0001"),
    (250_000, "0.00025"),
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (2_500_000, "0.0025"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (25_000_000, "0.025"),
    (50_000_000, "0.05"),
    (75_000_000, "0.075"),
    (100_000_000, "0.1"),
    (250_000_000, "0.25"),
    (500_000_000, "0.5"),
    (750_000_000, "0.75"),
    (1_000_000_000, "1"),
    (2_500_000_000, "2.5"),
    (5_000_000_000, "5"),
    (7_500_000_000, "7.5"),
    (10_000_000_000, "10"),
];

/// Appends all figures of `registry` to `out`.
pub(crate) fn render(registry: &Registry, out: &mut String) {
    let mut scrape = Scrape { registry, out };
    scrape.single(&names::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1);
    scrape.routes();
    scrape.requests();
    scrape.listeners();
    scrape.upstreams();
    scrape.access_log();
    scrape.config();
}

/// One scrape in progress.
struct Scrape<'a> {
    registry: &'a Registry,
    out: &'a mut String,
}

impl<'a> Scrape<'a> {
    /// Durations and counts by route: from the same arrays, so that they agree.
    fn routes(&mut self) {
        let (mut counts, mut of_route, mut quantiles) = (LatencyCounts::new(), LatencyCounts::new(), Quantiles::new());
        let (mut totals, mut by_route) = (Vec::new(), Vec::new());
        self.header(&names::REQUEST_DURATION);
        for (slot, route) in named(self.registry.routes()).chain([(ROUTE_NONE, NONE)]) {
            of_route.clear();
            for (class, label) in STATUS_CLASSES.into_iter().enumerate() {
                counts.clear();
                let workers = self.registry.workers.iter();
                let arrays = workers.filter_map(|worker| worker.durations.get(duration_place(slot, class)));
                arrays.for_each(|array| counts.merge(array));
                if counts.count() != 0 {
                    self.histogram(&names::REQUEST_DURATION, &[route, label], &counts);
                    totals.push(([route, label], counts.count()));
                    of_route.add(&counts);
                }
            }
            if of_route.count() != 0 {
                by_route.push((route, quantiles.of(&of_route)));
            }
        }
        self.header(&names::REQUEST_DURATION_QUANTILE);
        for (route, values) in by_route {
            for ((_, quantile), ns) in QUANTILES.into_iter().zip(values) {
                let labels = [route, quantile];
                self.sample(&names::REQUEST_DURATION_QUANTILE, "", &labels, None, Seconds::from_ns(ns));
            }
        }
        self.header(&names::REQUESTS);
        for (labels, count) in totals {
            self.sample(&names::REQUESTS, "", &labels, None, count);
        }
    }

    fn requests(&mut self) {
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
            let count: u64 = worker.methods.iter().map(crate::Counter::value).sum();
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

    fn listeners(&mut self) {
        self.by_listener(&names::CONNECTIONS, |listener| listener.accepted.value());
        self.by_listener(&names::CONNECTIONS_OPEN, |listener| listener.open.value());
        self.single(&names::ACCEPT_ERRORS, &[], self.sum(|worker| worker.accept_errors.value()));
    }

    fn by_listener(&mut self, metric: &Metric, figure: fn(&ListenerMetrics) -> u64) {
        self.header(metric);
        for (slot, name) in named(self.registry.listeners()) {
            let value = self.sum(|worker| worker.listeners.get(slot).map_or(0, figure));
            self.sample_named(metric, &[name], value);
        }
    }

    fn upstreams(&mut self) {
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
        self.by_upstream(&names::UPSTREAM_CONNECTIONS_IDLE, |upstream| upstream.idle.value());
        self.single(&names::BUFFERS_IN_USE, &[], self.sum(|worker| worker.buffers_in_use.value()));
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

    /// Indexes and label values of reasons.
    fn reasons(&self) -> impl Iterator<Item = (usize, &'static str)> + use<'a> {
        self.registry.reasons.iter().copied().chain([OTHER]).enumerate()
    }

    fn access_log(&mut self) {
        let journal = &self.registry.journal;
        self.single(&names::ACCESS_RECORDS_WRITTEN, &[], journal.records_written.value());
        self.header(&names::ACCESS_RECORDS_DROPPED);
        let dropped = self.registry.access_records_dropped();
        self.sample(&names::ACCESS_RECORDS_DROPPED, "", &["queue_full"], None, dropped.queue_full);
        self.sample(&names::ACCESS_RECORDS_DROPPED, "", &["write_error"], None, dropped.write_error);
        self.single(&names::ACCESS_LOG_BYTES, &[], journal.bytes_written.value());
    }

    fn config(&mut self) {
        let config = &self.registry.config;
        self.single(&names::CONFIG_GENERATION, &[], config.generation.value());
        self.header(&names::CONFIG_CHANGES);
        for (result, count) in
            [("applied", &config.published), ("unchanged", &config.unchanged), ("refused", &config.refused)]
        {
            self.sample(&names::CONFIG_CHANGES, "", &[result], None, count.value());
        }
        self.single(&names::CONFIG_LAST_CHANGE_OK, &[], config.is_last_ok.value());
    }

    /// What all workers have of one figure together.
    fn sum(&self, figure: impl Fn(&WorkerMetrics) -> u64) -> u64 {
        self.registry.workers.iter().map(|worker| figure(worker)).sum()
    }

    fn histogram(&mut self, metric: &Metric, labels: &[&str], counts: &LatencyCounts) {
        let cumulative = counts.counts_up_to(BOUNDS.map(|(bound_ns, _)| bound_ns));
        for ((_, le), count) in BOUNDS.into_iter().zip(cumulative) {
            self.sample(metric, "_bucket", labels, Some(le), count);
        }
        self.sample(metric, "_bucket", labels, Some("+Inf"), counts.count());
        self.sample(metric, "_sum", labels, None, Seconds { us: counts.sum_us() });
        self.sample(metric, "_count", labels, None, counts.count());
    }

    /// A metric of one sample.
    fn single(&mut self, metric: &Metric, labels: &[&str], value: u64) {
        self.header(metric);
        self.sample(metric, "", labels, None, value);
    }

    fn sample_if_any(&mut self, metric: &Metric, labels: &[&str], value: u64) {
        if value != 0 {
            self.sample(metric, "", labels, None, value);
        }
    }

    /// A sample that is there from the start, so that its rate is known from the first event on; but not `_other`.
    fn sample_named(&mut self, metric: &Metric, labels: &[&str], value: u64) {
        if value != 0 || labels[0] != OTHER {
            self.sample(metric, "", labels, None, value);
        }
    }

    fn header(&mut self, metric: &Metric) {
        let Metric { name, help, kind, .. } = metric;
        self.out.extend(["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind.as_str(), "\n"]);
    }

    fn sample(&mut self, metric: &Metric, suffix: &str, values: &[&str], le: Option<&str>, number: impl Number) {
        debug_assert_eq!(metric.labels.len(), values.len(), "{} has other labels", metric.name);
        self.out.extend([metric.name, suffix]);
        let mut before = '{';
        let labels = metric.labels.iter().copied().zip(values.iter().copied());
        for (label, value) in labels.chain(le.map(|le| ("le", le))) {
            self.out.push(before);
            self.out.extend([label, "=\""]);
            write_escaped(self.out, value);
            self.out.push('"');
            before = ',';
        }
        self.out.push_str(if before == ',' { "} " } else { " " });
        number.write(self.out);
        self.out.push('\n');
    }
}

/// Slots and label values, `_other` last.
fn named(slots: &Slots) -> impl Iterator<Item = (usize, &str)> {
    slots.iter().chain([(slots.capacity(), OTHER)])
}

fn write_escaped(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            _ => out.push(character),
        }
    }
}

/// What a sample can be.
trait Number {
    fn write(self, out: &mut String);
}

impl Number for u64 {
    fn write(self, out: &mut String) {
        out.push_str(itoa::Buffer::new().format(self));
    }
}

/// Written in seconds, as Prometheus wants it.
struct Seconds {
    us: u64,
}

impl Seconds {
    const fn from_ns(ns: u64) -> Self {
        Self { us: ns / 1000 }
    }
}

impl Number for Seconds {
    fn write(self, out: &mut String) {
        let (whole, part) = (self.us / 1_000_000, self.us % 1_000_000);
        write!(out, "{whole}.{part:06}").expect("writing to a String never fails");
    }
}
