//! Ten thousand proxied requests allocate nothing: the real worker on real sockets, metrics, access log and rules on.
//!
//! The allocator counts for the whole process, so client and origin are plain threads that allocate nothing either, and
//! the journal is held to the same. What steady state begins with (connections, blocks of the log, a route's figures)
//! is made before. A window of requests in which the machine held a connection up for so long that it fell idle is
//! repeated: an allocation on the path of requests shows in every window.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{
    alloc::System,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};
use tollgate_gateway::{Gateway, preflight};
use tollgate_model::{Configuration, NoSource};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Client connections, each with one request under way.
const CONNECTIONS: usize = 4;

/// Requests that must do without an allocation.
const WINDOW: usize = 10_000;

/// How often that is tried on a machine that is busy with something else.
const WINDOWS: usize = 20;

/// Sent by turns, one without a body and one with, one to a route with policies, one with a key, one with a token.
const REQUESTS: [&[u8]; 5] = [
    b"GET /orders/7?page=2 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n",
    b"POST /orders/ HTTP/1.1\r\nHost: api.example.com\r\nX-Tenant: a\r\nContent-Length: 9\r\n\r\nan order.",
    b"GET /shop/7?page=2 HTTP/1.1\r\nHost: api.example.com\r\nOrigin: https://app.test\r\nX-Debug: 1\r\n\r\n",
    b"GET /keyed/7?page=2 HTTP/1.1\r\nHost: api.example.com\r\nX-API-Key: abc\r\nX-Consumer-Plan: forged\r\n\r\n",
    b"GET /tokens/7 HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer \
        eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2lkLnRlc3QiLCJhdWQiOiJvcmRlcnMiLCJjbGllbnRf\
        aWQiOiJ3ZWIiLCJleHAiOjEwMDAwMDAwMDAwMCwic3ViIjoiYWxpY2UiLCJzY29wZSI6InJlYWQifQ.XegjQsIgtWwUJc2WFXyol\
        feSAY6i7bkO-dXNiIOiKkVdJxYkPHGOibtlghCnvoDSyyhPYJeNPG0yPTGREk1IAg\r\n\r\n",
];

/// Who calls with the key `abc`, and what that one may use.
const APPLICATIONS: &str = "plans: [ { name: gold, throttle: [ { name: burst, key: subscription, limit: 1000000 } ], \
        quota: [ { name: monthly, key: [tenant, credential, api], limit: 100000000, per: month } ] } ]\n\
    applications: [ { name: mobile, tenant: acme, subscriptions: [ { api: orders@v1, plan: gold } ], credentials: [ \
        { issuer: 'https://id.test', client_id: web }, \
        { sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, expires: 2100-01-01T00:00:00Z } ] } ]\n";

/// What a token is asked for. That of the request was made once: for ever, for the client `web`, by an Ed25519 key of sevens.
const TOKENS: &str = "{ identify: [ { jwt: { issuer: 'https://id.test', audience: [orders], \
    jwks: '{\"keys\":[ \
        {\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k1\",\"x\":\"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw\"}]}' } } ], \
    authorize: { api: orders@v1, scopes: [read] }, throttle: [ { name: each, key: 'claim:sub', limit: 1000000 } ] }";

/// What a key is asked for.
const KEYED: &str = "{ identify: [ { api_key: { header: X-API-Key, query: api_key } } ], authorize: { api: orders@v1 }, \
    concurrency: [ { name: at-once, key: application, limit: 1000 } ] }";

/// Addresses, sizes, header fields in both directions, an origin by name: everything that can do without.
const POLICIES: &str = "{ ip: { deny: [192.0.2.0/24], allow: [127.0.0.0/8] }, limits: { fields: 50, body_bytes: 1KiB }, \
    request_headers: { remove: [X-Debug], set: [ { name: X-Tenant, value: acme } ] }, \
    response_headers: { set: [ { name: Content-Type, value: text/csv } ], add: [ { name: X-A, value: b } ] }, \
    cors: { origins: ['https://app.test'], credentials: true }, rate_limit_fields: both, \
    throttle: [ { name: per-ip, key: [client_ip, 'query:page'], limit: 1000000, per: second }, \
        { name: tight, key: node, limit: 1, per: hour, shadow: true } ], \
    quota: [ { name: daily, key: 'header:X-Tenant', limit: 100000000, per: day, time_zone: Europe/Berlin, \
        cost: response_bytes } ], \
    concurrency: [ { name: at-once, key: [route, 'cookie:id'], limit: 1000 } ] }";
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n";
const BODY: [u8; 1024] = [b'x'; 1024];

