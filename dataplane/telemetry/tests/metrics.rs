//! The scrape: its text is what Prometheus expects, its figures are those of all workers, its names are documented.
//!
//! Everything goes through the public calls and the text, read back by `exposition`. One test scrapes while workers write.

#[cfg(test)]
mod exposition;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use exposition::Exposition;
use proptest::prelude::*;
use tollgate_telemetry::{
    BreakerFigures, CertificateFigures, ClusterFigures, EndpointFigures, EndpointState, Exchange, Guard, GuardFigures,
    Handshake, HandshakeFailure, KeyFigures, MethodLabel, NodeFigures, OTHER, ProcessFigures, QuotaStoreFigures,
    Registry, RuleEffect, RuleFigures, TlsSide, TlsVersion, WorkerMetrics,
    limits::{ENDPOINTS_MAX, ROUTES_MAX},
    log_queue,
    names::{ALL, Kind},
};

const AWKWARD: &str = "a \"b\" \\ c\nd";

/// Slots in this order: routes `orders` and [`AWKWARD`], upstreams `u0` and `u1`, the listener `public`.
fn registry(workers: usize) -> Arc<Registry> {
    let registry = Registry::new(&["timeout", "refused"], workers);
    assert_eq!(["orders", AWKWARD].map(|name| registry.routes().slot(name)), [0, 1]);
    assert_eq!(["u0", "u1"].map(|name| registry.upstreams().slot(name)), [0, 1]);
    assert_eq!(registry.listeners().slot("public"), 0);
    registry
}

fn scrape(registry: &Registry) -> Exposition {
    scrape_with(registry, &NodeFigures::default())
}

fn scrape_with(registry: &Registry, node: &NodeFigures) -> Exposition {
    let mut text = String::new();
    registry.render(node, &mut text);
    Exposition::parse(&text)
}

fn exchange(route: Option<u32>, status: u16) -> Exchange {
    Exchange {
        route,
        upstream: Some(1),
        attempts: 1,
        status,
        method: MethodLabel::Get,
        duration_ns: 2_000_000,
        upstream_ns: 1_000_000,
        received_bytes: 10,
        sent_bytes: 100,
        reason: None,
    }
}

/// Makes every metric show.
fn use_everything(registry: &Registry) -> NodeFigures {
    let worker = registry.worker(0);
    worker.exchange(&Exchange { reason: Some(0), ..exchange(Some(1), 504) });
    worker.connection_opened(0);
    worker.upstream_connected(1);
    worker.upstream_idle(1).set(3);
    worker.upstream_rejected(1, Guard::Throughput);
    worker.upstream_hedged(1);
    worker.upstream_hedge_won(1);
    worker.upstream_cache_asked(1, true);
    worker.upstream_cache_bytes(1).set(300);
    worker.fault_injected(true, false);
    worker.shed[0].increment();
    worker.tls_done(TlsSide::Upstream, Handshake { version: TlsVersion::Tls13, is_resumed: true });
    worker.tls_failed(TlsSide::Downstream, HandshakeFailure::PlainHttp);
    worker.rule(registry.rule(["defaults", "throttle", "r"]), RuleEffect::Shadowed);
    registry.config().published(2, u64::MAX, 1_700_000_000);
    NodeFigures {
        is_ready: true,
        process: Some(ProcessFigures { cpu_ms: 1_250, open_fds: 7, ..ProcessFigures::default() }),
        mailboxes: vec![0, 3],
        endpoints: vec![endpoint("u0", EndpointState::Healthy)],
        rules: vec![RuleFigures {
            labels: ["defaults", "quota", "q"].map(str::to_owned),
            overflows: 3,
            keys: Some(5),
            table_bytes: 4,
        }],
        guards: vec![GuardFigures {
            upstream: "u0".to_owned(),
            breaker: Some(BreakerFigures { state: 1, entered: [0, 1, 0] }),
            concurrency_limit: Some(20),
        }],
        quota_store: Some(QuotaStoreFigures { writes: 5, errors: 1, written_s: 1_700_000_000 }),
        cluster: Some(ClusterFigures {
            is_up: true,
            losses: 1,
            lent: 100,
            lent_alone: 7,
            questions: [9, 1, 2, 3],
            debits_dropped: 4,
            wants_dropped: 5,
        }),
        certificates: vec![CertificateFigures {
            listener: "public".to_owned(),
            name: "example.com".to_owned(),
            key: "ECDSA",
            not_after_s: 1_800_000_000,
        }],
        keys: vec![KeyFigures { url: "https://id.test/keys".to_owned(), fetched_s: 1_700_000_000, failures: 2 }],
    }
}

