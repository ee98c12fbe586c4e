//! What a node tells of itself: every metric there is, its process, the traces that pass.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeSet;
use tollgate_e2e::{Node, get, origin, until};

const PAGE: &str = include_str!("../../../docs/users/logs-and-metrics.md");

/// The value of a sample without labels.
fn value(metrics: &str, name: &str) -> f64 {
    let found = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {name} in:\n{metrics}")).parse().unwrap()
}

#[test]
fn a_node_serves_the_metrics_of_the_page_and_no_others() {
    let origin = origin();
    let node = Node::start(origin.address());
    assert_eq!(get(node.address, "/bytes/10").status, 200);
    let metrics = get(node.status, "/metrics").text();
    let served: BTreeSet<_> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let served: BTreeSet<_> = served.iter().map(|line| line.split(' ').next().unwrap()).collect();
    let rows = PAGE.lines().filter(|line| line.starts_with("| `") && line.split('|').count() == 7);
    let documented: BTreeSet<_> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    assert_eq!(served, documented);
}

#[test]
fn a_node_shows_its_process_and_its_configuration() {
    let origin = origin();
    let node = Node::start(origin.address());
    let _open: Vec<_> = (0..20).map(|_| node.connect()).collect();
    let metrics = until("the connections to be open", || {
        let metrics = get(node.status, "/metrics").text();
        metrics.contains("tollgate_connections_open{listener=\"public\"} 20\n").then_some(metrics)
    });
    let descriptors = value(&metrics, "process_open_fds");
    assert!(descriptors > 20.0 && descriptors <= value(&metrics, "process_max_fds"), "{descriptors}");
    assert!(value(&metrics, "process_resident_memory_bytes") > 1e6);
    assert!(value(&metrics, "process_threads") >= 2.0);
    assert!(value(&metrics, "process_start_time_seconds") > 1.6e9);
    assert_eq!((value(&metrics, "tollgate_config_generation"), value(&metrics, "tollgate_ready")), (1.0, 1.0));
    assert!(metrics.contains("tollgate_worker_config_generation{worker=\"0\"} 1\n"), "{metrics}");
    assert!(metrics.contains("tollgate_config_changes_total{result=\"applied\"} 1\n"), "{metrics}");
    assert!(metrics.contains("tollgate_worker_mailbox_messages{worker=\"0\"} 0\n"), "{metrics}");
}

#[test]
fn a_trace_passes_and_one_begins_where_it_is_asked_for() {
    let origin = origin();
    let node = Node::with(&[origin.address()], "tracing: { generate: true }");
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut connection = node.connect();
    connection.send(format!("GET /echo HTTP/1.1\r\nHost: test\r\ntraceparent: {parent}\r\ntracestate: a=b\r\n\r\n"));
    let echo = connection.response().text();
    assert!(echo.contains(&format!("traceparent: {parent}\r\n")) && echo.contains("tracestate: a=b\r\n"), "{echo}");
    connection.send("GET /echo HTTP/1.1\r\nHost: test\r\n\r\n");
    let response = connection.response();
    let (echo, id) = (response.text(), response.field("x-request-id").unwrap());
    assert!(echo.contains(&format!("traceparent: 00-{id}-")), "{id}: {echo}");
    let log = node.access_log(2);
    assert!(log.contains("\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\""), "{log}");
    assert!(log.contains(&format!("\"trace_id\":\"{id}\"")), "{log}");
}
