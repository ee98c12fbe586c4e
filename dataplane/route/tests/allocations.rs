//! A lookup does not allocate: alone in its binary, since the counters are those of the whole process.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tollgate_model::NoSource;
use tollgate_route::{Found, Table};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUTES: &str = "
version: 1
listeners: [ { name: public, bind: 127.0.0.1:0 } ]
upstreams: [ { name: a, endpoints: [ { address: 127.0.0.1:1 } ] } ]
routes:
  - { name: exact, match: { hosts: [a.test], path: /a/b, methods: [GET, PUT] }, upstream: a }
  - { name: parameter, match: { hosts: ['*.a.test'], path: '/a/{x}/c' }, upstream: a }
  - { name: rest, match: { path: '/a/{rest*}', methods: [GET] }, upstream: a }
";

#[test]
fn a_lookup_does_not_allocate() {
    let snapshot = tollgate_model::parse("routes", ROUTES, &NoSource).unwrap();
    let table = Table::build(&snapshot.routes);
    let requests: [(&[u8], &[u8], &[u8]); 6] = [
        (b"A.test", b"/a/b", b"PUT"),
        (b"z.y.a.test.", b"/a/1/c", b"GET"),
        (b"a.test", b"/a/b/c/d", b"GET"),
        (b"", b"/a/", b"GET"),
        (b"a.test", b"/none", b"GET"),
        (b"a.test", b"*", b"OPTIONS"),
    ];
    let region = Region::new(ALLOCATOR);
    let routes = requests
        .iter()
        .filter(|(host, path, method)| matches!(table.find(0, host, path, method), Found::Route(_)))
        .count();
    let change = region.change();
    assert_eq!((routes, change.allocations, change.reallocations), (4, 0, 0));
    // The counter counts: the one answer that allocates.
    assert!(matches!(table.find(0, b"", b"/a/b", b"PUT"), Found::MethodNotAllowed(_)));
    assert!(region.change().allocations > 0);
}