fn endpoint(upstream: &str, state: EndpointState) -> EndpointFigures {
    EndpointFigures {
        upstream: upstream.to_owned(),
        endpoint: "192.0.2.1:80".to_owned(),
        state,
        active_requests: Some(2),
    }
}

#[test]
fn every_metric_is_rendered_with_its_kind_and_labels() {
    let registry = registry(2);
    let node = use_everything(&registry);
    let scrape = scrape_with(&registry, &node);
    let rendered: Vec<_> = scrape.kinds.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
    assert_eq!(rendered, ALL.iter().map(|metric| (metric.name, metric.kind.as_str())).collect::<Vec<_>>());
    for metric in ALL {
        let sample = if metric.kind == Kind::Histogram { format!("{}_count", metric.name) } else { metric.name.into() };
        let sample = scrape.samples.iter().find(|(found, _)| found.name == sample).expect(metric.name).0;
        let labels: Vec<&str> = sample.labels.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!(labels, metric.labels, "{}", metric.name);
    }
}

#[test]
fn what_rules_did_is_counted_by_place_and_name() {
    let registry = registry(2);
    let slots = ["routes/a", "routes/b"].map(|scope| registry.rule([scope, "throttle", "r"]));
    for (worker, effect) in
        [(0, RuleEffect::Admitted), (1, RuleEffect::Admitted), (1, RuleEffect::Refused), (0, RuleEffect::Shadowed)]
    {
        registry.worker(worker).rule(slots[1], effect);
    }
    let scrape = scrape(&registry);
    let of = |scope, outcome| {
        let labels = [("scope", scope), ("policy", "throttle"), ("rule", "r"), ("outcome", outcome)];
        scrape.value("tollgate_rule_requests_total", &labels)
    };
    assert_eq!(
        ["admitted", "refused", "shadowed"].map(|outcome| of("routes/b", outcome)),
        [Some(2.0), Some(1.0), Some(1.0)]
    );
}

#[test]
fn the_node_is_shown_as_it_is() {
    let registry = registry(2);
    let node = use_everything(&registry);
    registry.worker(1).generation.set(2);
    registry.config().refused(1_700_000_001);
    let (_sender, _source) = log_queue(5, &registry);
    let scrape = scrape_with(&registry, &node);
    let value = |name: &str, labels: &[(&str, &str)]| scrape.value(name, labels);
    assert_eq!(value("tollgate_config_generation", &[]), Some(2.0));
    assert_eq!(
        ["0", "1"].map(|worker| value("tollgate_worker_config_generation", &[("worker", worker)])),
        [Some(0.0), Some(2.0)]
    );
    assert_eq!(value("tollgate_config_digest", &[]), Some(f64::from(2).powi(48) - 1.0));
    let changes = ["applied", "refused"].map(|result| value("tollgate_config_changes_total", &[("result", result)]));
    assert_eq!(changes, [Some(1.0), Some(1.0)]);
    assert_eq!(value("tollgate_config_last_change_ok", &[]), Some(0.0));
    let refused = value("tollgate_config_last_change_timestamp_seconds", &[("result", "refused")]);
    assert_eq!(refused, Some(1_700_000_001.0));
    assert_eq!(value("tollgate_worker_mailbox_messages", &[("worker", "1")]), Some(3.0));
    assert_eq!(value("tollgate_access_log_queue_blocks_max", &[]), Some(5.0));
    assert_eq!(value("process_cpu_seconds_total", &[]), Some(1.25));
}

