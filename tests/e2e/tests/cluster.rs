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
    cluster_within(redis, rule, "100ms")
}

fn cluster_within(redis: &Redis, rule: &str, timeout: &str) -> Vec<Site> {
    let node = |_| {
        let folder = Folder::new(None);
        let url = redis.url();
        let cluster = format!(
            "cluster: {{ redis: [ '{url}' ], secret: '${{env:SECRET}}', nodes: {NODES}, timeout: {timeout} }}\n"
        );
        let route = format!("answer: {{ status: 200, body: one }}, policies: {{ {rule} }} }}\n");
        let text = folder.text("one").replace("answer: { status: 200, body: one } }\n", &route);
        folder.put("gateway.yaml", &format!("{text}{cluster}workers: [0]\n"));
        folder.start(&[], &[("SECRET", SECRET)])
    };
    (0..NODES).map(node).collect()
}

/// With a store that has all the time there is, so that a machine that is busy does not make it late.
fn patient(redis: &Redis, rule: &str) -> Vec<Site> {
    cluster_within(redis, rule, "10s")
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

/// Nothing was decided on without the store.
fn all_answered(sites: &[Site]) {
    for site in sites {
        let metrics = site.page("/metrics").text();
        for outcome in ["late", "lost", "full"] {
            let sample = format!("tollgate_cluster_questions_total{{outcome=\"{outcome}\"}} 0\n");
            assert!(metrics.contains(&sample), "{sample}{metrics}");
        }
    }
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

#[test]
fn a_strict_quota_is_admitted_exactly() {
    let Some(redis) = Redis::start() else { return };
    let rule = "quota: [ { name: all, key: node, limit: 1000, per: month, mode: strict } ]";
    let sites = patient(&redis, rule);
    until("the store", || sites.iter().all(is_up).then_some(()));
    assert_eq!(press(&sites, 300), 1000);
    all_answered(&sites);
}

#[test]
fn a_strict_bucket_admits_its_burst_exactly() {
    let Some(redis) = Redis::start() else { return };
    // No unit comes back while the test runs; 333 a unit is no whole number of microseconds.
    let rule = "throttle: [ { name: all, key: node, limit: 7, per: hour, burst: 333, mode: strict } ]";
    let sites = patient(&redis, rule);
    until("the store", || sites.iter().all(is_up).then_some(()));
    assert_eq!(press(&sites, 100), 333);
    all_answered(&sites);
}

#[test]
fn several_strict_rules_admit_by_all_or_none() {
    let Some(redis) = Redis::start() else { return };
    let all = "{ name: all, key: node, limit: 400, per: month, mode: strict }";
    let route = "{ name: route, key: route, limit: 100, per: day, mode: strict }";
    let sites = patient(&redis, &format!("quota: [ {all}, {route} ]"));
    until("the store", || sites.iter().all(is_up).then_some(()));
    assert_eq!(press(&sites, 100), 100);
    // What the narrower rule refused has cost the other nothing.
    let wide =
        cluster_within(&redis, "quota: [ { name: all, key: node, limit: 400, per: month, mode: strict } ]", "10s");
    until("the store", || wide.iter().all(is_up).then_some(()));
    assert_eq!(press(&wide, 100), 300);
}

#[test]
fn strict_requests_are_answered_without_the_store() {
    let Some(mut redis) = Redis::start() else { return };
    let shared = "{ name: shared, key: node, limit: 3000, per: month, mode: strict }";
    let sites = cluster(&redis, &format!("quota: [ {shared} ]"));
    until("the store", || sites.iter().all(is_up).then_some(()));
    redis.kill();
    until("the store to be missed", || sites.iter().all(|site| !is_up(site)).then_some(()));
    let admitted = press(&sites, 300);
    assert!(admitted <= 3000, "{admitted}");
    assert!(admitted >= 2970, "{admitted}");
    // What was admitted without it counts when it is back.
    redis.again();
    until("the store to be back", || sites.iter().all(is_up).then_some(()));
    let after = press(&sites, 300);
    assert!(admitted + after <= 3000, "{after} more");
}

#[test]
fn a_strict_rule_may_be_closed_without_the_store() {
    let Some(mut redis) = Redis::start() else { return };
    let rule = "quota: [ { name: all, key: node, limit: 3000, per: month, mode: strict, store_lost: closed } ]";
    let sites = patient(&redis, rule);
    until("the store", || sites.iter().all(is_up).then_some(()));
    let mut connection = Connection::open(sites[0].address);
    assert_eq!(take(&mut connection), 200);
    redis.kill();
    until("the store to be missed", || (!is_up(&sites[0])).then_some(()));
    until("a refusal", || (take(&mut connection) == 429).then_some(()));
    redis.again();
    until("the store to be back", || is_up(&sites[0]).then_some(()));
    until("an admission", || (take(&mut connection) == 200).then_some(()));
}
