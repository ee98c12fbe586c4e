//! Snapshots published to running workers, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tollgate_gateway::{Gateway, PublishError};
use tollgate_model::{Configuration, NoSource, Snapshot};

/// Routes answer by themselves, so that no upstream is needed.
fn text(listeners: &str, answer: &str) -> String {
    format!(
        "version: 1
status: off
access_log: off
listeners: [ {listeners} ]
routes: [ {{ name: all, match: {{ path: '/{{rest*}}' }}, answer: {{ status: 200, body: {answer} }} }} ]
"
    )
}

fn configuration(listeners: &str, answer: &str) -> Configuration {
    Configuration::parse("gateway.yaml", &text(listeners, answer), &NoSource)
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn snapshot(generation: u64, listeners: &str, answer: &str) -> Arc<Snapshot> {
    let mut snapshot = Snapshot::clone(configuration(listeners, answer).snapshot());
    snapshot.generation = generation;
    Arc::new(snapshot)
}

fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.rsplit("\r\n").next().unwrap_or_default().to_owned()
}

/// A connection that has had one answer and stays open.
fn converse(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
    stream
}

/// For what comes at once.
const PATIENCE: Duration = Duration::from_secs(10);

const PUBLIC: &str = "{ name: public, bind: '127.0.0.1:0' }";

#[test]
fn every_worker_runs_what_was_published_when_that_returns() {
    let gateway = Gateway::start(configuration(PUBLIC, "one")).unwrap();
    let address = gateway.listeners()[0].1;
    assert_eq!(ask(address), "one");
    for generation in 2..20 {
        let published = gateway.publish(snapshot(generation, PUBLIC, &format!("v{generation}"))).unwrap();
        assert_eq!((published.generation, published.behind, published.listening), (generation, vec![], vec![]));
        assert!(gateway.running().iter().all(|running| *running == generation));
        for _ in 0..8 {
            assert_eq!(ask(address), format!("v{generation}"));
        }
    }
    assert_eq!(gateway.listeners()[0].1, address, "a port that the system chose stays");
}

#[test]
fn listeners_come_go_and_change_their_names() {
    let gateway = Gateway::start(configuration(PUBLIC, "one")).unwrap();
    let first = gateway.listeners()[0].1;
    gateway.publish(snapshot(2, &format!("{PUBLIC}, {{ name: more, bind: '127.0.0.1:0' }}"), "two")).unwrap();
    let more = gateway.listeners()[1].1;
    assert_eq!((ask(first), ask(more)), ("two".to_owned(), "two".to_owned()));
    // It has been served, and stays open: a listener's end does not wait for those of its connections.
    let idle = converse(first);
    let published = gateway.publish(snapshot(3, &format!("{{ name: renamed, bind: '{more}' }}"), "three")).unwrap();
    assert_eq!(published.listening, [("renamed".to_owned(), more)]);
    assert_eq!(gateway.listeners(), [("renamed".to_owned(), more)]);
    assert_eq!(ask(more), "three");
    // The port may belong to somebody else by now, but not to this gateway.
    assert!(TcpStream::connect(first).is_err());
    TcpListener::bind(first).expect("a listener that is gone has given its port back");
    drop(idle);
}

/// Whoever connects, at whatever moment, is served by the listener that has the address.
#[test]
fn no_connection_is_lost_when_a_listener_changes_its_name() {
    let gateway = Gateway::start(configuration(PUBLIC, "one")).unwrap();
    let address = gateway.listeners()[0].1;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        assert_eq!(ask(address), "one");
                    }
                })
            })
            .collect();
        for generation in 2..60 {
            let listener = format!("{{ name: n{generation}, bind: '{address}' }}");
            gateway.publish(snapshot(generation, &listener, "one")).unwrap();
            assert_eq!(gateway.listeners(), [(format!("n{generation}"), address)]);
        }
        is_over.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
}

