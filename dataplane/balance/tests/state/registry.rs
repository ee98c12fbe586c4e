//! State from snapshot to snapshot, and from one answer of DNS to the next.

use crate::upstreams::{Chooser, publish, snapshot, upstream, weighted};
use std::{net::IpAddr, sync::Arc};
use tollgate_balance::{Registry, Upstream};

fn ids(upstream: &Upstream) -> Vec<u64> {
    upstream.endpoints().members().iter().map(|member| member.endpoint.id()).collect()
}

fn slots(upstream: &Upstream) -> Vec<u32> {
    upstream.endpoints().members().iter().map(|member| member.endpoint.slot()).collect()
}

fn ip(last: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, last])
}

#[test]
fn an_upstream_that_has_not_changed_is_the_same() {
    let mut registry = Registry::default();
    let one = publish(&mut registry, &snapshot(&weighted(&[1, 2]), ""), 0);
    let other = publish(&mut registry, &snapshot(&weighted(&[1, 2]), ""), 1);
    assert!(Arc::ptr_eq(&one, &other));
}

#[test]
fn what_is_known_of_an_endpoint_survives_a_change_beside_it() {
    let mut registry = Registry::default();
    let before = publish(&mut registry, &snapshot(&weighted(&[1, 1]), ""), 0);
    before.endpoints().members()[1].endpoint.judge(false, 1);
    let after = publish(&mut registry, &snapshot(&weighted(&[1, 1, 1]), ", balance: least_requests"), 2);
    assert_eq!(ids(&after)[..2], ids(&before));
    assert_ne!(after.version(), before.version());
    assert!(after.endpoints().members()[1].endpoint.is_unhealthy());
    assert_eq!(Chooser::new(&after).shares(4, 2).iter().sum::<usize>(), 4);
}

#[test]
fn what_is_gone_is_marked_and_its_slot_used_again() {
    let mut registry = Registry::default();
    let before = publish(&mut registry, &snapshot(&weighted(&[1, 1]), ""), 0);
    let gone = before.endpoints().members()[1].endpoint.clone();
    let after = publish(&mut registry, &snapshot(&weighted(&[1]), ""), 1);
    assert!(gone.is_retired() && !after.endpoints().members()[0].endpoint.is_retired());
    let slot = gone.slot();
    drop((gone, before));
    let later = publish(&mut registry, &snapshot(&weighted(&[1, 1, 1]), ""), 2);
    assert_eq!(slots(&later), [0, slot, 2]);
    assert_eq!(ids(&later), [0, 2, 3], "an id never is");
}

#[test]
fn an_upstream_that_is_gone_takes_its_endpoints_along() {
    let mut registry = Registry::default();
    let upstream = publish(&mut registry, &snapshot(&weighted(&[1]), ""), 0);
    registry.remove("u");
    assert_eq!(registry.upstreams().count(), 0);
    assert!(upstream.endpoints().members()[0].endpoint.is_retired());
}

#[test]
fn the_addresses_of_a_name_come_and_go() {
    let endpoints =
        "{ address: 127.0.0.1:80 }, { address: 'a.test:80', weight: 3 }, { address: 'b.test:80', backup: true }";
    let upstream = upstream(endpoints, "");
    assert_eq!(
        upstream.names().map(|(entry, host, port)| (entry, host.to_owned(), port)).collect::<Vec<_>>(),
        [(1, "a.test".to_owned(), 80), (2, "b.test".to_owned(), 80)]
    );
    let fixed = ids(&upstream);
    let version = upstream.version();
    assert!(upstream.set_addresses(1, &[ip(3), ip(2), ip(3)], 1));
    assert!(upstream.set_addresses(2, &[ip(9)], 1));
    assert_ne!(upstream.version(), version);
    let list = upstream.endpoints();
    let shown: Vec<_> =
        list.members().iter().map(|member| (member.endpoint.label(), member.weight, member.backup)).collect();
    assert_eq!(
        shown,
        [("127.0.0.1:80", 1, false), ("127.0.0.2:80", 3, false), ("127.0.0.3:80", 3, false), ("127.0.0.9:80", 1, true)]
    );
    assert!(!upstream.set_addresses(1, &[ip(2), ip(3)], 2), "rotated only");
    assert!(upstream.set_addresses(1, &[ip(3)], 3));
    assert!(list.members()[1].endpoint.is_retired());
    assert_eq!(ids(&upstream)[..2], [fixed[0], list.members()[2].endpoint.id()]);
    assert!(!upstream.set_addresses(0, &[ip(7)], 4), "not a name");
}

#[test]
fn a_new_snapshot_keeps_the_addresses_of_a_name() {
    let mut registry = Registry::default();
    let before = publish(&mut registry, &snapshot("{ address: 'a.test:80' }", ""), 0);
    before.set_addresses(0, &[ip(2)], 1);
    let after = publish(&mut registry, &snapshot("{ address: 127.0.0.1:1 }, { address: 'a.test:80' }", ""), 2);
    assert_eq!(ids(&after)[1..], ids(&before));
    let moved = publish(&mut registry, &snapshot("{ address: 'a.test:81' }", ""), 3);
    assert!(ids(&moved).is_empty(), "another port is another endpoint");
}

#[test]
fn an_address_that_comes_twice_is_one_endpoint() {
    let upstream = upstream("{ address: 127.0.0.2:80 }, { address: 'a.test:80' }", "");
    assert!(!upstream.set_addresses(1, &[ip(2)], 1));
    assert_eq!(ids(&upstream).len(), 1);
}

#[test]
fn what_an_upstream_was_sent_is_known_after_a_change() {
    let mut registry = Registry::default();
    let with = |keys: &str| snapshot(&weighted(&[1]), keys);
    let sent = |upstream: &Upstream| {
        let bucket = upstream.throughput().expect("it has one");
        (0..20).filter(|_| bucket.draw(1).is_ok()).count()
    };
    let before = publish(&mut registry, &with(", throughput: { limit: 5, per: hour }"), 0);
    assert_eq!(sent(&before), 5);
    let same = publish(&mut registry, &with(", throughput: { limit: 5, per: hour }, balance: least_requests"), 1);
    assert!(Arc::ptr_eq(before.throughput().unwrap(), same.throughput().unwrap()));
    let other = publish(&mut registry, &with(", throughput: { limit: 5, per: hour, burst: 7 }"), 1);
    assert_eq!(sent(&other), 2, "what is owed is owed still");
    let none = publish(&mut registry, &with(""), 1);
    assert!(none.throughput().is_none());
}
