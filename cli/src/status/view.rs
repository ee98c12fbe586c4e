//! What `top` shows: two samples of a node become rates, quantiles and rows. Pure.
//!
//! Quantiles are of what ended between the samples, interpolated within a bucket of the histogram, so they are as exact as
//! its bounds are close. A counter that went back is of a node that was started again: it counts from zero.

use super::sample::{Buckets, Sample};
use serde_json::{Value, json};
use std::fmt::Write as _;

const REQUESTS: &str = "tollgate_requests_total";
const RESPONSES: &str = "tollgate_responses_total";
const DURATION: &str = "http_server_request_duration_seconds_bucket";
const ACTIVE: &str = "http_server_active_requests";
const CONNECTIONS: &str = "tollgate_connections_open";
const WORKER_REQUESTS: &str = "tollgate_worker_requests_total";
const WORKER_CONNECTIONS: &str = "tollgate_worker_connections_open";
const WORKER_PRESSURE: &str = "tollgate_worker_shedding_pressure";
const RULES: &str = "tollgate_rule_requests_total";
const CPU: &str = "process_cpu_seconds_total";
const MEMORY: &str = "process_resident_memory_bytes";
const BUILD: &str = "tollgate_build_info";
const READY: &str = "tollgate_ready";
const GENERATION: &str = "tollgate_config_generation";

/// What is kept of a scrape.
pub(super) const WANTED: &[&str] = &[
    REQUESTS,
    RESPONSES,
    DURATION,
    ACTIVE,
    CONNECTIONS,
    WORKER_REQUESTS,
    WORKER_CONNECTIONS,
    WORKER_PRESSURE,
    RULES,
    CPU,
    MEMORY,
    BUILD,
    READY,
    GENERATION,
];

/// Figures of a stretch of time. Rates are per second, times in milliseconds.
#[derive(Debug)]
pub(super) struct View {
    version: String,
    generation: f64,
    is_ready: bool,
    cpu_percent: f64,
    memory_mib: f64,
    connections: f64,
    active: f64,
    throttled: f64,
    all: Traffic,
    /// Those with requests, the busiest first.
    routes: Vec<(String, Traffic)>,
    /// Requests, open connections and pressure of each.
    workers: Vec<(String, [f64; 3])>,
    /// Place, admitted and refused of those that refused something.
    rules: Vec<(String, [f64; 2])>,
}

/// Requests of a stretch of time.
#[derive(Debug, Default)]
struct Traffic {
    requests: f64,
    /// Refused to the client (4xx), and failed here or behind (5xx, or no answer).
    refused: f64,
    failed: f64,
    /// `None`: there were no requests.
    quantiles: Option<[f64; 2]>,
}

/// Two samples, and how many seconds lie between them.
struct Between<'s> {
    before: &'s Sample,
    after: &'s Sample,
    seconds: f64,
}

