//! Requests that are refused: each gets its answer and a closed connection, and nothing of it reaches the origin.

use serde_json::Value;
use tollgate_e2e::{Node, Response, get, origin, until};
use tollgate_loadtest::Origin;

/// Sent as written, with the status and code of the answer. One of each status; the forms are the table's, in
/// `smuggling.rs`.
const REFUSED: &[(&str, u16, &str)] = &[
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "bad_header"),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "unsupported_version"),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "unknown_transfer_coding"),
];

fn start(more: &str) -> (Origin, Node) {
    let origin = origin();
    let node = Node::with(&[origin.address()], more);
    (origin, node)
}

/// The problem document of an answer, after what every one must have.
fn problem(response: &Response) -> Value {
    assert_eq!(response.field("content-type"), Some("application/problem+json"), "{response:?}");
    let problem: Value = serde_json::from_slice(&response.body).expect("the body is JSON");
    assert_eq!(problem["status"], response.status, "{problem}");
    for member in ["type", "title", "detail", "code", "request_id"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
    }
    problem
}

#[test]
fn malformed_and_ambiguous_requests_never_reach_the_origin() {
    let (origin, node) = start("");
    for (request, status, code) in REFUSED {
        let mut connection = node.connect();
        connection.send(request);
        let response = connection.response();
        assert_eq!((response.status, problem(&response)["code"].as_str()), (*status, Some(*code)), "{request:?}");
        assert!(connection.is_closed(), "{request:?}: still open, or more was answered");
    }
    assert_eq!(origin.counts().requests, 0);
    assert_eq!(get(node.address, "/bytes/1").status, 200, "and the node goes on");
}

#[test]
fn what_is_too_large_is_refused() {
    let (origin, node) = start("limits: { head_bytes: 4KiB, target_bytes: 1KiB, fields: 20, body_bytes: 1000 }");
    let cases = [
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(2000)), 414, "target_too_long"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(5000)), 431, "head_too_large"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: 1\r\n".repeat(30)), 431, "head_too_large"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n".to_owned(), 413, "body_too_large"),
    ];
    for (request, status, code) in cases {
        let mut connection = node.connect();
        connection.send_if_taken(&request);
        let response = connection.response();
        assert_eq!((response.status, problem(&response)["code"].as_str()), (status, Some(code)), "{request:.60}");
        assert!(connection.is_closed(), "{request:.60}");
    }
    assert_eq!(origin.counts().requests, 0);
}

#[test]
fn what_no_route_takes_is_404_and_keeps_the_connection() {
    let origin = origin();
    let node = Node::routed(&[origin.address()], "{ hosts: [api.test], path: \"/only\", methods: [GET] }", "");
    let mut connection = node.connect();
    let cases = [("GET", "/only", 200), ("GET", "/other", 404), ("POST", "/only", 405), ("GET", "/only", 200)];
    for (method, path, status) in cases {
        connection.send(format!("{method} {path} HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n"));
        let response = connection.response();
        assert_eq!(response.status, status, "{method} {path}");
        match status {
            404 => assert_eq!(problem(&response)["code"], "no_route"),
            405 => assert_eq!(response.field("allow"), Some("GET")),
            _ => {}
        }
    }
    assert_eq!(origin.counts().requests, 2);
}

/// The sum of a metric over its labels.
fn metric(text: &str, name: &str) -> usize {
    let lines = text.lines().filter(|line| line.starts_with(name) && line[name.len()..].starts_with(['{', ' ']));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}

/// What a node holds that must not grow: open connections, buffers, exchanges, and descriptors that are no stock of idle
/// upstream connections.
fn held(node: &Node) -> [usize; 4] {
    let metrics = get(node.status, "/metrics").text();
    let gauges = ["tollgate_connections_open", "tollgate_buffers_in_use", "http_server_active_requests"];
    let [connections, buffers, exchanges] = gauges.map(|name| metric(&metrics, name));
    let idle = metric(&metrics, "tollgate_upstream_connections_idle");
    [connections, buffers, exchanges, node.process.descriptors().saturating_sub(idle)]
}

#[test]
fn ten_thousand_broken_connections_leave_nothing_behind() {
    let (_origin, node) = start("");
    assert_eq!(get(node.address, "/bytes/1").status, 200);
    let before = until("the node to be at rest", || Some(held(&node)).filter(|held| held[..3] == [0; 3]));
    let ways = [
        "GET / HT",
        "\0\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
        "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        // Left before, and in the middle of, the response.
        "GET /delay/20/bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /bytes/1000000 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /reset HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /truncate/100000 HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    for way in ways.iter().cycle().take(10_000) {
        node.connect().send(way);
    }
    until("everything to be released", || (held(&node) == before).then_some(()));
    assert_eq!(get(node.address, "/bytes/1").status, 200);
}
