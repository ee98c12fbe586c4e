//! What a lookup and a change cost, with few routes and with very many: `cargo run --release -p tollgate-route --example lookup`.
//!
//! Requests are drawn at random, so that neither the caches nor the branch predictor know them: what is shown is the time of
//! one lookup whose route has not been asked for lately. A change replaces one route in a copy of the table, as a patch does;
//! the slowest addition of a route is one that spreads all over more pages.

#![expect(clippy::disallowed_methods, reason = "a measurement has no `io`")]

use std::{
    hint::black_box,
    iter,
    time::{Duration, Instant},
};

use tollgate_model::{Items, NoSource, Route};
use tollgate_route::{Found, Request, Table};

/// That of the gateway: what is measured is where things lie in memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LOOKUPS: usize = 2_000_000;
const BATCH: usize = 100;
const CHANGES: usize = 10_000;

fn main() {
    println!("{:>22} {:>12} {:>12} {:>20}", "routes", "ns/lookup", "us/change", "slowest addition, ms");
    for (hosts, paths) in [(1, 100), (1, 100_000), (10_000, 10)] {
        let routes = routes(hosts, paths);
        let (mut table, mut slowest) = (Table::default(), Duration::ZERO);
        for (slot, entry) in routes.entries() {
            let begun = Instant::now();
            table.insert(entry.order, &entry.item.matcher, &slot);
            slowest = slowest.max(begun.elapsed());
        }
        let slowest = slowest.as_nanos() as f64 / 1e6;
        let lookup = lookups(&table, hosts, paths);
        let change = changes(&table, &routes);
        let name = format!("{hosts} hosts x {paths} paths");
        println!("{name:>22} {lookup:>12.0} {change:>12.2} {slowest:>20.1}");
    }
}

fn routes(hosts: usize, paths: usize) -> Items<Route> {
    let mut text = String::from(
        "{\"version\":1,\"listeners\":[{\"name\":\"l\",\"bind\":\"127.0.0.1:0\"}],\
         \"upstreams\":[{\"name\":\"a\",\"endpoints\":[{\"address\":\"127.0.0.1:1\"}]}],\"routes\":[",
    );
    for number in 0..hosts * paths {
        let comma = if number == 0 { "" } else { "," };
        let (host, path) = (number / paths, number % paths);
        text += &format!(
            "{comma}{{\"name\":\"r{number}\",\"match\":{{\"hosts\":[\"h{host}.test\"],\"path\":\"/api/v1/p{path}/{{rest*}}\"}},\
             \"upstream\":\"a\"}}"
        );
    }
    text += "]}";
    match tollgate_model::parse("routes", &text, &NoSource) {
        Ok(snapshot) => snapshot.routes,
        Err(errors) => panic!("{errors}"),
    }
}

/// Nanoseconds. Requests are made in batches that stay in the cache, as the head of a request is when it is routed.
fn lookups(table: &Table<u32>, hosts: usize, paths: usize) -> f64 {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut spent = Duration::ZERO;
    for _ in 0..LOOKUPS / BATCH {
        let requests: Vec<(String, String)> = iter::repeat_with(|| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (random >> 33) as usize % (hosts * paths);
            (format!("h{}.test", number / paths), format!("/api/v1/p{}/x", number % paths))
        })
        .take(BATCH)
        .collect();
        let begun = Instant::now();
        for (host, path) in &requests {
            let [host, path] = [host, path].map(String::as_bytes);
            let request = Request { listener: 0, host, path, query: b"", method: b"GET", fields: &[] };
            assert!(matches!(black_box(table.find(&request)), Found::Route(_)));
        }
        spent += begun.elapsed();
    }
    spent.as_nanos() as f64 / LOOKUPS as f64
}

/// Microseconds.
fn changes(table: &Table<u32>, routes: &Items<Route>) -> f64 {
    let begun = Instant::now();
    for number in 0..CHANGES {
        let slot = (number * 7919 % routes.len()) as u32;
        let Some(entry) = routes.entry(slot) else { continue };
        let mut changed = table.clone();
        changed.remove(entry.order, &entry.item.matcher);
        changed.insert(entry.order, &entry.item.matcher, &slot);
        black_box(&changed);
    }
    begun.elapsed().as_nanos() as f64 / 1e3 / CHANGES as f64
}