impl Between<'_> {
    fn rate(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        grown(self.before.sum(metric, labels), self.after.sum(metric, labels)) / self.seconds
    }

    fn traffic(&self, route: Option<&str>) -> Traffic {
        let route: Vec<_> = route.map(|route| ("http_route", route)).into_iter().collect();
        let class = |class| self.rate(REQUESTS, &[&route[..], &[("status_class", class)]].concat());
        let [before, after] = [self.before, self.after].map(|sample| sample.buckets(DURATION, &route));
        Traffic {
            requests: self.rate(REQUESTS, &route),
            refused: class("4xx"),
            failed: class("5xx") + class("none"),
            quantiles: quantiles(&before, after),
        }
    }

    fn routes(&self) -> Vec<(String, Traffic)> {
        let names = self.after.by(REQUESTS, ["http_route"], &[]).into_keys();
        let routes = names.map(|[name]| (name.to_owned(), self.traffic(Some(name))));
        let mut routes: Vec<_> = routes.filter(|(_, traffic)| traffic.requests > 0.0).collect();
        routes.sort_by(|(_, one), (_, other)| other.requests.total_cmp(&one.requests));
        routes
    }

    fn workers(&self) -> Vec<(String, [f64; 3])> {
        let names = self.after.by(WORKER_CONNECTIONS, ["worker"], &[]);
        let worker = |([name], open): ([&str; 1], f64)| {
            let labels = [("worker", name)];
            let row = [self.rate(WORKER_REQUESTS, &labels), open, self.after.sum(WORKER_PRESSURE, &labels)];
            (name.to_owned(), row)
        };
        let mut workers: Vec<_> = names.into_iter().map(worker).collect();
        workers.sort_by_key(|(name, _)| name.parse::<u64>().ok());
        workers
    }

    fn rules(&self) -> Vec<(String, [f64; 2])> {
        let places = self.after.by(RULES, ["scope", "policy", "rule"], &[]).into_keys();
        let rules = places.map(|[scope, policy, rule]| {
            let rate = |outcome| {
                self.rate(RULES, &[("scope", scope), ("policy", policy), ("rule", rule), ("outcome", outcome)])
            };
            (format!("{scope}/{policy}/{rule}"), [rate("admitted"), rate("refused")])
        });
        let mut rules: Vec<_> = rules.filter(|(_, [_, refused])| *refused > 0.0).collect();
        rules.sort_by(|(_, one), (_, other)| other[1].total_cmp(&one[1]));
        rules
    }
}

fn grown(before: f64, after: f64) -> f64 {
    if after < before { after } else { after - before }
}

/// The median and the 99th percentile of what came between, in milliseconds.
fn quantiles(before: &[(f64, f64)], mut after: Buckets) -> Option<[f64; 2]> {
    let is_same_node = before.last().zip(after.last()).is_some_and(|((_, one), (_, other))| one <= other);
    if is_same_node && before.len() == after.len() {
        after.iter_mut().zip(before).for_each(|((_, count), (_, earlier))| *count -= earlier);
    }
    let (_, total) = *after.last()?;
    (total > 0.0).then(|| [0.5, 0.99].map(|share| quantile(&after, total * share) * 1000.0))
}

/// Where the `rank`th one is, in seconds. In the bucket without an end it is said to be at its beginning.
fn quantile(buckets: &[(f64, f64)], rank: f64) -> f64 {
    let (mut low, mut below) = (0.0, 0.0);
    for &(high, count) in buckets {
        if count >= rank {
            let share = if count > below { (rank - below) / (count - below) } else { 1.0 };
            return if high.is_infinite() { low } else { low + (high - low) * share };
        }
        (low, below) = (high, count);
    }
    low
}

impl View {
    /// What happened between two samples that are `seconds` apart.
    pub(super) fn between(before: &Sample, after: &Sample, seconds: f64) -> Self {
        let between = Between { before, after, seconds };
        Self {
            version: after.label(BUILD, "version").to_owned(),
            generation: after.sum(GENERATION, &[]),
            is_ready: after.sum(READY, &[]) > 0.0,
            cpu_percent: between.rate(CPU, &[]) * 100.0,
            memory_mib: after.sum(MEMORY, &[]) / f64::from(1 << 20),
            connections: after.sum(CONNECTIONS, &[]),
            active: after.sum(ACTIVE, &[]),
            throttled: between.rate(RESPONSES, &[("http_response_status_code", "429")]),
            all: between.traffic(None),
            routes: between.routes(),
            workers: between.workers(),
            rules: between.rules(),
        }
    }

