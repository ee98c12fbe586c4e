//! Active checks and names, with real sockets: endpoints on loopback, and a DNS server of the test's own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU16, AtomicUsize, Ordering},
    },
    thread,
};
use tollgate_gateway::{Gateway, preflight};
use tollgate_model::{Configuration, NoSource};

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// An endpoint that says its name, and answers checks with a status that can be changed.
struct Endpoint {
    address: SocketAddr,
    health: Arc<AtomicU16>,
    checks: Arc<AtomicUsize>,
}

impl Endpoint {
    fn start(name: &'static str, at: (Ipv4Addr, u16)) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let (address, health) = (listener.local_addr().unwrap(), Arc::new(AtomicU16::new(200)));
        let checks = Arc::new(AtomicUsize::new(0));
        let (status, counted) = (health.clone(), checks.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (status, counted) = (status.clone(), counted.clone());
                thread::spawn(move || answer(stream, name, &status, &counted));
            }
        });
        Self { address, health, checks }
    }
}

/// Answers one request and closes.
fn answer(mut stream: TcpStream, name: &str, status: &AtomicU16, checks: &AtomicUsize) {
    let mut head = Vec::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let is_check = head.starts_with(b"GET /healthz ");
    let status = if is_check { status.load(Ordering::Relaxed) } else { 200 };
    checks.fetch_add(usize::from(is_check), Ordering::Relaxed);
    let length = name.len();
    let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{name}");
}

fn gateway(endpoints: &str, rest: &str, dns: &str) -> Gateway {
    let cpu = preflight::allowed_cpus().unwrap()[0];
    let text = format!(
        "version: 1\nworkers: [{cpu}]\nstatus: off\naccess_log: off\n\
         listeners: [ {{ name: public, bind: 127.0.0.1:0 }} ]\n\
         upstreams: [ {{ name: u, endpoints: [ {endpoints} ]{rest} }} ]\n\
         routes: [ {{ name: r, match: {{ path: \"/{{rest*}}\" }}, upstream: u }} ]\n{dns}"
    );
    Gateway::start(Configuration::parse("gateway.yaml", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}")))
        .unwrap()
}

/// The status and the body that a request through the gateway gets.
fn ask(gateway: &Gateway) -> (u16, String) {
    let mut stream = TcpStream::connect(gateway.listeners()[0].1).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// Asks until all of some requests in a row meet what is `wanted`; far more often than that takes.
fn until(gateway: &Gateway, wanted: impl Fn(&(u16, String)) -> bool) {
    let is_so = (0..100_000).any(|_| (0..6).all(|_| wanted(&ask(gateway))));
    assert!(is_so, "still {:?}", ask(gateway));
}

const CHECKED: &str = ", health: { http: { path: /healthz, interval: 10ms, timeout: 2s, healthy: 2, unhealthy: 2 } }";

#[test]
fn an_unhealthy_endpoint_is_left_alone_until_it_is_well_again() {
    let (one, two) = (Endpoint::start("one", ANY), Endpoint::start("two", ANY));
    let endpoints = format!("{{ address: \"{}\" }}, {{ address: \"{}\" }}", one.address, two.address);
    let gateway = gateway(&endpoints, CHECKED, "");
    one.health.store(500, Ordering::Relaxed);
    until(&gateway, |(_, body)| body == "two");
    two.health.store(404, Ordering::Relaxed);
    until(&gateway, |(status, body)| *status == 503 && body.contains("no_endpoint"));
    one.health.store(204, Ordering::Relaxed);
    until(&gateway, |(_, body)| body == "one");
    assert!(one.checks.load(Ordering::Relaxed) >= 4);
    gateway.stop();
    gateway.wait();
}

#[test]
fn a_connection_is_enough_for_a_check_that_asks_for_no_more() {
    let one = Endpoint::start("one", ANY);
    let gone = TcpListener::bind(ANY).unwrap().local_addr().unwrap();
    let endpoints = format!("{{ address: \"{}\" }}, {{ address: \"{gone}\" }}", one.address);
    let gateway = gateway(&endpoints, ", retries: { attempts: 1 }, health: { tcp: { interval: 10ms } }", "");
    until(&gateway, |(status, body)| *status == 200 && body == "one");
}

/// Types of records (RFC 1035, section 3.2.2; RFC 3596, section 2.1), and what stands for every type in a question.
const A: u8 = 1;
const AAAA: u8 = 28;
const ANY_TYPE: u8 = 255;

/// A server that answers every question for an address with `127.0.0.N`, N being changed by the test, for no time; 0 is
/// a name without addresses.
struct Names {
    address: SocketAddr,
    last: Arc<AtomicU8>,
    /// The type whose questions get no answer; 0 for none.
    ignored: Arc<AtomicU8>,
    asked: Arc<AtomicUsize>,
}

impl Names {
    fn start(last: u8) -> Self {
        let socket = UdpSocket::bind(ANY).unwrap();
        let (address, last) = (socket.local_addr().unwrap(), Arc::new(AtomicU8::new(last)));
        let (ignored, asked) = (Arc::<AtomicU8>::default(), Arc::<AtomicUsize>::default());
        let (names, unanswered, counted) = (last.clone(), ignored.clone(), asked.clone());
        thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                counted.fetch_add(1, Ordering::Relaxed);
                let ignored = unanswered.load(Ordering::Relaxed);
                if ignored != ANY_TYPE && ignored != kind(&question) {
                    let _ = socket.send_to(&reply(&question[..length], names.load(Ordering::Relaxed)), from);
                }
            }
        });
        Self { address, last, ignored, asked }
    }

    /// Asks the gateway until it has asked the server some more times, and wants this answer all the while.
    fn asked_again(&self, gateway: &Gateway, answer: (u16, &str)) {
        let asked = self.asked.load(Ordering::Relaxed);
        while self.asked.load(Ordering::Relaxed) < asked + 6 {
            let (status, body) = ask(gateway);
            assert_eq!((status, &*body), answer);
        }
    }

    fn settings(&self) -> String {
        format!("dns: {{ servers: [\"{}\"], ttl_min: 10ms, ttl_max: 20ms, timeout: 300ms }}\n", self.address)
    }
}

