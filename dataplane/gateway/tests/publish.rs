//! Snapshots published to running workers, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
};
use tollgate_gateway::{Gateway, PublishError};
use tollgate_model::{Configuration, NoSource, Snapshot};

/// Routes answer by themselves, so that no upstream is needed.
fn configuration(listeners: &str, answer: &str) -> Configuration {
    let text = format!(
        "version: 1
status: off
access_log: off
listeners: [ {listeners} ]
routes: [ {{ name: all, match: {{ path: '/{{rest*}}' }}, answer: {{ status: 200, body: {answer} }} }} ]
"
    );
    Configuration::parse("gateway.yaml", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
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

const PUBLIC: &str = "{ name: public, bind: '127.0.0.1:0' }";

#[test]
fn every_worker_runs_what_was_published_when_that_returns() {
    let gateway = Gateway::start(configuration(PUBLIC, "one")).unwrap();
    let address = gateway.listeners()[0].1;
    assert_eq!(ask(address), "one");
    for generation in 2..20 {
        let published = gateway.publish(snapshot(generation, PUBLIC, &format!("v{generation}"))).unwrap();
        assert_eq!((published.generation, published.behind), (generation, vec![]));
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
    gateway.publish(snapshot(3, &format!("{{ name: renamed, bind: '{more}' }}"), "three")).unwrap();
    assert_eq!(gateway.listeners(), [("renamed".to_owned(), more)]);
    for _ in 0..8 {
        assert_eq!(ask(more), "three", "the address has not been without a listener");
    }
    // The port may belong to somebody else by now, but not to this gateway.
    TcpListener::bind(first).expect("a listener that is gone has given its port back");
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
    assert_eq!((ask(address), gateway.listeners().len()), ("one".to_owned(), 1));
    assert!(gateway.running().iter().all(|running| *running == 1));
    gateway.drain();
    assert!(matches!(gateway.publish(snapshot(2, PUBLIC, "two")), Err(PublishError::Draining)));
}
