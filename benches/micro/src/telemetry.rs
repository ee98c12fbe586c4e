//! What is recorded of an exchange, and the scrape.
//!
//! Recording is what every request pays; a scrape is paid by whoever asks, for 100 routes with figures.

use crate::{Step, fixed::Numbers};
use std::{hint::black_box, net::Ipv4Addr, sync::Arc};
use tollgate_telemetry::{
    AccessRecord, Exchange, Fragment, MethodLabel, NodeFigures, Registry, RequestPart, ResponsePart, WorkerMetrics,
    log_queue,
};

const ROUTES: u32 = 100;

fn registry() -> Arc<Registry> {
    let registry = Registry::new(&["timeout", "refused"], 2);
    for number in 0..ROUTES {
        let (_, _) =
            (registry.routes().slot(&format!("r{number}")), registry.upstreams().slot(&format!("u{}", number / 10)));
    }
    registry
}

/// An exchange of one of the routes, over in some 100 us.
fn count(metrics: &WorkerMetrics, numbers: &mut Numbers) -> u64 {
    let route = numbers.below(ROUTES as usize) as u32;
    let duration_ns = 100_000 + numbers.next() % 50_000;
    metrics.exchange(black_box(&Exchange {
        route: Some(route),
        upstream: Some(route / 10),
        attempts: 1,
        status: 200,
        method: MethodLabel::from_bytes(b"GET"),
        duration_ns,
        upstream_ns: duration_ns - 20_000,
        received_bytes: 576,
        sent_bytes: 1_240,
        reason: None,
    }));
    duration_ns
}

/// The figures and the access record of an exchange.
pub(crate) fn record() -> Step {
    let registry = registry();
    let metrics = registry.worker(0);
    let (sender, source) = log_queue(4, &registry);
    let (mut sink, route, mut numbers) = (sender.sink(metrics.clone()), Fragment::route("orders"), Numbers::new());
    let mut line = AccessRecord::new(Ipv4Addr::LOCALHOST.into(), "public");
    let mut wall_ns = 1_795_176_000_000_000_000;
    Step::new(move || {
        let duration_ns = count(&metrics, &mut numbers);
        wall_ns += 100_000;
        line.begin(&request(wall_ns));
        sink.append(line.end(&response(&route, duration_ns)));
        // Stands for the journal.
        if wall_ns % 10_000_000 == 0 {
            sink.flush();
            source.give_back(source.recv().expect("the sink is there"));
        }
    })
}

fn request(wall_ns: u64) -> RequestPart<'static> {
    RequestPart {
        wall_ns,
        request_id: b"0193e1b2a7c47d0e8a5b",
        trace_id: None,
        method: b"GET",
        host: b"api.example.com",
        path: b"/orders/48151623",
        version: "HTTP/1.1",
        user_agent: Some(b"orders-client/2.7 (linux; x86_64)"),
    }
}

fn response(route: &Fragment, duration_ns: u64) -> ResponsePart<'_> {
    ResponsePart {
        route: Some(route),
        upstream: None,
        endpoint: None,
        status: 200,
        reason: None,
        application: b"mobile",
        credential: b"k1",
        throttled_by: b"",
        shadowed_by: b"",
        received_bytes: 576,
        sent_bytes: 1_240,
        duration_ns,
        upstream_ns: Some(duration_ns - 20_000),
        attempts: 1,
        fault: None,
        is_copy: false,
    }
}

/// The text of all metrics of 2 workers with 100 routes and 10 upstreams in use.
pub(crate) fn scrape() -> Step {
    let (registry, mut numbers) = (registry(), Numbers::new());
    for _ in 0..1_000 {
        let _ = (count(&registry.worker(0), &mut numbers), count(&registry.worker(1), &mut numbers));
    }
    let mut text = String::new();
    Step::new(move || {
        text.clear();
        registry.render(&NodeFigures::default(), black_box(&mut text));
        assert!(text.len() > 10_000);
    })
}
