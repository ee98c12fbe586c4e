//! Upstreams of the real binary: sockets in the file system, backups, health checks.

use std::{
    io::{Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    thread,
};
use tollgate_e2e::{Node, get, origin, until};

/// An address that nobody listens at.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("it is bound").to_string()
}

fn start(endpoints: &str, rest: &str) -> Node {
    Node::of(&format!(
        "upstreams: [ {{ name: u, endpoints: [ {endpoints} ]{rest} }} ]\n\
         routes: [ {{ name: all, match: {{ path: \"/{{rest*}}\" }}, upstream: u }} ]\n"
    ))
}

#[test]
fn a_socket_in_the_file_system_is_an_endpoint() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("origin.sock");
    let listener = UnixListener::bind(&path).expect("the folder is writable");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap_or(0);
            let seen = head[..length].windows(19).any(|window| window == b"Host: socket.test\r\n");
            let body = if seen { "by socket" } else { "no host" };
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        }
    });
    let address = format!("unix:{}", path.display());
    let node = start(&format!("{{ address: \"{address}\" }}"), "");
    let mut connection = node.connect();
    for _ in 0..3 {
        connection.send("GET / HTTP/1.1\r\nHost: socket.test\r\n\r\n");
        assert_eq!(connection.response().text(), "by socket");
    }
    let log = node.access_log(3);
    assert!(log.contains(&format!("\"endpoint\":\"{address}\"")), "{log}");
}

#[test]
fn a_backup_stands_in_for_an_endpoint_that_is_gone() {
    let backup = origin();
    let endpoints = format!("{{ address: \"{}\" }}, {{ address: \"{}\", backup: true }}", nobody(), backup.address());
    let node = start(&endpoints, ", outliers: { consecutive: 2, ejection: 1h, ejection_max: 1h }");
    (0..5).for_each(|_| assert_eq!(get(node.address, "/bytes/10").status, 200));
    let log = node.access_log(5);
    // It is ejected with the second failure. Lines of two workers stand in no order.
    assert_eq!(log.lines().filter(|line| line.contains("\"attempts\":2")).count(), 2, "{log}");
    assert_eq!(log.lines().filter(|line| line.contains("\"attempts\"")).count(), 2, "{log}");
}

#[test]
fn an_endpoint_that_fails_its_checks_gets_nothing() {
    let well = origin();
    let endpoints = format!("{{ address: \"{}\" }}, {{ address: \"{}\" }}", nobody(), well.address());
    let node = start(&endpoints, ", retries: { attempts: 1 }, health: { http: { path: /bytes/1, interval: 20ms } }");
    until("only the healthy endpoint to be asked", || {
        (0..8).all(|_| get(node.address, "/bytes/10").status == 200).then_some(())
    });
}

#[test]
fn a_name_that_nobody_knows_is_said_once() {
    let mut node = Node::of(
        "dns: { servers: [\"127.0.0.1:9\"], timeout: 10ms, ttl_min: 10ms, ttl_max: 20ms }\n\
         upstreams: [ { name: u, endpoints: [ { address: \"nowhere.test:80\" } ] } ]\n\
         routes: [ { name: all, match: { path: \"/{rest*}\" }, upstream: u } ]\n",
    );
    assert!(node.process.announced("tollgate: name nowhere.test: ").contains("no server"));
    assert_eq!(get(node.address, "/").status, 503);
    assert_eq!(node.process.errors().matches("nowhere.test").count(), 1, "{}", node.process.errors());
}
