//! Two workers on real sockets, with a load that the kernel spreads and the test makes uneven again: it keeps the
//! connections that fall on one worker and closes those of the other.
//!
//! Figures come from the scrape, as an operator sees them. On a machine with one CPU there is nothing to even out, and the
//! tests say so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};
use tollgate_gateway::{Gateway, preflight};
use tollgate_model::{Configuration, NoSource};

const DEADLINE: Duration = Duration::from_secs(20);

/// Most connections opened until one has fallen where it is wanted: by chance one in two.
const TRIES_MAX: usize = 400;

/// Answers every request on every connection.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|count| count > 0) {
                    if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// `None` on a machine with one CPU.
fn two_workers(driver: &str) -> Option<Gateway> {
    let [first, second, ..] = preflight::allowed_cpus().unwrap()[..] else {
        eprintln!("one CPU: two workers are not tested");
        return None;
    };
    let text = format!(
        "version: 1\nworkers: [{first}, {second}]\nio: {driver}\nstatus: {{ bind: 127.0.0.1:0 }}\naccess_log: off\n\
         listeners: [ {{ name: public, bind: 127.0.0.1:0 }} ]\n\
         upstreams: [ {{ name: origin, endpoints: [ {{ address: \"{}\" }} ] }} ]\n\
         routes: [ {{ name: all, match: {{ path: \"/{{rest*}}\" }}, upstream: origin }} ]\n",
        origin(),
    );
    let configuration = Configuration::parse("gateway.yaml", &text, &NoSource);
    Some(Gateway::start(configuration.unwrap_or_else(|errors| panic!("{errors}"))).unwrap())
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn ask(client: &mut TcpStream) {
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nfine") {
        let mut block = [0; 4096];
        let count = match client.read(&mut block) {
            // A signal does not end it.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result.unwrap(),
        };
        assert!(count > 0, "closed after {}", String::from_utf8_lossy(&answer));
        answer.extend(&block[..count]);
    }
}

/// What the scrape says of a sample.
fn figure(gateway: &Gateway, sample: &str) -> usize {
    let mut status = connect(gateway.status_address().unwrap());
    status.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut scrape = String::new();
    status.read_to_string(&mut scrape).unwrap();
    let value = scrape.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("no {sample} in {scrape}"))
}

fn by_worker(gateway: &Gateway, name: &str) -> [usize; 2] {
    [0, 1].map(|worker| figure(gateway, &format!("tollgate_worker_connections_{name}{{worker=\"{worker}\"}}")))
}

#[expect(clippy::disallowed_methods, reason = "a test has no `io`")]
/// Asks until the answer is right.
fn until<T>(what: &str, condition: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begun.elapsed() < DEADLINE, "waited in vain for {what}");
        thread::yield_now();
    }
}

/// A new connection, and which worker has it.
fn open(gateway: &Gateway) -> (TcpStream, usize) {
    let before = by_worker(gateway, "open");
    let stream = connect(gateway.listeners()[0].1);
    let worker = until("the connection to be taken", || {
        let now = by_worker(gateway, "open");
        (0..2).find(|&worker| now[worker] > before[worker])
    });
    (stream, worker)
}

/// Closes a connection and waits for its worker to see it.
fn close(gateway: &Gateway, stream: TcpStream) {
    let before: usize = by_worker(gateway, "open").iter().sum();
    drop(stream);
    until("the connection to be gone", || (by_worker(gateway, "open").iter().sum::<usize>() < before).then_some(()));
}

fn a_worker_above_its_share_hands_over(driver: &str) {
    let Some(gateway) = two_workers(driver) else { return };
    let mut kept = Vec::new();
    for _ in 0..TRIES_MAX {
        let (mut stream, worker) = open(&gateway);
        if by_worker(&gateway, "handed_over_total") == [1, 0] {
            assert_eq!((worker, by_worker(&gateway, "taken_over_total")), (1, [0, 1]), "counted where it is served");
            ask(&mut stream);
            // A figure is recorded when the exchange is over, which may be a moment after its last byte.
            until("the exchange to be counted", || {
                (figure(&gateway, "tollgate_worker_requests_total{worker=\"1\"}") == 1).then_some(())
            });
            kept.iter_mut().for_each(ask);
            return;
        }
        match worker {
            0 => kept.push(stream),
            _ => close(&gateway, stream),
        }
        assert!(kept.len() <= 8, "{} connections on one worker, none on the other", kept.len());
    }
    panic!("{TRIES_MAX} connections, and the ninth of worker 0 was not among them");
}

fn an_idle_connection_serves_both_workers(driver: &str) {
    let Some(gateway) = two_workers(driver) else { return };
    let mut clients: [Option<TcpStream>; 2] = [None, None];
    for _ in 0..TRIES_MAX {
        let (stream, worker) = open(&gateway);
        if clients[worker].replace(stream).is_some() {
            // The one before is dropped, and its worker sees that before the next comes.
            until("it to be gone", || (by_worker(&gateway, "open").iter().sum::<usize>() == 1).then_some(()));
        }
        if clients.iter().all(Option::is_some) {
            break;
        }
    }
    let [mut first, mut second] = clients.map(Option::unwrap);
    for _ in 0..3 {
        for client in [&mut first, &mut second] {
            ask(client);
            let parked = "tollgate_upstream_connections_parked{upstream=\"origin\"}";
            until("the connection to be parked", || (figure(&gateway, parked) == 1).then_some(()));
        }
    }
    let made = |kind| format!("tollgate_upstream_connections_total{{upstream=\"origin\",kind=\"{kind}\"}}");
    assert_eq!((figure(&gateway, &made("new")), figure(&gateway, &made("reused"))), (1, 5));
}

#[test]
fn a_worker_above_its_share_hands_fresh_connections_to_the_other() {
    ["auto", "epoll"].into_iter().for_each(a_worker_above_its_share_hands_over);
}

#[test]
fn an_idle_upstream_connection_serves_whichever_worker_needs_it() {
    ["auto", "epoll"].into_iter().for_each(an_idle_connection_serves_both_workers);
}