    /// For people; at most `rows` routes, and as many rules.
    pub(super) fn text(&self, rows: usize) -> String {
        let Self { version, generation, cpu_percent, memory_mib, connections, active, throttled, all, .. } = self;
        let ready = if self.is_ready { "ready" } else { "not ready" };
        let mut text = format!(
            "tollgate {version}, {ready}, generation {generation}, CPU {cpu_percent:.0} %, {memory_mib:.0} MiB\n\
             {:.1} requests/s, {:.1} failed/s, {throttled:.1} throttled/s, p50 {}, p99 {}, {active} active, {connections} \
             connections\n",
            all.requests,
            all.failed,
            milliseconds(all.quantiles, 0),
            milliseconds(all.quantiles, 1),
        );
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{:<32} {}", "ROUTE", columns(&["REQ/S", "4XX/S", "FAILED/S", "P50", "P99"]));
        for (name, Traffic { requests, refused, failed, quantiles }) in self.routes.iter().take(rows) {
            let rates = [requests, refused, failed].map(|rate| format!("{rate:.1}"));
            let [requests, refused, failed] = rates;
            let cells = [requests, refused, failed, milliseconds(*quantiles, 0), milliseconds(*quantiles, 1)];
            let _ = writeln!(text, "{:<32} {}", cut(name), columns(&cells));
        }
        if self.routes.len() > rows {
            let _ = writeln!(text, "and {} more", self.routes.len() - rows);
        }
        let _ = writeln!(text, "\n{:<32} {}", "WORKER", columns(&["REQ/S", "CONNS", "PRESSURE"]));
        for (name, [requests, open, pressure]) in &self.workers {
            let cells = [format!("{requests:.1}"), open.to_string(), pressure.to_string()];
            let _ = writeln!(text, "{name:<32} {}", columns(&cells));
        }
        if !self.rules.is_empty() {
            let _ = writeln!(text, "\n{:<32} {}", "RULE", columns(&["LET/S", "REFUSED/S"]));
        }
        for (place, rates) in self.rules.iter().take(rows) {
            let _ = writeln!(text, "{:<32} {}", cut(place), columns(&rates.map(|rate| format!("{rate:.1}"))));
        }
        text
    }

    /// For scripts.
    pub(super) fn json(&self) -> Value {
        let traffic = |traffic: &Traffic| {
            json!({
                "requests_per_s": rounded(traffic.requests), "refused_per_s": rounded(traffic.refused),
                "failed_per_s": rounded(traffic.failed),
                "p50_ms": traffic.quantiles.map(|[median, _]| rounded(median)),
                "p99_ms": traffic.quantiles.map(|[_, high]| rounded(high)),
            })
        };
        let named = |name: &str, mut row: Value| {
            row["name"] = name.into();
            row
        };
        let routes = self.routes.iter().map(|(name, row)| named(name, traffic(row)));
        let workers = self.workers.iter().map(|(name, [requests, open, pressure])| {
            json!({ "name": name, "requests_per_s": rounded(*requests), "connections": open, "pressure": pressure })
        });
        let rules = self.rules.iter().map(|(place, [admitted, refused])| {
            json!({ "name": place, "admitted_per_s": rounded(*admitted), "refused_per_s": rounded(*refused) })
        });
        json!({
            "version": self.version, "generation": self.generation, "ready": self.is_ready,
            "cpu_percent": rounded(self.cpu_percent), "memory_mib": rounded(self.memory_mib),
            "connections": self.connections, "active_requests": self.active,
            "throttled_per_s": rounded(self.throttled), "all": traffic(&self.all),
            "routes": routes.collect::<Value>(), "workers": workers.collect::<Value>(),
            "rules": rules.collect::<Value>(),
        })
    }
}

/// To a thousandth: more is noise.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

fn milliseconds(quantiles: Option<[f64; 2]>, at: usize) -> String {
    quantiles.map_or_else(|| "-".to_owned(), |quantiles| format!("{:.2} ms", quantiles[at]))
}

fn columns(cells: &[impl AsRef<str>]) -> String {
    cells.iter().map(|cell| format!("{:>11}", cell.as_ref())).collect()
}

