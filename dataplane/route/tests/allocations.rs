//! A lookup does not allocate: alone in its binary, since the counters are those of the whole process.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tollgate_model::NoSource;
use tollgate_route::{Found, Request, Table};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUTES: &str = "
version: 1
listeners: [ { name: public, bind: 127.0.0.1:0 } ]
upstreams: [ { name: a, endpoints: [ { address: 127.0.0.1:1 } ] } ]
routes:
  - { name: exact, match: { hosts: [a.test], path: /a/b, methods: [GET, PUT] }, upstream: a }
  - { name: parameter, match: { hosts: ['*.a.test'], path: '/a/{x}/c' }, upstream: a }
  - name: conditions
    match:
      path: /a/b
      headers: [ { name: X-A, regex: '[0-9]+' } ]
      query: [ { name: q, prefix: 'a b' } ]
      cookies: [ { name: c, exact: d } ]
    upstream: a
  - { name: expression, match: { path_regex: '/v[0-9]+/.*' }, upstream: a }
  - { name: rest, match: { path: '/a/{rest*}', methods: [GET] }, upstream: a }
";

#[test]
fn a_lookup_does_not_allocate() {
    let snapshot = tollgate_model::parse("routes", ROUTES, &NoSource).unwrap();
    let mut table = Table::default();
    for (slot, entry) in snapshot.routes.entries() {
        table.insert(entry.order, &entry.item.matcher, &slot);
    }
    let fields = [("x-a", "7"), ("cookie", "b=1; c=d")];
    let request = |host, path, method| Request { listener: 0, host, path, query: b"q=a+bc", method, fields: &fields };
    let requests: [(&[u8], &[u8], &[u8]); 8] = [
        (b"A.test", b"/a/b", b"PUT"),
        (b"z.y.a.test.", b"/a/1/c", b"GET"),
        (b"a.test", b"/a/b/c/d", b"GET"),
        (b"", b"/a/", b"GET"),
        (b"", b"/a/b", b"GET"),
        (b"", b"/v12/x", b"GET"),
        (b"a.test", b"/none", b"GET"),
        (b"a.test", b"*", b"OPTIONS"),
    ];
    let count = || {
        let found = requests.iter().map(|&(host, path, method)| table.find(&request(host, path, method)));
        found.filter(|found| matches!(found, Found::Route(_))).count()
    };
    // What a thread needs to run an expression is made at its first.
    count();
    let region = Region::new(ALLOCATOR);
    let routes = count();
    let change = region.change();
    assert_eq!((routes, change.allocations, change.reallocations), (6, 0, 0));
    // The counter counts: the one answer that allocates.
    assert!(matches!(table.find(&request(b"", b"/a/", b"PUT")), Found::MethodNotAllowed(_)));
    assert!(region.change().allocations > 0);
}
