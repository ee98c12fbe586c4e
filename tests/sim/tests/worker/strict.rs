//! Rules that the store which nodes share decides on: what requests wait for, and what becomes of them without an answer.

use crate::gateway::{Gateway, ORIGINS, dial, get, problem, routed_with_store};
use std::{rc::Rc, time::Duration};
use tollgate_http::Reason;
use tollgate_sim::{Answer, Conditions, Origin, Reply, Request};

const MS: u64 = 1_000_000;

/// A gateway of one route with these policies, and a store that needs `ms` for each way.
fn start(policies: &str, ms: u64) -> (Gateway, Rc<Origin>) {
    start_within(policies, ms, "100ms")
}

fn start_within(policies: &str, ms: u64, timeout: &str) -> (Gateway, Rc<Origin>) {
    let limited = format!("match: {{ path: \"/*\" }}, upstream: a, policies: {{ {policies} }}");
    let routes = [&*limited, "match: { path: /plain/1 }, answer: { status: 204 }"];
    let conditions = Conditions { store_nanos: ms * MS..=ms * MS, ..Conditions::default() };
    let gateway = Gateway::run(routed_with_store(&routes, timeout), 1, conditions);
    let origin = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(b"content".to_vec()));
    (gateway, origin)
}

fn quota(limit: u64, more: &str) -> String {
    format!("quota: [ {{ name: q, key: node, limit: {limit}, per: day, mode: strict{more} }} ]")
}

/// Replies to `requests` on one connection.
fn ask(gateway: &Gateway, requests: Vec<Request>) -> Vec<Reply> {
    let client = gateway.ask(requests);
    gateway.simulation.run_for(Duration::from_secs(2));
    client.take().into_iter().map(|reply| reply.expect("an answer")).collect()
}

fn statuses(replies: &[Reply]) -> Vec<u16> {
    replies.iter().map(|reply| reply.head.status()).collect()
}

#[test]
fn the_store_decides_on_every_request() {
    let (gateway, origin) = start(&quota(3, ""), 10);
    let clients: Vec<_> = (0..3).map(|at| gateway.ask(vec![get(at), get(10 + at)])).collect();
    gateway.simulation.run_for(Duration::from_secs(1));
    let replies: Vec<_> =
        clients.into_iter().flat_map(|client| client.take()).map(|reply| reply.expect("one")).collect();
    let admitted = replies.iter().filter(|reply| reply.head.status() == 200).count();
    assert_eq!((admitted, replies.len(), origin.seen().len()), (3, 6, 3));
    let refused = replies.iter().find(|reply| reply.head.status() == 429).expect("one is refused");
    problem(refused, Reason::QuotaExceeded);
    assert!(refused.head.field("ratelimit").is_some_and(|left| left.contains("\"q\";r=0;t=")));
    let records = gateway.end().records;
    assert_eq!(records.iter().filter(|record| record.contains("\"throttled_by\":\"q\"")).count(), 3);
}

#[test]
fn a_worker_goes_on_while_a_request_waits() {
    let (gateway, _origin) = start(&quota(3, ""), 40);
    let waiting = gateway.ask(vec![get(1)]);
    let plain = gateway.ask(vec![Request { target: "/plain/1".into(), ..get(2) }]);
    gateway.simulation.run_for(Duration::from_millis(20));
    assert_eq!(plain.take().len(), 1);
    gateway.simulation.run_for(Duration::from_millis(200));
    assert_eq!(waiting.take().len(), 1);
    gateway.end();
}

#[test]
fn what_comes_too_late_is_decided_on_without_the_store() {
    // Two nodes: each has a half. Ways of 300 ms are three times what a request waits.
    for (lost, admitted) in [("share", 2), ("open", 6), ("closed", 0)] {
        let (gateway, origin) = start(&quota(5, &format!(", store_lost: {lost}")), 300);
        let replies = ask(&gateway, (0..6).map(get).collect());
        let counted = replies.iter().filter(|reply| reply.head.status() == 200).count();
        assert_eq!((counted, replies.len(), origin.seen().len()), (admitted, 6, admitted), "{lost}");
        let store = gateway.store().expect("there is one");
        assert_eq!(store.late(), 6);
        assert_eq!(store.owed(), if lost == "share" { 2 } else { 0 });
        gateway.end();
    }
}

#[test]
fn a_store_that_is_lost_is_not_waited_for() {
    let (gateway, _origin) = start(&quota(5, ", store_lost: closed"), 1);
    assert_eq!(statuses(&ask(&gateway, vec![get(1)])), [200]);
    let store = gateway.store().expect("there is one");
    store.lose(true);
    assert_eq!(statuses(&ask(&gateway, vec![get(2)])), [429]);
    store.lose(false);
    assert_eq!(statuses(&ask(&gateway, vec![get(3)])), [200]);
    assert_eq!(store.late(), 0);
    gateway.end();
}

#[test]
fn what_the_store_refuses_costs_other_rules_nothing() {
    let other = "throttle: [ { name: t, key: node, limit: 2, per: hour } ]";
    let (gateway, _origin) = start(&format!("{}, {other}", quota(1, "")), 1);
    let replies = ask(&gateway, (0..3).map(get).collect());
    assert_eq!(statuses(&replies), [200, 429, 429]);
    let violated = |at: usize| String::from_utf8_lossy(&replies[at].body).contains("\"violated\":[\"q\"]");
    assert!(violated(1) && violated(2), "the throttle has one left each time");
    gateway.end();
}

#[test]
fn what_another_rule_refuses_costs_the_store_nothing() {
    let other = "throttle: [ { name: t, key: 'header:X-Class', limit: 1, per: hour } ]";
    let (gateway, _origin) = start(&format!("{}, {other}", quota(2, "")), 1);
    let of_class = |at, class: &str| Request { fields: format!("X-Class: {class}\r\n"), ..get(at) };
    let replies = ask(&gateway, vec![of_class(1, "a"), of_class(2, "a"), of_class(3, "b"), of_class(4, "c")]);
    assert_eq!(statuses(&replies), [200, 429, 200, 429]);
    gateway.end();
}

#[test]
fn who_leaves_while_waiting_leaves_nothing_behind() {
    let one = "concurrency: [ { name: one, key: node, limit: 1 } ]";
    let (gateway, origin) = start_within(&format!("{}, {one}", quota(9, "")), 400, "2s");
    let world = gateway.world.clone();
    gateway.world.spawn(async move {
        let end = dial(&world, b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        world.sleep(5 * MS).await;
        end.reset();
    });
    gateway.simulation.run_for(Duration::from_millis(300));
    // The store has not answered yet, and the next one is in.
    let next = gateway.ask(vec![get(2)]);
    gateway.simulation.run_for(Duration::from_secs(2));
    assert_eq!(next.take()[0].as_ref().expect("an answer").head.status(), 200);
    assert_eq!(origin.seen().len(), 1, "nobody waits for the first");
    gateway.end();
}
