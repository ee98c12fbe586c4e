//! What an idle connection costs a node: the real worker on real sockets, one request for each connection and then silence.
//!
//! Bytes as the allocator is asked for them, with the room that tables have left; an allocator rounds each piece up. The kernel
//! has its sockets beside that. Clients and origin are plain threads that allocate nothing while it counts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]
#![expect(clippy::disallowed_methods, reason = "the deadline of a test on real sockets")]

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{
    alloc::System,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};
use tollgate_gateway::{Gateway, preflight};
use tollgate_model::{Configuration, NoSource};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Before it counts, for what a worker has however many there are.
const FIRST: usize = 16;

/// With those, and with what else stands in the same tables, nearly a power of two: the tables are nearly full.
const CONNECTIONS: usize = 960;

/// Most bytes for each: its task, its watch with the stream, and its places in the tables of tasks, descriptors and deadlines.
const BYTES_MAX: usize = 264;

const REQUEST: &[u8] = b"GET /orders/7 HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers each read with a response: requests come one at a time.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut received = [0; 4096];
        while let Ok((mut stream, _)) = listener.accept() {
            while stream.read(&mut received).is_ok_and(|count| count > 0) && stream.write_all(RESPONSE).is_ok() {}
        }
    });
    address
}

fn gateway(driver: &str) -> Gateway {
    let cpu = preflight::allowed_cpus().unwrap()[0];
    let text = format!(
        "version: 1\nworkers: [{cpu}]\nio: {driver}\nstatus: {{ bind: 127.0.0.1:0 }}\naccess_log: off\n\
         listeners: [ {{ name: public, bind: 127.0.0.1:0 }} ]\n\
         upstreams: [ {{ name: origin, endpoints: [ {{ address: \"{}\" }} ] }} ]\n\
         routes: [ {{ name: all, match: {{ path: \"/{{rest*}}\" }}, upstream: origin }} ]\n",
        origin(),
    );
    let configuration = Configuration::parse("gateway.yaml", &text, &NoSource);
    Gateway::start(configuration.unwrap_or_else(|errors| panic!("{errors}"))).unwrap()
}

/// A connection that has carried one request.
fn ask(gateway: &Gateway) -> TcpStream {
    let mut client = TcpStream::connect(gateway.listeners()[0].1).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client.write_all(REQUEST).unwrap();
    let (mut answer, mut len) = ([0; 1024], 0);
    while !answer[..len].ends_with(b"\r\n\r\nok") {
        let count = client.read(&mut answer[len..]).unwrap();
        assert!(count > 0, "the gateway closed: {}", String::from_utf8_lossy(&answer[..len]));
        len += count;
    }
    client
}

fn bytes_of_each(driver: &str) -> usize {
    let gateway = gateway(driver);
    let first: Vec<TcpStream> = (0..FIRST).map(|_| ask(&gateway)).collect();
    let mut clients = Vec::with_capacity(CONNECTIONS);
    let region = Region::new(ALLOCATOR);
    clients.extend((0..CONNECTIONS).map(|_| ask(&gateway)));
    // The last ones have their answers and may not be idle yet.
    let due = Instant::now() + Duration::from_secs(10);
    loop {
        let change = region.change();
        let bytes = change.bytes_allocated.saturating_sub(change.bytes_deallocated) / CONNECTIONS;
        if bytes <= BYTES_MAX || Instant::now() > due {
            drop((first, clients));
            return bytes;
        }
        thread::yield_now();
    }
}

#[test]
fn an_idle_connection_is_small() {
    // One behind the other: the allocator counts for both.
    for driver in ["auto", "epoll"] {
        let bytes = bytes_of_each(driver);
        assert!(bytes <= BYTES_MAX, "{driver}: {bytes} bytes for each of {CONNECTIONS} idle connections");
        println!("{driver}: {bytes} bytes");
    }
}