/// Starts an origin of [`CONNECTIONS`] connections. It answers none before all have a request, so that the gateway needs
/// every one of them at once and never another.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let all_asked = Arc::new(Barrier::new(CONNECTIONS));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, all_asked) = (stream.unwrap(), all_asked.clone());
            thread::spawn(move || serve(stream, &all_asked));
        }
    });
    address
}

/// A read that a signal does not end.
fn read(stream: &mut TcpStream, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Ends with the gateway's connection.
fn serve(mut stream: TcpStream, all_asked: &Barrier) {
    stream.set_nodelay(true).unwrap();
    let mut response = [0; HEAD.len() + BODY.len()];
    response[..HEAD.len()].copy_from_slice(HEAD);
    response[HEAD.len()..].copy_from_slice(&BODY);
    let mut has_waited = false;
    let mut received = [0; 4096];
    let mut len = 0;
    loop {
        match read(&mut stream, &mut received[len..]) {
            Ok(count) if count > 0 => len += count,
            _ => return,
        }
        let end: &[u8] = if received.starts_with(b"POST") { b"an order." } else { b"\r\n\r\n" };
        if !received[..len].ends_with(end) {
            continue;
        }
        if !has_waited {
            all_asked.wait();
            has_waited = true;
        }
        len = 0;
        if stream.write_all(&response).is_err() {
            return;
        }
    }
}

fn gateway(driver: &str, origin: SocketAddr, log: &Path) -> Gateway {
    let cpu = preflight::allowed_cpus().unwrap()[0];
    let text = format!(
        "version: 1\nworkers: [{cpu}]\nio: {driver}\nstatus: {{ bind: 127.0.0.1:0 }}\n\
         access_log: {{ path: \"{}\", format: json }}\n\
         listeners: [ {{ name: public, bind: 127.0.0.1:0 }} ]\n\
         upstreams: [ {{ name: origin, endpoints: [ {{ address: \"{origin}\" }} ] }} ]\n\
         routes:\n  - {{ name: orders, match: {{ path: \"/orders/{{rest*}}\" }}, upstream: origin }}\n\
         \x20 - {{ name: shop, match: {{ path: \"/shop/{{rest*}}\" }}, upstream: origin, policies: {POLICIES} }}\n\
         \x20 - {{ name: keyed, match: {{ path: \"/keyed/{{rest*}}\" }}, upstream: origin, policies: {KEYED} }}\n\
         \x20 - {{ name: tokens, match: {{ path: \"/tokens/{{rest*}}\" }}, upstream: origin, policies: {TOKENS} }}\n{APPLICATIONS}",
        log.display(),
    );
    let configuration = Configuration::parse("gateway.yaml", &text, &NoSource);
    Gateway::start(configuration.unwrap_or_else(|errors| panic!("{errors}"))).unwrap()
}

fn connect(gateway: &Gateway) -> [TcpStream; CONNECTIONS] {
    std::array::from_fn(|_| {
        let client = TcpStream::connect(gateway.listeners()[0].1).unwrap();
        client.set_nodelay(true).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client
    })
}

/// Sends `count` requests, one per connection at a time.
fn ask(clients: &mut [TcpStream], count: usize) {
    for round in 0..count / clients.len() {
        let request = REQUESTS[round % REQUESTS.len()];
        clients.iter_mut().for_each(|client| client.write_all(request).unwrap());
        clients.iter_mut().for_each(read_answer);
    }
}

/// Reads until the 1,024 bytes behind the head are there.
fn read_answer(client: &mut TcpStream) {
    let mut answer = [0; 4096];
    let mut len = 0;
    while !answer[..len].ends_with(&BODY) {
        let count = read(client, &mut answer[len..]).unwrap();
        assert!(count > 0, "the gateway closed: {}", String::from_utf8_lossy(&answer[..len]));
        len += count;
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

fn allocates_nothing(driver: &str) {
    let directory = tempfile::tempdir().unwrap();
    let gateway = gateway(driver, origin(), &directory.path().join("access"));
    let mut clients = connect(&gateway);
    ask(&mut clients, WINDOW / 10);
    let mut counts = [(0, 0); WINDOWS];
    for window in &mut counts {
        let region = Region::new(ALLOCATOR);
        ask(&mut clients, WINDOW);
        let change = region.change();
        *window = (change.allocations, change.reallocations);
        if *window == (0, 0) {
            return;
        }
    }
    panic!("{driver}: allocations and reallocations in each window of {WINDOW} requests: {counts:?}");
}

#[test]
fn ten_thousand_requests_allocate_nothing() {
    // One behind the other: the allocator counts for both.
    for driver in ["auto", "epoll"] {
        allocates_nothing(driver);
    }
}
