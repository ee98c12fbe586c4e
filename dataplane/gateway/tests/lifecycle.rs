//! A gateway from start to end, with real sockets on loopback: what refuses the start, what the status answers.
//!
//! What workers do with a request is tested elsewhere; here they have none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use crossbeam::channel;
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};
use tollgate_gateway::{Gateway, StartError, preflight};
use tollgate_model::{Configuration, NoSource};

/// A configuration with a listener on `bind` and `rest` behind it.
fn configuration(bind: &str, rest: &str) -> Configuration {
    let text = format!("version: 1\nlisteners: [ {{ name: public, bind: \"{bind}\" }} ]\n{rest}\n");
    Configuration::parse("gateway.yaml", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
}

fn start(rest: &str) -> Result<Gateway, StartError> {
    Gateway::start(configuration("127.0.0.1:0", &format!("access_log: off\n{rest}")))
}

fn running() -> Gateway {
    start("status: { bind: 127.0.0.1:0 }").unwrap()
}

fn connect(gateway: &Gateway) -> TcpStream {
    let stream = TcpStream::connect(gateway.status_address().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// All the node says to these bytes until it closes.
fn conversation(gateway: &Gateway, bytes: &str) -> String {
    let mut stream = connect(gateway);
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn ask(gateway: &Gateway, line: &str) -> String {
    conversation(gateway, &format!("{line} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n"))
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or_default()
}

#[test]
fn a_running_node_is_live_ready_and_measured() {
    let gateway = running();
    assert!(ask(&gateway, "GET /livez").ends_with("\r\n\r\nok\n"));
    let ready = ask(&gateway, "GET /readyz?verbose");
    assert!(ready.starts_with("HTTP/1.1 200 OK\r\nDate: ") && ready.ends_with("\r\n\r\nready\n"), "{ready}");
    let metrics = ask(&gateway, "GET /metrics");
    assert!(metrics.contains("Content-Type: text/plain; version=0.0.4"), "{metrics}");
    assert!(metrics.contains("tollgate_connections_open{listener=\"public\"} 0\n"), "{metrics}");
}

#[test]
fn what_is_no_page_is_a_problem() {
    let gateway = running();
    let missing = ask(&gateway, "GET /nothing");
    assert!(missing.contains("application/problem+json") && missing.contains("\"code\": \"no_route\""), "{missing}");
    assert!(missing.contains("/metrics"), "it says what there is: {missing}");
    let posted = ask(&gateway, "POST /readyz");
    assert!(status(&posted) == "405" && posted.contains("Allow: GET, HEAD\r\n"), "{posted}");
    let head = ask(&gateway, "HEAD /livez");
    assert!(head.contains("Content-Length: 3\r\n") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn a_connection_takes_many_requests_and_ends_at_a_refusal() {
    let gateway = running();
    let requests = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3);
    let answers = conversation(&gateway, &format!("{requests}GET /livez HTTP/1.1\r\nHost: a\r\nbad line\r\n\r\n"));
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
    assert!(answers.contains("HTTP/1.1 400 ") && answers.contains("\"code\":\"bad_header\""), "{answers}");
    let large = conversation(&gateway, &format!("GET /livez HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(9000)));
    assert_eq!(status(&large), "431", "{large}");
    let body = conversation(&gateway, "GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\nthe beginning");
    assert!(status(&body) == "200" && body.contains("Connection: close"), "{body}");
}

#[test]
fn connections_above_the_bound_are_closed_and_a_slow_head_is_cut_off() {
    let gateway = running();
    let slow: Vec<_> = (0..64).map(|_| connect(&gateway)).collect();
    assert_eq!(conversation(&gateway, ""), "", "one too many");
    for mut stream in slow {
        // Some come too late for the node to see them.
        let _ = stream.write_all(b"GET /livez HT");
        let mut answer = Vec::new();
        assert!(stream.read_to_end(&mut answer).is_ok() && answer.is_empty(), "never answered, closed in time");
    }
    assert_eq!(status(&ask(&gateway, "GET /livez")), "200", "there is room again");
}

#[test]
fn a_draining_node_says_so_until_it_has_ended() {
    let gateway = running();
    let (address, mut idle) = (gateway.status_address().unwrap(), connect(&gateway));
    gateway.drain();
    gateway.drain();
    assert!(ask(&gateway, "GET /readyz").ends_with("\r\n\r\ndraining\n"));
    assert_eq!(status(&ask(&gateway, "GET /readyz")), "503");
    assert_eq!(status(&ask(&gateway, "GET /livez")), "200");
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\nok\n") {
        let mut byte = [0];
        idle.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let (ended, outcome) = channel::bounded(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                gateway.wait();
                ended.send(())
            });
        }
        for _ in 0..2 {
            outcome.recv_timeout(Duration::from_secs(20)).expect("an idle connection does not hold up the end");
        }
    });
    assert!(TcpStream::connect(address).is_err() && TcpStream::connect(gateway.listeners()[0].1).is_err());
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn epoll_is_served_and_dropping_stops() {
    let gateway = start("io: epoll\nstatus: off").unwrap();
    let (name, address) = gateway.listeners()[0].clone();
    assert!(name == "public" && address.port() != 0 && gateway.status_address().is_none());
    drop(gateway);
    TcpListener::bind(address).unwrap();
}

#[test]
fn a_taken_address_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let listener = Gateway::start(configuration(&address, "status: off")).unwrap_err().to_string();
    let status = start(&format!("status: {{ bind: \"{address}\" }}")).unwrap_err().to_string();
    for (error, part) in [(listener, "listener public on"), (status, "status on")] {
        assert!(error.contains(part) && error.contains(&address) && error.contains("in use"), "{error}");
        assert!(error.contains("choose another `bind`"), "{error}");
    }
}

#[test]
fn a_cpu_that_is_not_there_is_named_and_what_ran_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let cpu = preflight::allowed_cpus().unwrap()[0];
    // It returns, so the worker on the good CPU and the journal have ended.
    let rest = format!("workers: [{cpu}, 1000]\nstatus: off\naccess_log: {{ path: {} }}", log.display());
    let error = Gateway::start(configuration("127.0.0.1:0", &rest)).unwrap_err().to_string();
    assert!(error.contains("CPU 1000") && error.contains("Invalid argument"), "{error}");
}

#[test]
fn an_access_log_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let rest = format!("status: off\naccess_log: {{ path: {} }}", folder.path().display());
    let error = Gateway::start(configuration("127.0.0.1:0", &rest)).unwrap_err().to_string();
    assert!(error.contains(&folder.path().display().to_string()) && error.contains("access_log"), "{error}");
}
