//! Merges the workers' figures into the Prometheus text format, version 0.0.4.
//!
//! Runs on the thread that serves the scrape, while workers go on counting: figures of one scrape may differ by what
//! happened meanwhile, but none ever shrinks that must not, and a histogram agrees with its own `_count`. A route without
//! an exchange and a status never sent have no lines.

mod downstream;
mod node;
mod routes;
mod rules;
mod upstreams;

use std::fmt::Write;

use crate::{
    NodeFigures, Registry, Slots, WorkerMetrics,
    latency::LatencyCounts,
    names::{self, Metric},
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

/// Appends all figures of `registry` and `node` to `out`.
pub(crate) fn render(registry: &Registry, node: &NodeFigures, out: &mut String) {
    let mut scrape = Scrape { registry, node, out };
    scrape.single(&names::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1);
    scrape.routes();
    scrape.requests();
    scrape.listeners();
    scrape.handshakes();
    scrape.upstreams();
    scrape.endpoints();
    scrape.rules();
    scrape.stores();
    scrape.config();
    scrape.queues();
    scrape.access_log();
    scrape.certificates();
    scrape.keys();
    scrape.process();
}

/// One scrape in progress.
struct Scrape<'a> {
    registry: &'a Registry,
    node: &'a NodeFigures,
    out: &'a mut String,
}

impl<'a> Scrape<'a> {
    /// Indexes and label values of reasons.
    fn reasons(&self) -> impl Iterator<Item = (usize, &'static str)> + use<'a> {
        self.registry.reasons.iter().copied().chain([OTHER]).enumerate()
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
        self.sample(metric, "_sum", labels, None, Seconds::from_us(counts.sum_us()));
        self.sample(metric, "_count", labels, None, counts.count());
    }

    /// A metric of one sample.
    fn single(&mut self, metric: &Metric, labels: &[&str], value: impl Number) {
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

    const fn from_us(us: u64) -> Self {
        Self { us }
    }

    const fn from_ms(ms: u64) -> Self {
        Self { us: ms.saturating_mul(1000) }
    }
}

impl Number for Seconds {
    fn write(self, out: &mut String) {
        let (whole, part) = (self.us / 1_000_000, self.us % 1_000_000);
        write!(out, "{whole}.{part:06}").expect("writing to a String never fails");
    }
}
