//! Lookups of routes.

use crate::{
    Step, config,
    fixed::Numbers,
    head::{BROWSER, Request},
    step::InTurn,
};
use std::hint::black_box;
use tollgate_model::Snapshot;
use tollgate_route::{Found, Request as Asked, Table};

fn table(snapshot: &Snapshot) -> Table<u32> {
    let mut table = Table::default();
    for (slot, entry) in snapshot.routes.entries() {
        table.insert(entry.order, &entry.item.matcher, &slot);
    }
    table
}

/// By host and path, asked for 64 routes in turn.
fn among(hosts: usize, paths: usize) -> Step {
    let table = table(&config::snapshot(&config::routes(hosts, paths)));
    let mut numbers = Numbers::new();
    let mut asked = InTurn::<_, 64>::new(|_| {
        let number = numbers.below(hosts * paths);
        (format!("h{}.test", number / paths), format!("/api/v1/p{}/x", number % paths))
    });
    Step::new(move || {
        let (host, path) = asked.next();
        let [host, path] = [host, path].map(|text| black_box(text.as_bytes()));
        let request = Asked { listener: 0, host, path, query: b"", method: b"GET", fields: &[] };
        assert!(matches!(table.find(&request), Found::Route(_)));
    })
}

/// 10 hosts with 10 paths each.
pub(crate) fn among_100() -> Step {
    among(10, 10)
}

/// 100 hosts with 100 paths each.
pub(crate) fn among_10_000() -> Step {
    among(100, 100)
}

/// 10,000 hosts with 10 paths each.
pub(crate) fn among_100_000() -> Step {
    among(10_000, 10)
}

/// A path that four routes take by header field, parameter and cookie; a browser's request fits the last.
pub(crate) fn conditions() -> Step {
    const MATCHES: [&str; 4] = [
        "headers: [ { name: X-Canary } ]",
        "query: [ { name: version, exact: \"3\" } ]",
        "headers: [ { name: Accept-Language, prefix: de } ], cookies: [ { name: beta } ]",
        "query: [ { name: sort, exact: price } ], cookies: [ { name: session } ]",
    ];
    let routes = MATCHES.iter().enumerate().map(|(number, conditions)| {
        format!("  - {{ name: r{number}, match: {{ path: \"/products/{{rest*}}\", {conditions} }}, answer: {{ status: 200 }} }}\n")
    });
    let text =
        format!("version: 1\nlisteners: [ {{ name: l, bind: 127.0.0.1:0 }} ]\nroutes:\n{}", routes.collect::<String>());
    let (table, request) = (table(&config::snapshot(&text)), Request::new(BROWSER));
    Step::new(move || {
        let head = request.head();
        assert_eq!(table.find(&Asked::of(0, black_box(&head))), Found::Route(&3));
    })
}