#[test]
fn endpoints_are_counted_by_upstream_and_shown_up_to_a_bound() {
    let registry = registry(1);
    let mut endpoints = vec![endpoint("u1", EndpointState::Ejected), endpoint("unknown", EndpointState::Unhealthy)];
    endpoints.extend((0..ENDPOINTS_MAX).map(|number| EndpointFigures {
        endpoint: format!("192.0.2.1:{number}"),
        ..endpoint("u0", EndpointState::Healthy)
    }));
    let scrape = scrape_with(&registry, &NodeFigures { endpoints, ..NodeFigures::default() });
    let count = |upstream, state| {
        scrape.value("tollgate_upstream_endpoints", &[("upstream", upstream), ("state", state)]).unwrap()
    };
    let counts = [count("u0", "healthy"), count("u1", "ejected"), count("u1", "healthy"), count("_other", "unhealthy")];
    assert_eq!(counts, [ENDPOINTS_MAX as f64, 1.0, 0.0, 1.0]);
    let shown = scrape.samples.iter().filter(|(series, _)| series.name == "tollgate_upstream_endpoint_healthy");
    assert_eq!(shown.map(|(_, healthy)| healthy).sum::<f64>(), (ENDPOINTS_MAX - 2) as f64, "two are not healthy");
}

#[test]
fn label_values_are_escaped() {
    let registry = registry(1);
    registry.worker(0).exchange(&exchange(Some(1), 200));
    let labels = [("http_route", AWKWARD), ("status_class", "2xx")];
    assert_eq!(scrape(&registry).value("tollgate_requests_total", &labels), Some(1.0));
}

#[test]
fn what_has_no_name_is_counted_under_other() {
    let registry = registry(1);
    let slots = (2..ROUTES_MAX + 5).map(|route| registry.routes().slot(&format!("r{route}")));
    assert!(slots.eq((2..ROUTES_MAX as u32).chain([OTHER; 5])));
    let worker = registry.worker(0);
    for route in [ROUTES_MAX as u32, ROUTES_MAX as u32 + 4, OTHER] {
        worker.exchange(&Exchange { reason: Some(2), ..exchange(Some(route), 600) });
    }
    worker.exchange(&exchange(None, 404));
    worker.exchange(&Exchange { reason: Some(u8::MAX), ..exchange(Some(ROUTES_MAX as u32 - 1), 99) });
    worker.connection_opened(OTHER);
    worker.upstream_failed(u32::MAX);

    let scrape = scrape(&registry);
    let requests = |route, class| {
        scrape.value("tollgate_requests_total", &[("http_route", route), ("status_class", class)]).unwrap_or(0.0)
    };
    assert_eq!([requests("_other", "none"), requests("_none", "4xx"), requests("r999", "none")], [3.0, 1.0, 1.0]);
    assert_eq!(scrape.value("tollgate_responses_total", &[("http_response_status_code", "_other")]), Some(4.0));
    assert_eq!(scrape.value("tollgate_request_failures_total", &[("reason", "_other")]), Some(4.0));
    assert_eq!(scrape.value("tollgate_request_failures_total", &[("reason", "timeout")]), Some(0.0));
    assert_eq!(scrape.value("tollgate_connections_open", &[("listener", "_other")]), Some(1.0));
    assert_eq!(scrape.value("tollgate_upstream_connect_failures_total", &[("upstream", "_other")]), Some(1.0));
}

