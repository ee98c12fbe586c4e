//! Three gateways that share limits through a Redis: what they admit together, and what becomes of requests without it.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::Instant,
};
use tollgate_e2e::{Connection, Folder, Redis, Site, until};

const NODES: usize = 3;
const SECRET: &str = "a-secret-of-the-cluster";

/// Gateways with one rule, all of the same cluster.
fn cluster(redis: &Redis, rule: &str) -> Vec<Site> {
    let node = |_| {
        let folder = Folder::new(None);
        let url = redis.url();
        let cluster = format!("cluster: {{ redis: [ '{url}' ], secret: '${{env:SECRET}}', nodes: {NODES} }}\n");
        let route = format!("answer: {{ status: 200, body: one }}, policies: {{ {rule} }} }}\n");
        let text = folder.text("one").replace("answer: { status: 200, body: one } }\n", &route);
        folder.put("gateway.yaml", &format!("{text}{cluster}workers: [0]\n"));
        folder.start(&[], &[("SECRET", SECRET)])
    };
    (0..NODES).map(node).collect()
}

fn is_up(site: &Site) -> bool {
    site.page("/metrics").text().contains("tollgate_cluster_store_up 1\n")
}

/// Asks all gateways at once until each has refused so many requests; how many were admitted.
fn press(sites: &[Site], refusals: u64) -> u64 {
    let admitted = AtomicU64::new(0);
    thread::scope(|scope| {
        for site in sites {
            scope.spawn(|| {
                let (mut connection, mut refused) = (Connection::open(site.address), 0);
                while refused < refusals {
                    match take(&mut connection) {
                        200 => drop(admitted.fetch_add(1, Relaxed)),
                        429 => refused += 1,
                        status => panic!("answered {status}"),
                    }
                }
            });
        }
    });
    admitted.into_inner()
}

fn take(connection: &mut Connection) -> u16 {
    connection.send("GET /answer HTTP/1.1\r\nHost: test\r\n\r\n");
    connection.response().status
}

#[test]
fn three_nodes_admit_a_quota_and_hardly_more() {
    let Some(redis) = Redis::start() else { return };
    let limit = 6000;
    let sites =
        cluster(&redis, &format!("quota: [ {{ name: all, key: node, limit: {limit}, per: month, mode: leased }} ]"));
    until("the store", || sites.iter().all(is_up).then_some(()));
    let admitted = press(&sites, 2000);
    println!("admitted {admitted} of {limit}");
    assert!((limit..=limit + limit / 100).contains(&admitted), "{admitted} of {limit}");
}

#[test]
fn three_nodes_admit_what_a_bucket_gains_and_hardly_more() {
    let Some(redis) = Redis::start() else { return };
    let limit = 1000;
    let sites = cluster(
        &redis,
        &format!("throttle: [ {{ name: all, key: node, limit: {limit}, burst: {limit}, mode: leased }} ]"),
    );
    until("the store", || sites.iter().all(is_up).then_some(()));
    let begun = Instant::now();
    let admitted = press(&sites, 6000);
    // More time than it was has been for more units: that errs to one side only.
    let exact = limit + begun.elapsed().as_nanos() as u64 * limit / 1_000_000_000;
    println!("admitted {admitted} of {exact}");
    assert!(admitted <= exact + limit / 100, "{admitted} of {exact}");
}

#[test]
fn no_request_fails_when_the_store_goes_and_comes_back() {
    let Some(mut redis) = Redis::start() else { return };
    let limit = 1_000_000_000_u64;
    let sites =
        cluster(&redis, &format!("quota: [ {{ name: all, key: node, limit: {limit}, per: month, mode: leased }} ]"));
    until("the store", || sites.iter().all(is_up).then_some(()));
    let (ended, done) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for site in &sites {
            scope.spawn(|| {
                let mut connection = Connection::open(site.address);
                while !ended.load(Relaxed) {
                    assert_eq!(take(&mut connection), 200);
                    done.fetch_add(1, Relaxed);
                }
            });
        }
        for _ in 0..3 {
            let more = |wanted| {
                let from = done.load(Relaxed);
                until("more requests", || (done.load(Relaxed) > from + wanted).then_some(()));
            };
            more(300);
            redis.kill();
            until("the store to be missed", || sites.iter().all(|site| !is_up(site)).then_some(()));
            more(300);
            redis.again();
            until("the store to be back", || sites.iter().all(is_up).then_some(()));
        }
        ended.store(true, Relaxed);
    });
}

#[test]
fn without_the_store_each_node_admits_its_part() {
    let Some(mut redis) = Redis::start() else { return };
    let limit = 3000;
    let sites =
        cluster(&redis, &format!("quota: [ {{ name: all, key: node, limit: {limit}, per: month, mode: leased }} ]"));
    until("the store", || sites.iter().all(is_up).then_some(()));
    redis.kill();
    until("the store to be missed", || sites.iter().all(|site| !is_up(site)).then_some(()));
    let admitted = press(&sites, 1000);
    assert!((limit * 99 / 100..=limit + limit / 100).contains(&admitted), "{admitted} of {limit}");
    // What was admitted without it counts when it is back.
    redis.again();
    until("the store to be back", || sites.iter().all(is_up).then_some(()));
    let after = press(&sites, 1000);
    assert!(after <= limit / 100, "{after} more");
}

#[test]
fn a_rule_may_be_closed_without_the_store() {
    let Some(mut redis) = Redis::start() else { return };
    let rule = "quota: [ { name: all, key: node, limit: 3000, per: month, mode: leased, store_lost: closed } ]";
    let sites = cluster(&redis, rule);
    until("the store", || sites.iter().all(is_up).then_some(()));
    let mut connection = Connection::open(sites[0].address);
    assert_eq!(take(&mut connection), 200);
    redis.kill();
    until("the store to be missed", || (!is_up(&sites[0])).then_some(()));
    assert_eq!(take(&mut connection), 429);
    redis.again();
    until("the store to be back", || is_up(&sites[0]).then_some(()));
    assert_eq!(take(&mut connection), 200);
}
