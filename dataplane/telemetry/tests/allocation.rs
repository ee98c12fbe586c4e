//! Recording an exchange and its access record allocates nothing once everything has been seen once.
//!
//! Blocks go round as in the product, the journal played by the same thread. Runs without the test harness, whose own thread
//! allocates at times: the counting allocator sees every thread.

use std::{alloc::System, net::Ipv4Addr};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tollgate_telemetry::{
    AccessRecord, Exchange, Fragment, LogSink, LogSource, MethodLabel, Registry, RequestPart, ResponsePart,
    WorkerMetrics, limits::BLOCK_BYTES, log_queue,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const REQUEST: RequestPart<'static> = RequestPart {
    wall_ns: 1_700_000_000_000_000_000,
    request_id: b"0193e1b2a7c47d0e8a5b",
    trace_id: Some(b"4bf92f3577b34da6a3ce929d0e0e4736"),
    method: b"GET",
    host: b"api.example.com",
    path: b"/orders/1\"23",
    version: "HTTP/1.1",
    user_agent: Some(b"curl/8.0"),
};

fn response(number: u64, route: &Fragment) -> ResponsePart<'_> {
    ResponsePart {
        upstream: None,
        route: Some(route),
        endpoint: None,
        status: 200,
        reason: None,
        received_bytes: number,
        sent_bytes: number,
        duration_ns: number,
        upstream_ns: Some(number),
        attempts: 1,
        application: b"mobile",
        credential: b"k1",
        throttled_by: b"",
        shadowed_by: b"",
        fault: None,
        is_copy: false,
    }
}

fn record(number: u64, metrics: &WorkerMetrics, record: &mut AccessRecord, route: &Fragment, sink: &mut LogSink) {
    let exchange = Exchange {
        route: Some(0),
        upstream: Some(0),
        attempts: 1,
        status: 200,
        method: MethodLabel::Get,
        duration_ns: number * 7919,
        upstream_ns: number * 7001,
        received_bytes: number,
        sent_bytes: number,
        reason: Some(0),
    };
    metrics.exchange(&exchange);
    record.begin(&RequestPart { wall_ns: REQUEST.wall_ns + number * 10_000_000, ..REQUEST });
    sink.append(record.end(&response(u64::MAX - number, route)));
}

/// Stands for the journal.
fn take_blocks(source: &LogSource, sink: &mut LogSink) -> usize {
    sink.flush();
    let block = source.recv().expect("the sink is not gone");
    let bytes = block.bytes().len();
    source.give_back(block);
    bytes
}

fn main() {
    nothing_is_allocated_in_steady_state();
}

fn nothing_is_allocated_in_steady_state() {
    let registry = Registry::new(&["timeout"], 1);
    let _ = (registry.routes().slot("orders"), registry.upstreams().slot("orders"));
    let metrics = registry.worker(0);
    let (sender, source) = log_queue(4, &registry);
    let mut sink = sender.sink(metrics.clone());
    let route = Fragment::route("orders");
    let mut line = AccessRecord::new(Ipv4Addr::LOCALHOST.into(), "public");
    // The latency arrays and the line have their memory from then on; the blocks had it from the start.
    record(0, &metrics, &mut line, &route, &mut sink);

    let region = Region::new(ALLOCATOR);
    let mut bytes = 0;
    for number in 0..10_000 {
        record(number, &metrics, &mut line, &route, &mut sink);
        if number % 100 == 99 {
            bytes += take_blocks(&source, &mut sink);
        }
    }
    let change = region.change();
    assert_eq!((change.allocations, change.reallocations, change.deallocations), (0, 0, 0));
    assert!(bytes > 20 * BLOCK_BYTES, "blocks went round");
    assert_eq!(metrics.access_records_dropped.value(), 0);
}