/// The end of a long name says more than its beginning: names of what is published begin with tenant and environment.
fn cut(name: &str) -> String {
    let over = name.chars().count().saturating_sub(32);
    if over == 0 { name.to_owned() } else { std::iter::once('…').chain(name.chars().skip(over + 1)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scrape of a node with one worker after these requests on `/a`, of which some failed and some were throttled.
    fn sample(requests: u32, failed: u32, fast: u32) -> Sample {
        let text = format!(
            "tollgate_build_info{{version=\"1.2\"}} 1\ntollgate_ready 1\ntollgate_config_generation 4\n\
             tollgate_requests_total{{http_route=\"a\",status_class=\"2xx\"}} {}\n\
             tollgate_requests_total{{http_route=\"a\",status_class=\"5xx\"}} {failed}\n\
             tollgate_requests_total{{http_route=\"b\",status_class=\"2xx\"}} 5\n\
             tollgate_responses_total{{http_response_status_code=\"429\"}} {failed}\n\
             http_server_request_duration_seconds_bucket{{http_route=\"a\",status_class=\"2xx\",le=\"0.01\"}} {fast}\n\
             http_server_request_duration_seconds_bucket{{http_route=\"a\",status_class=\"2xx\",le=\"0.02\"}} {requests}\n\
             http_server_request_duration_seconds_bucket{{http_route=\"a\",status_class=\"2xx\",le=\"+Inf\"}} {requests}\n\
             tollgate_worker_connections_open{{worker=\"0\"}} 3\ntollgate_connections_open{{listener=\"l\"}} 3\n\
             tollgate_worker_requests_total{{worker=\"0\"}} {requests}\nprocess_cpu_seconds_total 0.5\n\
             tollgate_rule_requests_total{{scope=\"defaults\",policy=\"quota\",rule=\"r\",outcome=\"refused\"}} {failed}\n",
            requests - failed,
        );
        Sample::of(&text, WANTED)
    }

    #[test]
    fn two_samples_are_rates_and_quantiles() {
        let rows = [
            // before, after, seconds -> requests, failed, median, 99th percentile
            ((100, 0, 50), (300, 20, 150), 2.0, (100.0, 10.0, Some([10.0, 19.8]))),
            ((100, 0, 50), (100, 0, 50), 1.0, (0.0, 0.0, None)),
            // Started again meanwhile; 5 are of the other route.
            ((100, 0, 50), (10, 0, 10), 1.0, (15.0, 0.0, Some([5.0, 9.9]))),
        ];
        for (before, after, seconds, (requests, failed, quantiles)) in rows {
            let [before, after] = [before, after].map(|(requests, failed, fast)| sample(requests, failed, fast));
            let view = View::between(&before, &after, seconds);
            let all = &view.all;
            assert_eq!((rounded(all.requests), rounded(all.failed)), (requests, failed));
            assert_eq!(all.quantiles.map(|both| both.map(rounded)), quantiles);
            assert_eq!(view.routes.len(), usize::from(requests > 0.0), "idle routes are left out");
        }
    }

    #[test]
    fn a_view_is_a_screen_and_a_document() {
        let view = View::between(&sample(100, 0, 50), &sample(300, 20, 150), 2.0);
        let text = view.text(10);
        let row = |first: &str| text.lines().find(|line| line.starts_with(first)).map(str::split_whitespace);
        let words = |first| row(first).unwrap().collect::<Vec<_>>().join(" ");
        assert_eq!(words("tollgate"), "tollgate 1.2, ready, generation 4, CPU 0 %, 0 MiB");
        assert_eq!(words("a "), "a 100.0 0.0 10.0 10.00 ms 19.80 ms");
        assert_eq!(words("0 "), "0 100.0 3 0");
        assert_eq!(words("defaults"), "defaults/quota/r 0.0 10.0");
        let json = view.json();
        assert_eq!((&json["all"]["requests_per_s"], &json["throttled_per_s"]), (&json!(100.0), &json!(10.0)));
        assert_eq!(json["routes"][0]["name"], "a");
        assert!(view.text(0).contains("and 1 more"));
        assert_eq!(cut(&"x".repeat(40)).chars().count(), 32);
    }
}