/// Two listeners change places while a third takes over an address that the system chose.
#[test]
fn listeners_take_over_each_others_addresses() {
    let two = "{ name: a, bind: '127.0.0.1:0' }, { name: b, bind: '127.0.0.1:0' }";
    let gateway = Gateway::start(configuration(two, "one")).unwrap();
    let [a, b] = [0, 1].map(|index: usize| gateway.listeners()[index].1);
    let listeners = format!("{{ name: a, bind: '{b}' }}, {{ name: b, bind: '{a}' }}");
    gateway.publish(snapshot(2, &listeners, "two")).unwrap();
    assert_eq!(gateway.listeners(), [("a".to_owned(), b), ("b".to_owned(), a)]);
    assert_eq!((ask(a), ask(b)), ("two".to_owned(), "two".to_owned()));
    gateway.publish(snapshot(3, &format!("{{ name: a, bind: '{a}' }}"), "three")).unwrap();
    assert_eq!(ask(a), "three");
    TcpListener::bind(b).expect("nobody has it any more");
}

/// While an exchange of the last connection goes on, new ones are refused and not left waiting for the end.
#[test]
#[expect(clippy::disallowed_methods, reason = "the deadline is the test's own")]
fn a_draining_gateway_refuses_connections() {
    let gateway = Gateway::start(configuration(PUBLIC, "one")).unwrap();
    let address = gateway.listeners()[0].1;
    let mut busy = converse(address);
    busy.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
    gateway.drain();
    let deadline = Instant::now() + PATIENCE;
    while !TcpStream::connect_timeout(&address, PATIENCE)
        .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    {
        assert!(Instant::now() < deadline, "connections are still taken");
    }
    busy.write_all(b" a\r\n\r\n").unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("Connection: close\r\n") && answer.ends_with("one"), "{answer}");
}

#[test]
fn what_cannot_be_published_changes_nothing() {
    let gateway = Gateway::start(configuration(PUBLIC, "one")).unwrap();
    let address = gateway.listeners()[0].1;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap();
    let refused = gateway.publish(snapshot(2, &format!("{PUBLIC}, {{ name: more, bind: '{port}' }}"), "two"));
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("listener more") && error.contains(&port.to_string()), "{error}");
    let mut fixed = Snapshot::clone(&snapshot(2, PUBLIC, "two"));
    fixed.workers = tollgate_model::Workers::Cpus(vec![0]);
    assert!(matches!(gateway.publish(Arc::new(fixed)), Err(PublishError::Fixed { setting: "workers" })));
    let mut tuned = Snapshot::clone(&snapshot(2, PUBLIC, "two"));
    tuned.tuning.fixed.turn_budget = 64;
    let refused = gateway.publish(Arc::new(tuned)).unwrap_err().to_string();
    assert!(refused.starts_with("`tuning.turn_budget` cannot change while the node runs"), "{refused}");
    assert_eq!((ask(address), gateway.listeners().len()), ("one".to_owned(), 1));
    assert!(gateway.running().iter().all(|running| *running == 1));
    gateway.drain();
    assert!(matches!(gateway.publish(snapshot(2, PUBLIC, "two")), Err(PublishError::Draining)));
}

/// A node whose every key is at one end of its range serves, and the live keys come with a configuration.
#[test]
fn a_tuned_node_takes_what_may_change() {
    for tuning in [
        "ring_entries: 64, buffer_bytes: 24KiB, buffers_kept: 16, turn_budget: 8, task_budget: 8, idle: { spin_us: 100 }, backlog: 16, \
         offload_threads: 2",
        "profile: throughput, buffer_bytes: 63KiB",
    ] {
        let tuned = |answer: &str, more: &str| {
            let text = format!("{}tuning: {{ {tuning}{more} }}\n", text(PUBLIC, answer));
            Configuration::parse("gateway.yaml", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
        };
        let gateway = Gateway::start(tuned("one", "")).unwrap();
        let address = gateway.listeners()[0].1;
        assert_eq!(ask(address), "one");
        let mut live = Snapshot::clone(tuned("two", ", busy_connections: 0, handshakes_per_turn: 1").snapshot());
        live.generation = 2;
        gateway.publish(Arc::new(live)).unwrap();
        assert_eq!(ask(address), "two");
    }
}