#[test]
fn an_upstream_is_counted_by_class_reason_and_attempt() {
    let registry = registry(2);
    let failed = Exchange { upstream_ns: 0, attempts: 3, reason: Some(1), ..exchange(Some(0), 502) };
    registry.worker(0).exchange(&failed);
    registry.worker(1).exchange(&exchange(Some(0), 503));
    registry.worker(1).exchange(&Exchange { upstream: Some(OTHER), ..exchange(Some(0), 200) });
    registry.worker(1).exchange(&Exchange { upstream: None, attempts: 0, reason: Some(0), ..exchange(None, 404) });
    let scrape = scrape(&registry);
    let value = |name: &str, labels: &[(&str, &str)]| scrape.value(name, labels).unwrap_or(0.0);
    let requests =
        |upstream, class| value("tollgate_upstream_requests_total", &[("upstream", upstream), ("status_class", class)]);
    assert_eq!([requests("u1", "none"), requests("u1", "5xx"), requests("_other", "2xx")], [1.0, 1.0, 1.0]);
    assert_eq!(scrape.sum("tollgate_upstream_requests_total"), 3.0);
    assert_eq!(value("tollgate_upstream_attempts_total", &[("upstream", "u1")]), 4.0);
    assert_eq!(value("tollgate_upstream_failures_total", &[("upstream", "u1"), ("reason", "refused")]), 1.0);
    assert_eq!(scrape.sum("tollgate_upstream_failures_total"), 1.0);
    assert_eq!(value("tollgate_upstream_first_byte_seconds_count", &[("upstream", "u1")]), 1.0);
}

#[test]
fn names_that_come_while_workers_run_have_figures_at_once_and_keep_them() {
    let registry = registry(1);
    let worker = registry.worker(0);
    worker.exchange(&exchange(Some(0), 200));
    let route = registry.routes().slot("later");
    let upstream = registry.upstreams().slot("later");
    let listener = registry.listeners().slot("later");
    worker.exchange(&Exchange { upstream: Some(upstream), ..exchange(Some(route), 200) });
    worker.connection_opened(listener);
    assert_eq!([registry.routes().slot("orders"), registry.routes().slot("later")], [0, route]);
    worker.exchange(&exchange(Some(0), 200));

    let scrape = scrape(&registry);
    let requests = |route| scrape.value("tollgate_requests_total", &[("http_route", route), ("status_class", "2xx")]);
    assert_eq!((requests("orders"), requests("later")), (Some(2.0), Some(1.0)));
    assert_eq!(scrape.value("tollgate_upstream_attempts_total", &[("upstream", "later")]), Some(1.0));
    assert_eq!(scrape.value("tollgate_connections_open", &[("listener", "later")]), Some(1.0));
}

#[test]
fn gauges_and_connections_are_those_of_all_workers() {
    let registry = registry(2);
    for index in 0..2 {
        let worker = registry.worker(index);
        worker.connection_opened(0);
        worker.connection_opened(0);
        worker.connection_closed(0);
        worker.upstream_connected(1);
        worker.upstream_reused(1);
        worker.upstream_reused(1);
        worker.upstream_idle(1).set(4);
        worker.active_exchanges.increment();
        worker.buffers_in_use.set(5);
        worker.accept_errors.increment();
    }
    registry.journal().records_lost.add(7);
    let scrape = scrape(&registry);
    let upstream = |kind| scrape.value("tollgate_upstream_connections_total", &[("upstream", "u1"), ("kind", kind)]);
    assert_eq!((upstream("new"), upstream("reused")), (Some(2.0), Some(4.0)));
    assert_eq!(scrape.value("tollgate_upstream_connections_idle", &[("upstream", "u1")]), Some(8.0));
    assert_eq!(scrape.value("tollgate_connections_total", &[("listener", "public")]), Some(4.0));
    assert_eq!(scrape.value("tollgate_connections_open", &[("listener", "public")]), Some(2.0));
    assert_eq!(scrape.value("http_server_active_requests", &[]), Some(2.0));
    assert_eq!(scrape.value("tollgate_buffers_in_use", &[]), Some(10.0));
    assert_eq!(scrape.value("tollgate_accept_errors_total", &[]), Some(2.0));
    assert_eq!(scrape.value("tollgate_access_records_dropped_total", &[("cause", "write_error")]), Some(7.0));
}