/// A server whose answers are too long for a datagram, and how often it was asked over TCP.
fn long_winded(last: u8) -> (String, Arc<AtomicUsize>) {
    let (datagrams, streams) = loop {
        let listener = TcpListener::bind(ANY).unwrap();
        // Both have one port; some other test may have that of UDP.
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
            break (socket, listener);
        }
    };
    let address = streams.local_addr().unwrap();
    thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = datagrams.recv_from(&mut question) {
            let mut reply = reply(&question[..length], 0);
            // TC (RFC 1035, section 4.1.1).
            reply[2] |= 2;
            let _ = datagrams.send_to(&reply, from);
        }
    });
    let asked = Arc::<AtomicUsize>::default();
    let counted = asked.clone();
    thread::spawn(move || {
        for mut stream in streams.incoming().flatten() {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut question = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut question).unwrap();
            let reply = reply(&question, last);
            let framed = [&(reply.len() as u16).to_be_bytes()[..], &reply].concat();
            // In two parts: an answer may come in any.
            let (one, two) = framed.split_at(1 + counted.fetch_add(1, Ordering::Relaxed) % 20);
            stream.write_all(one).unwrap();
            stream.flush().unwrap();
            stream.write_all(two).unwrap();
        }
    });
    (format!("dns: {{ servers: [\"{address}\"], ttl_min: 10ms, ttl_max: 20ms, timeout: 2s }}\n"), asked)
}

#[test]
fn an_answer_that_is_too_long_for_a_datagram_is_asked_for_over_tcp() {
    let (one, (settings, asked)) = (Endpoint::start("one", ANY), long_winded(1));
    let endpoint = format!("{{ address: \"orders.test:{}\" }}", one.address.port());
    let gateway = gateway(&endpoint, "", &settings);
    assert_eq!(ask(&gateway), (200, "one".to_owned()));
    // A and AAAA, again and again.
    until(&gateway, |(status, _)| *status == 200 && asked.load(Ordering::Relaxed) >= 8);
}

