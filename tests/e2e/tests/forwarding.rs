//! Requests that go through: methods, bodies, connections, upgrades, and what the endpoint is told.

use std::{collections::BTreeSet, net::SocketAddr};
use tollgate_e2e::{Connection, Node, cpu, get, origin, until};
use tollgate_loadtest::{Origin, OriginConfig, body_byte};

/// An origin and a gateway in front of it.
fn start() -> (Origin, Node) {
    let origin = origin();
    let node = Node::start(origin.address());
    (origin, node)
}

fn is_body(bytes: &[u8], length: usize) -> bool {
    bytes.len() == length && bytes.iter().zip(0..).all(|(byte, at)| *byte == body_byte(at))
}

/// What the origin says about an upload it got directly.
fn upload_directly(origin: SocketAddr, body: &[u8]) -> String {
    let mut connection = Connection::open(origin);
    connection.send(format!("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len()));
    connection.send(body);
    connection.response().text()
}

#[test]
fn a_get_goes_through() {
    let (origin, node) = start();
    let response = get(node.address, "/bytes/1000");
    assert_eq!(response.status, 200);
    assert!(is_body(&response.body, 1000), "{}", response.text());
    assert_eq!(origin.counts().requests, 1);
}

#[test]
fn a_post_arrives_whole() {
    let (origin, node) = start();
    let body: Vec<u8> = (0..300_000).map(body_byte).collect();
    let mut connection = node.connect();
    connection.send(format!("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len()));
    connection.send(&body);
    assert_eq!(connection.response().text(), upload_directly(origin.address(), &body));
}

#[test]
fn a_chunked_post_arrives_whole() {
    let (origin, node) = start();
    let body: Vec<u8> = (0..100_000).map(body_byte).collect();
    let mut connection = node.connect();
    connection.send("POST /upload HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for chunk in body.chunks(7001) {
        connection.send(format!("{:x};name=\"value\"\r\n", chunk.len()));
        connection.send(chunk);
        connection.send("\r\n");
    }
    connection.send("0\r\nX-Trailer: 1\r\n\r\n");
    assert_eq!(connection.response().text(), upload_directly(origin.address(), &body));
}

#[test]
fn bodies_come_back_in_every_framing() {
    let (_origin, node) = start();
    for kind in ["bytes", "chunked", "trailers", "until-close"] {
        let response = get(node.address, &format!("/{kind}/200000"));
        assert!(response.status == 200 && is_body(&response.body, 200_000), "{kind}: {}", response.body.len());
        assert_eq!(response.trailers.is_empty(), kind != "trailers", "{kind}");
    }
}

#[test]
fn a_connection_serves_many_requests() {
    let (origin, node) = start();
    let mut connection = node.connect();
    for length in [0, 1, 1000, 100_000, 3] {
        connection.send(format!("GET /bytes/{length} HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert!(is_body(&connection.response().body, length));
    }
    assert!(connection.is_open());
    assert_eq!(origin.counts().connections, 1, "the upstream connection is reused");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (_origin, node) = start();
    let mut connection = node.connect();
    let request = |length| format!("GET /bytes/{length} HTTP/1.1\r\nHost: test\r\n\r\n");
    connection.send((1..=20).map(request).collect::<String>());
    for length in 1..=20 {
        assert!(is_body(&connection.response().body, length), "{length}");
    }
}

#[test]
fn a_head_has_no_body() {
    let (_origin, node) = start();
    let mut connection = node.connect();
    connection.send("HEAD /bytes/1000 HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(connection.head().field("content-length"), Some("1000"));
    connection.send("GET /bytes/3 HTTP/1.1\r\nHost: test\r\n\r\n");
    assert!(is_body(&connection.response().body, 3), "the connection is in step after it");
}

#[test]
fn an_expectation_is_met_before_the_body() {
    let (_origin, node) = start();
    let mut connection = node.connect();
    connection.send("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(connection.head().status, 100);
    connection.send("hello");
    let response = connection.response();
    assert!(response.text().contains("\"bytes\":5"), "{}", response.text());
}

#[test]
fn early_hints_come_before_the_answer() {
    let (_origin, node) = start();
    let mut connection = node.connect();
    connection.send("GET /hints/bytes/10 HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(connection.head().status, 103);
    assert!(is_body(&connection.response().body, 10));
}

#[test]
fn an_http_1_0_client_gets_its_answer_and_the_end() {
    let (_origin, node) = start();
    let mut connection = node.connect();
    connection.send("GET /chunked/1000 HTTP/1.0\r\n\r\n");
    let response = connection.response();
    assert_eq!((response.status, response.field("transfer-encoding")), (200, None), "HTTP/1.0 has no chunks");
    assert!(is_body(&response.body, 1000) && connection.is_closed());
}

#[test]
fn a_half_closed_client_gets_its_answer() {
    let (_origin, node) = start();
    let mut connection = node.connect();
    connection.send("GET /delay/200/bytes/1000 HTTP/1.1\r\nHost: test\r\n\r\n");
    connection.finish();
    assert!(is_body(&connection.response().body, 1000));
    assert!(connection.is_closed());
}

#[test]
fn the_endpoint_is_told_about_the_client_and_not_its_connection() {
    let (_origin, node) = start();
    let mut connection = node.connect();
    connection.send(
        "GET /echo HTTP/1.1\r\nHost: api.test\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nX-Kept: 2\r\n\
         Keep-Alive: timeout=5\r\nTE: trailers\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n",
    );
    let echo = connection.response().text();
    let seen: BTreeSet<_> = echo.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    let has = |name: &str| seen.iter().any(|seen| seen.eq_ignore_ascii_case(name));
    for name in ["Host", "Via", "X-Kept", "X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id"] {
        assert!(has(name), "{name}: {echo}");
    }
    for name in ["X-Mine", "Keep-Alive"] {
        assert!(!has(name), "{name}: {echo}");
    }
    assert!(echo.contains("api.test") && !echo.contains("192.0.2.9"), "an untrusted client is not believed: {echo}");
}

#[test]
fn paths_are_normalized_once_for_routing_and_forwarding() {
    let (_origin, node) = start();
    let mut connection = node.connect();
    connection.send("GET /a/../%65cho?q=%2f/../ HTTP/1.1\r\nHost: test\r\n\r\n");
    let echo = connection.response().text();
    assert!(echo.starts_with("GET /echo?q=%2f/../ HTTP/1.1\r\n"), "{echo}");
}

#[test]
fn an_upgrade_becomes_a_tunnel() {
    let (_origin, node) = start();
    let mut connection = node.connect();
    connection.send("GET /echo-upgrade HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst");
    let head = connection.head();
    assert_eq!((head.status, head.field("upgrade")), (101, Some("echo")));
    assert_eq!(connection.take(5), b"first", "bytes that came with the request belong to the tunnel");
    let block: Vec<u8> = (0..50_000).map(body_byte).collect();
    for _ in 0..4 {
        connection.send(&block);
        assert_eq!(connection.take(block.len()), block);
    }
    connection.finish();
    assert!(connection.is_closed());
}

#[test]
fn endpoints_take_turns() {
    let [one, two] = ["one", "two"].map(|name| {
        let config = OriginConfig { name: name.to_owned(), ..OriginConfig::default() };
        Origin::start(config).expect("loopback has a free port")
    });
    let node = Node::with(&[one.address(), two.address()], &format!("workers: [{}]", cpu()));
    let mut connection = node.connect();
    for _ in 0..10 {
        connection.send("GET /hello HTTP/1.1\r\nHost: test\r\n\r\n");
        assert_eq!(connection.response().status, 200);
    }
    assert_eq!((one.counts().requests, two.counts().requests), (5, 5));
}

#[test]
fn an_endpoint_that_is_not_there_is_502() {
    let origin = origin();
    let gone = origin.address();
    origin.stop().unwrap();
    let node = Node::start(gone);
    let response = get(node.address, "/");
    assert_eq!((response.status, response.field("content-type")), (502, Some("application/problem+json")));
    let problem: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(problem["code"], "connect_refused");
}

#[test]
fn an_endpoint_that_breaks_off_breaks_the_response() {
    let (_origin, node) = start();
    assert_eq!(get(node.address, "/reset").status, 502);
    let mut connection = node.connect();
    connection.send("GET /truncate/100000 HTTP/1.1\r\nHost: test\r\n\r\n");
    let length = connection.head().field("content-length").map(str::to_owned);
    let body = connection.rest();
    assert!(length.as_deref() == Some("100000") && body.len() < 100_000, "{} bytes as if whole", body.len());
}

#[test]
fn a_client_that_leaves_is_noticed() {
    let (origin, node) = start();
    let mut connection = node.connect();
    connection.send("GET /chunked/1000000000000 HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_eq!(connection.head().status, 200);
    drop(connection);
    until("the upstream connection to close", || (origin.counts().connections_open == 0).then_some(()));
    assert_eq!(get(node.address, "/bytes/1").status, 200);
}
