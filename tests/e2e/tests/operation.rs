//! What an operator sees and does: status, metrics, access log, signals.

use nix::sys::signal::Signal;
use serde_json::Value;
use std::net::TcpStream;
use tollgate_e2e::{Node, Process, get, origin, until};
use tollgate_loadtest::Origin;

fn start() -> (Origin, Node) {
    let origin = origin();
    let node = Node::start(origin.address());
    (origin, node)
}

#[test]
fn a_running_node_is_live_and_ready() {
    let (_origin, node) = start();
    for path in ["/livez", "/readyz"] {
        assert_eq!(get(node.status, path).status, 200, "{path}");
        assert_eq!(get(node.address, "/status/204").status, 204, "a listener does not serve {path}");
    }
    assert_eq!(get(node.status, "/nothing").status, 404);
}

#[test]
fn metrics_count_what_happened() {
    let (_origin, node) = start();
    for _ in 0..3 {
        assert_eq!(get(node.address, "/bytes/10").status, 200);
    }
    assert_eq!(get(node.address, "/%zz").status, 400);
    // A figure is recorded when the exchange is over, which may be a moment after its last byte.
    until("the metrics to say so", || {
        let metrics = get(node.status, "/metrics");
        assert_eq!(metrics.status, 200);
        let text = metrics.text();
        let has = |line: &str| text.lines().any(|found| found == line);
        let counted = has("tollgate_requests_total{http_route=\"everything\",status_class=\"2xx\"} 3")
            && has("tollgate_responses_total{http_response_status_code=\"400\"} 1")
            && has("tollgate_request_failures_total{reason=\"bad_target\"} 1");
        counted.then_some(())
    });
}

#[test]
fn every_exchange_has_a_line_in_the_access_log() {
    let (_origin, node) = start();
    for target in ["/bytes/10?secret=1", "/status/404", "/%zz"] {
        assert_ne!(get(node.address, target).status, 0);
    }
    let text = node.access_log(3);
    assert!(!text.contains("secret"), "the query is not logged: {text}");
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut seen: Vec<_> = records.iter().map(|record| record["status"].as_u64().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, [200, 400, 404]);
    let good = records.iter().find(|record| record["status"] == 200).unwrap();
    assert_eq!((&good["route"], &good["method"]), (&"everything".into(), &"GET".into()), "{good}");
    assert!(good["duration_ms"].as_f64().is_some_and(|duration| duration > 0.0), "{good}");
    assert!(records.iter().all(|record| record["time"].as_str().is_some_and(|time| time.ends_with('Z'))));
}

#[test]
fn a_drain_lets_the_exchange_in_progress_end() {
    let (origin, mut node) = start();
    let mut connection = node.connect();
    connection.send("GET /delay/500/bytes/1000 HTTP/1.1\r\nHost: test\r\n\r\n");
    until("the request to reach the origin", || (origin.counts().requests == 1).then_some(()));
    let idle = node.connect();
    node.process.signal(Signal::SIGTERM);
    until("the listener to close", || TcpStream::connect(node.address).is_err().then_some(()));
    let response = connection.response();
    assert_eq!((response.status, response.body.len()), (200, 1000));
    assert!(connection.is_closed());
    assert_eq!(node.process.ended().code(), Some(0));
    drop(idle);
    assert_eq!(node.access_log(1).lines().count(), 1, "the last records are written");
}

/// The node stands still while clients send and it is told to drain: then all of it is there at once.
#[test]
fn what_was_sent_before_a_drain_is_answered() {
    const GET: &str = "GET /bytes/10 HTTP/1.1\r\nHost: test\r\n\r\n";
    let (_origin, mut node) = start();
    let mut connections: Vec<_> = (0..20).map(|_| node.connect()).collect();
    for idle in &mut connections {
        idle.send(GET);
        assert_eq!(idle.response().status, 200);
    }
    node.process.signal(Signal::SIGSTOP);
    connections.extend((0..20).map(|_| node.connect()));
    connections.iter_mut().for_each(|connection| connection.send(GET));
    node.process.signal(Signal::SIGTERM);
    node.process.signal(Signal::SIGCONT);
    for connection in &mut connections {
        let response = connection.response();
        assert_eq!((response.status, response.body.len()), (200, 10));
    }
    assert_eq!(node.process.ended().code(), Some(0));
}

#[test]
fn an_idle_node_drains_at_once() {
    let (_origin, mut node) = start();
    let mut idle = node.connect();
    idle.send("GET /bytes/1 HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(idle.response().status, 200);
    node.process.signal(Signal::SIGINT);
    assert_eq!(node.process.ended().code(), Some(0));
    assert!(idle.is_closed());
}

#[test]
fn the_second_signal_stops_at_once() {
    let (origin, mut node) = start();
    let mut connection = node.connect();
    connection.send("GET /delay/25000/bytes/1000 HTTP/1.1\r\nHost: test\r\n\r\n");
    until("the request to reach the origin", || (origin.counts().requests == 1).then_some(()));
    node.process.signal(Signal::SIGTERM);
    node.process.announced("draining");
    assert_eq!(get(node.status, "/readyz").status, 503, "no new requests are welcome");
    node.process.signal(Signal::SIGTERM);
    assert_eq!(node.process.ended().code(), Some(0));
}

#[test]
fn a_taken_port_is_a_clear_error() {
    let (_origin, node) = start();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("second.yaml");
    let text = format!("version: 1\nstatus: off\nlisteners: [ {{ name: public, bind: \"{}\" }} ]\n", node.address);
    std::fs::write(&config, text).unwrap();
    let mut second = Process::start(&["gateway", "--config", &config.to_string_lossy()]);
    assert_eq!(second.ended().code(), Some(3));
    until("the reason", || {
        let errors = second.errors();
        (errors.contains(&node.address.to_string()) && errors.contains("in use")).then_some(())
    });
}

#[test]
fn epoll_carries_the_same_traffic() {
    let origin = origin();
    let node = Node::with(&[origin.address()], "io: epoll");
    assert_eq!(get(node.address, "/chunked/100000").body.len(), 100_000);
}