/// Where a question ends, which is behind the head, the name, two bytes of its type and two of its class.
fn end(question: &[u8]) -> usize {
    12 + question[12..].iter().position(|&byte| byte == 0).unwrap() + 5
}

/// The type that is asked for.
fn kind(question: &[u8]) -> u8 {
    question[end(question) - 3]
}

/// The question comes back with an answer behind it.
fn reply(question: &[u8], last: u8) -> Vec<u8> {
    let end = end(question);
    let count = u8::from(kind(question) == A && last > 0);
    let mut reply = [&question[..2], &[0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0], &question[12..end]].concat();
    if count > 0 {
        reply.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, last]);
    }
    reply
}

/// Two endpoints with one port, at different addresses of the loopback.
fn neighbours() -> (Endpoint, Endpoint) {
    loop {
        let one = Endpoint::start("one", (Ipv4Addr::new(127, 0, 0, 1), 0));
        let port = one.address.port();
        // Some other test may have taken it.
        if TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).is_ok() {
            return (one, Endpoint::start("two", (Ipv4Addr::new(127, 0, 0, 2), port)));
        }
    }
}

#[test]
fn requests_follow_a_name_to_its_new_address() {
    let ((one, _two), names) = (neighbours(), Names::start(1));
    let endpoint = format!("{{ address: \"orders.test:{}\" }}", one.address.port());
    let gateway = gateway(&endpoint, "", &names.settings());
    assert_eq!(ask(&gateway), (200, "one".to_owned()), "the first answer is waited for");
    names.last.store(2, Ordering::Relaxed);
    until(&gateway, |(_, body)| body == "two");
    names.last.store(0, Ordering::Relaxed);
    until(&gateway, |(status, _)| *status == 503);
    names.last.store(1, Ordering::Relaxed);
    until(&gateway, |(_, body)| body == "one");
    // Nobody answers any more: what is known stays.
    names.ignored.store(ANY_TYPE, Ordering::Relaxed);
    names.asked_again(&gateway, (200, "one"));
}

/// A question that is lost says nothing of the addresses it was about.
#[test]
fn half_an_answer_takes_no_address_away() {
    let (one, names) = (Endpoint::start("one", ANY), Names::start(1));
    let endpoint = format!("{{ address: \"orders.test:{}\" }}", one.address.port());
    let gateway = gateway(&endpoint, "", &names.settings());
    assert_eq!(ask(&gateway), (200, "one".to_owned()));
    for ignored in [A, AAAA] {
        names.ignored.store(ignored, Ordering::Relaxed);
        names.asked_again(&gateway, (200, "one"));
    }
}

#[test]
fn a_server_that_ignores_questions_for_ipv6_is_good_enough() {
    let (one, names) = (Endpoint::start("one", ANY), Names::start(1));
    names.ignored.store(AAAA, Ordering::Relaxed);
    let endpoint = format!("{{ address: \"orders.test:{}\" }}", one.address.port());
    let gateway = gateway(&endpoint, "", &names.settings());
    assert_eq!(ask(&gateway), (200, "one".to_owned()));
}

#[test]
fn a_name_of_the_hosts_file_needs_no_server() {
    let one = Endpoint::start("one", ANY);
    let endpoint = format!("{{ address: \"localhost:{}\" }}", one.address.port());
    let gateway = gateway(&endpoint, "", "dns: { servers: [\"127.0.0.1:9\"], timeout: 1ms }\n");
    until(&gateway, |(status, body)| *status == 200 && body == "one");
}

#[test]
fn a_name_that_nobody_knows_is_no_obstacle_to_a_start() {
    let names = Names::start(0);
    let gateway = gateway("{ address: \"nowhere.test:80\" }", "", &names.settings());
    let (status, body) = ask(&gateway);
    assert!(status == 503 && body.contains("no_endpoint"), "{status} {body}");
}