#[test]
fn a_histogram_and_its_quantiles_show_what_was_recorded() {
    let registry = registry(1);
    for duration_ns in (1..=1000).map(|ms| ms * 1_000_000) {
        registry.worker(0).exchange(&Exchange { duration_ns, upstream_ns: 0, ..exchange(Some(0), 200) });
    }
    let scrape = scrape(&registry);
    let (route, class) = (("http_route", "orders"), ("status_class", "2xx"));
    let up_to = |le| scrape.value("http_server_request_duration_seconds_bucket", &[route, class, ("le", le)]).unwrap();
    for (le, expected) in [("0.0005", 0.0), ("0.1", 100.0), ("0.5", 500.0), ("10", 1000.0), ("+Inf", 1000.0)] {
        assert!((up_to(le) - expected).abs() <= expected * 0.016, "{le}: {}", up_to(le));
    }
    assert_eq!(scrape.value("http_server_request_duration_seconds_sum", &[route, class]), Some(500.5));
    assert_eq!(scrape.sum("tollgate_upstream_first_byte_seconds_count"), 0.0, "none was answered by its upstream");
    for (quantile, expected) in [("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99), ("0.999", 0.999)] {
        let labels = [route, ("quantile", quantile)];
        let value = scrape.value("tollgate_request_duration_quantile_seconds", &labels).unwrap();
        assert!((value - expected).abs() <= expected * 0.018, "{quantile}: {value}");
    }
}

#[test]
fn a_scrape_beside_the_writers_never_goes_back() {
    const WORKERS: usize = 2;
    const SCRAPES: usize = 100;
    let registry = &*registry(WORKERS);
    let done = &AtomicBool::new(false);
    let total: u64 = thread::scope(|scope| {
        let writers = [0, 1].map(|index| scope.spawn(move || write_until(done, &registry.worker(index))));
        let stop = Stop(done);
        let mut last = scrape(registry);
        for _ in 0..SCRAPES {
            let next = scrape(registry);
            next.assert_not_before(&last);
            last = next;
        }
        drop(stop);
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    let scrape = scrape(registry);
    assert_eq!(scrape.sum("http_server_request_duration_seconds_count"), total as f64);
    assert_eq!(scrape.sum("tollgate_responses_total"), total as f64);
    assert_eq!(scrape.value("tollgate_sent_bytes_total", &[]), Some(100.0 * total as f64));
}

/// Ends the writers, also when an assertion failed.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Records exchanges until told to stop; returns how many.
fn write_until(done: &AtomicBool, worker: &WorkerMetrics) -> u64 {
    let mut number = 0;
    while !done.load(Ordering::Acquire) {
        let duration_ns = number % 100_000 * 1_009;
        worker.exchange(&Exchange { duration_ns, ..exchange(Some((number % 2) as u32), 200 + (number % 3) as u16) });
        number += 1;
    }
    number
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn merged_figures_are_the_sum_of_the_workers(
        exchanges in prop::collection::vec((0_usize..3, prop::option::of(prop_oneof![0_u32..2, Just(OTHER)]), any::<u16>(), any::<u32>()), 0..200),
    ) {
        let registry = registry(3);
        for (worker, route, status, duration_ns) in &exchanges {
            let duration_ns = u64::from(*duration_ns);
            registry.worker(*worker).exchange(&Exchange { duration_ns, ..exchange(*route, *status) });
        }
        let scrape = scrape(&registry);
        let total = exchanges.len() as f64;
        for counter in ["tollgate_requests_total", "tollgate_responses_total", "tollgate_requests_by_method_total",
            "tollgate_worker_requests_total", "http_server_request_duration_seconds_count"] {
            prop_assert_eq!(scrape.sum(counter), total, "{}", counter);
        }
        let of_orders = exchanges.iter().filter(|(_, route, ..)| *route == Some(0)).count() as f64;
        let counted = scrape.samples.iter().filter(|(series, _)| {
            series.name == "http_server_request_duration_seconds_count" && series.labels[0].1 == "orders"
        });
        prop_assert_eq!(counted.map(|(_, count)| count).sum::<f64>(), of_orders);
        prop_assert_eq!(scrape.value("tollgate_received_bytes_total", &[]), Some(10.0 * total));
    }
}
