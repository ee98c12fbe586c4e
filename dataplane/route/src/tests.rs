//! The table against a slow matcher that looks at every route, and each rule of precedence by example.

use std::fmt::Write as _;

use proptest::prelude::*;
use tollgate_model::{Items, NoSource, Route};
use tollgate_reference::{Choice, Lookup, choose};

use crate::{Found, Request, Table};

/// Routes out of what stands in their `match`; `None` when they are in conflict.
fn routes(matches: &[impl AsRef<str>]) -> Option<Items<Route>> {
    let mut text = String::from(
        "version: 1\nlisteners: [ { name: l0, bind: 127.0.0.1:0 }, { name: l1, bind: 127.0.0.1:0 } ]\n\
         upstreams: [ { name: a, endpoints: [ { address: 127.0.0.1:1 } ] } ]\nroutes:\n",
    );
    for (index, text_of_match) in matches.iter().enumerate() {
        let _ = writeln!(text, "  - {{ name: r{index}, match: {{ {} }}, upstream: a }}", text_of_match.as_ref());
    }
    match tollgate_model::parse("routes", &text, &NoSource) {
        Ok(snapshot) => Some(snapshot.routes),
        Err(errors) => {
            let shown = errors.to_string();
            assert!(shown.contains("the same requests"), "{shown}");
            None
        }
    }
}

/// A request without fields; `target` may have a query.
fn request<'r>(listener: usize, host: &'r str, target: &'r str, method: &'r str) -> Request<'r> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let [host, path, query, method] = [host, path, query, method].map(str::as_bytes);
    Request { listener, host, path, query, method, fields: &[] }
}

/// Their table, which finds slots.
fn table(routes: &Items<Route>) -> Table<u32> {
    let mut table = Table::default();
    for (slot, entry) in routes.entries() {
        table.insert(entry.order, &entry.item.matcher, &slot);
    }
    table
}

fn find(table: &Table<u32>, request: &Request<'_>) -> Found<u32> {
    match table.find(request) {
        Found::Route(slot) => Found::Route(*slot),
        Found::MethodNotAllowed(allow) => Found::MethodNotAllowed(allow),
        Found::None => Found::None,
    }
}

fn found(matches: &[&str], host: &str, path: &str, method: &str) -> Found<u32> {
    find(&table(&routes(matches).unwrap()), &request(0, host, path, method))
}

/// Asserts that a GET of `target` with these fields goes to the route of this index.
fn check_fields(matches: &[&str], target: &str, fields: &[(&str, &str)], expected: Option<u32>) {
    let table = table(&routes(matches).unwrap());
    let expected = expected.map_or(Found::None, Found::Route);
    let mut known = [("", ""); 4];
    known[..fields.len()].copy_from_slice(fields);
    let found = find(&table, &Request { fields: &known, ..request(0, "", target, "GET") });
    assert_eq!(found, expected, "{target} {fields:?} in {matches:?}");
}

/// Asserts that `path` goes to the route of this index.
fn check(matches: &[&str], path: &str, expected: Option<u32>) {
    let expected = expected.map_or(Found::None, Found::Route);
    assert_eq!(found(matches, "", path, "GET"), expected, "{path} in {matches:?}");
}

#[test]
fn a_path_is_taken_as_the_manual_says() {
    for (pattern, taken, refused) in [
        ("/", &["/"][..], &["/a", "//", "", "*"][..]),
        ("/orders", &["/orders"], &["/orders/", "/orders/1", "/Orders", "/order", "/orderss"]),
        ("/orders/", &["/orders/"], &["/orders", "/orders//", "/orders/1"]),
        ("/orders/{id}", &["/orders/1", "/orders/%2F"], &["/orders", "/orders/", "/orders/1/", "/orders/1/lines"]),
        ("/orders/{id}/lines", &["/orders/1/lines"], &["/orders//lines", "/orders/1", "/orders/1/2/lines"]),
        ("/orders/{rest*}", &["/orders/", "/orders/1", "/orders/1/lines", "/orders//"], &["/orders", "/", "/ordersx"]),
        ("/{rest*}", &["/", "/a", "/a/b", "//"], &["", "*", "a"]),
    ] {
        let matches = [format!("path: '{pattern}'")];
        let matches = [matches[0].as_str()];
        taken.iter().for_each(|path| check(&matches, path, Some(0)));
        refused.iter().for_each(|path| check(&matches, path, None));
    }
}

#[test]
fn the_more_specific_path_comes_first() {
    let matches = [
        "path: '/{rest*}'",
        "path: '/a/{rest*}'",
        "path: '/a/{x}'",
        "path: '/a/b'",
        "path: '/a/{x}/c'",
        "path: '/a/b/{rest*}'",
    ];
    for (path, expected) in
        [("/a/b", 3), ("/a/x", 2), ("/a/b/c", 5), ("/a/x/c", 4), ("/a/x/d", 1), ("/a/", 1), ("/a", 0), ("/x", 0)]
    {
        check(&matches, path, Some(expected));
    }
}

/// A literal that leads nowhere does not hide the parameter or the rest beside it.
#[test]
fn the_search_comes_back_from_a_dead_end() {
    let matches = ["path: '/a/b/c'", "path: '/a/{x}/d'", "path: '/{y}/b/{z}/e'"];
    for (path, expected) in [("/a/b/c", Some(0)), ("/a/b/d", Some(1)), ("/a/b/c/e", Some(2)), ("/a/b/x", None)] {
        check(&matches, path, expected);
    }
}

#[test]
fn the_more_specific_host_comes_first() {
    let matches = [
        "path: /x",
        "path: /x, hosts: ['*.b.test']",
        "path: /x, hosts: ['*.a.b.test']",
        "path: /x, hosts: ['z.a.b.test', '[::1]']",
        "path: /only-any",
    ];
    for (host, expected) in [
        ("z.a.b.test", 3),
        ("Z.A.b.TEST", 3),
        ("z.a.b.test.", 3),
        ("y.a.b.test", 2),
        ("y.z.a.b.test", 2),
        ("a.b.test", 1),
        ("b.test", 0),
        ("xb.test", 0),
        (".b.test", 0),
        ("", 0),
        ("[::1]", 3),
        ("[::2]", 0),
    ] {
        assert_eq!(found(&matches, host, "/x", "GET"), Found::Route(expected), "{host}");
    }
    let long = format!("{}.b.test", "a.".repeat(150));
    assert_eq!(found(&matches, &long, "/x", "GET"), Found::Route(0), "longer than a name can be");
    assert_eq!(found(&matches, "z.a.b.test", "/only-any", "GET"), Found::Route(4));
}

#[test]
fn a_method_nobody_takes_is_answered_with_those_somebody_does() {
    let matches = [
        "path: '/a/{x}', methods: [PUT, GET]",
        "path: '/a/{x*}', methods: [POST, GET]",
        "path: '/a/b', methods: [DELETE], hosts: [h.test]",
        "path: '/a/b', methods: [PATCH], listeners: [l1]",
        "path: '/b', methods: [GET]",
        "path: '/b'",
    ];
    let allow = |text: &str| Found::MethodNotAllowed(text.to_owned());
    assert_eq!(found(&matches, "", "/a/b", "DELETE"), allow("GET, POST, PUT"));
    assert_eq!(found(&matches, "h.test", "/a/b", "BREW"), allow("DELETE, GET, POST, PUT"));
    assert_eq!(found(&matches, "h.test", "/a/b", "get"), allow("DELETE, GET, POST, PUT"));
    assert_eq!(found(&matches, "", "/a/b", "POST"), Found::Route(1), "the next route that fits");
    assert_eq!(found(&matches, "", "/b", "GET"), Found::Route(4), "named before any");
    assert_eq!(found(&matches, "", "/b", "PUT"), Found::Route(5));
    assert_eq!(found(&matches, "", "/c", "PUT"), Found::None);
}

#[test]
fn a_route_listens_where_it_says() {
    let table = table(&routes(&["path: /x, listeners: [l1]", "path: /x, listeners: [l0]", "path: /y"]).unwrap());
    for (listener, path, expected) in [(0, "/x", 1), (1, "/x", 0), (0, "/y", 2), (1, "/y", 2)] {
        assert_eq!(find(&table, &request(listener, "", path, "GET")), Found::Route(expected));
    }
}

#[test]
fn a_header_is_there_or_has_the_value() {
    let matches = [
        "path: /a, headers: [ { name: X-Tenant, exact: acme } ]",
        "path: /a, headers: [ { name: x-tenant, prefix: ac } ]",
        "path: /a, headers: [ { name: X-TENANT, regex: 'b[0-9]+' } ]",
        "path: /a, headers: [ { name: X-Tenant } ]",
        "path: /a",
    ];
    for (fields, expected) in [
        (&[("x-tenant", "acme")][..], 0),
        (&[("X-Tenant", "acme2")], 1),
        (&[("X-Tenant", "b12")], 2),
        (&[("X-Tenant", "b12x")], 3),
        (&[("X-Tenant", "")], 3),
        (&[("X-Tenant", "ACME")], 3),
        (&[("X-Tenant", "z"), ("X-Tenant", "acme")], 0),
        (&[("X_Tenant", "acme")], 4),
        (&[], 4),
    ] {
        check_fields(&matches, "/a", fields, Some(expected));
    }
}

#[test]
fn a_query_parameter_is_compared_decoded() {
    let matches = [
        "path: /a, query: [ { name: v, exact: 'a b' } ]",
        "path: /a, query: [ { name: v, prefix: 'x&' } ]",
        "path: /a, query: [ { name: v, regex: '[0-9]{2}' } ]",
        "path: /a, query: [ { name: 'v w' } ]",
    ];
    for (query, expected) in [
        ("v=a+b", Some(0)),
        ("v=a%20b", Some(0)),
        ("u=1&v=1&%76=a%20b", Some(0)),
        ("v=x%26y", Some(1)),
        ("v=x&y", None),
        ("v=42", Some(2)),
        ("v=421", None),
        ("v%20w", Some(3)),
        ("v+w=", Some(3)),
        ("V=42", None),
        ("v=%4", None),
        ("", None),
    ] {
        check_fields(&matches, &format!("/a?{query}"), &[], expected);
    }
    let long = format!("/a?v=x%26{}", "y".repeat(5000));
    check_fields(&matches, &long, &[], Some(1));
    let long = format!("/a?v=42{}", "%00".repeat(5000));
    check_fields(&["path: /a, query: [ { name: v, regex: '.*' } ]"], &long, &[], None);
}

#[test]
fn a_cookie_is_found_among_others() {
    let matches = ["path: /a, cookies: [ { name: beta, exact: '1' } ]", "path: /a, cookies: [ { name: beta } ]"];
    for (cookie, expected) in [
        ("beta=1", Some(0)),
        ("a=b; beta=1; c=d", Some(0)),
        ("a=b;beta=2", Some(1)),
        ("beta", Some(1)),
        ("xbeta=1; Beta=1", None),
        ("a=beta=1", None),
    ] {
        check_fields(&matches, "/a", &[("Cookie", cookie)], expected);
    }
}

#[test]
fn an_expression_comes_behind_every_pattern_and_in_the_order_of_the_file() {
    let matches = [
        "path_regex: '/a/[a-z]+'",
        "path_regex: '/a/.*'",
        "path: '/{x}/{y}/z/*'",
        "path_regex: '/a/[a-z]+', methods: [GET]",
        "path_regex: '/h', hosts: [h.test]",
        "path: /h",
    ];
    for (path, expected) in [
        ("/a/b", Some(3)),
        ("/a/1", Some(1)),
        ("/a/b/z/c", Some(2)),
        ("/a/b/z", Some(1)),
        ("/a", None),
        ("/x/a/b", None),
        ("*", None),
    ] {
        check(&matches, path, expected);
    }
    assert_eq!(found(&matches, "h.test", "/h", "GET"), Found::Route(4), "the host counts more than the path");
}

#[test]
fn more_conditions_come_first_and_then_the_order_of_the_file() {
    let matches = [
        "path: '/{x}', headers: [ { name: a } ]",
        "path: '/{y}', headers: [ { name: b } ]",
        "path: '/{z}', headers: [ { name: b } ], methods: [GET]",
        "path: /exact",
        "path: '/{x}', listeners: [l0], methods: [GET], query: [ { name: q } ]",
        "path: '/{x}'",
    ];
    for (target, fields, expected) in [
        ("/1", &[("a", ""), ("b", "")][..], 2),
        ("/1", &[("a", "")], 0),
        ("/1?q", &[("a", ""), ("b", "")], 4),
        ("/exact?q", &[("a", ""), ("b", "")], 3),
        ("/1", &[], 5),
    ] {
        check_fields(&matches, target, fields, Some(expected));
    }
    check_fields(&matches[..2], "/1", &[("a", ""), ("b", "")], Some(0));
}

/// A route whose conditions are not met is none, so its methods are not told either.
#[test]
fn methods_of_a_route_count_only_when_its_conditions_are_met() {
    let matches = [
        "path: /a, methods: [PUT], headers: [ { name: k, exact: v } ]",
        "path: /a, methods: [GET], query: [ { name: q } ]",
        "path_regex: '/[a-z]', methods: [POST]",
        "path: /B, methods: [GET], cookies: [ { name: c } ]",
    ];
    let table = table(&routes(&matches).unwrap());
    let ask = |target, method, fields: &[(&str, &str); 1]| {
        find(&table, &Request { fields, ..request(0, "", target, method) })
    };
    let allow = |text: &str| Found::MethodNotAllowed(text.to_owned());
    assert_eq!(ask("/a", "DELETE", &[("k", "v")]), allow("POST, PUT"));
    assert_eq!(ask("/a?q", "DELETE", &[("k", "x")]), allow("GET, POST"));
    assert_eq!(ask("/a", "GET", &[("k", "v")]), allow("POST, PUT"));
    assert_eq!(ask("/a", "POST", &[("k", "v")]), Found::Route(2));
    assert_eq!(ask("/B", "PUT", &[("k", "v")]), Found::None);
    assert_eq!(ask("/B", "PUT", &[("cookie", "c=")]), allow("GET"));
}

/// What the slow matcher finds.
fn slow(routes: &Items<Route>, listener: usize, host: &str, path: &str, method: &str) -> Found<u32> {
    let numbered = routes.entries().map(|(slot, entry)| (slot, entry.item.as_ref()));
    match choose(numbered, Lookup { listener, host, path, method, query: b"", fields: &[] }) {
        Choice::Route(slot) => Found::Route(slot),
        Choice::MethodNotAllowed(allow) => Found::MethodNotAllowed(allow),
        Choice::None => Found::None,
    }
}

fn match_text() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "b", "", "{}", "{}"]);
    let path = (prop::collection::vec(segment, 0..4), any::<bool>()).prop_filter_map("no path", |(segments, rest)| {
        let mut path = String::new();
        for (index, segment) in segments.iter().enumerate() {
            let _ = write!(path, "/{}", segment.replace("{}", &format!("{{p{index}}}")));
        }
        if rest {
            path.push_str("/{rest*}");
        }
        (!path.is_empty()).then_some(path)
    });
    let hosts = prop::sample::select(vec!["", ", hosts: [a.t]", ", hosts: ['*.t']", ", hosts: ['*.a.t', b.a.t]"]);
    let methods = prop::sample::select(vec!["", "", ", methods: [GET]", ", methods: [PUT, GET]", ", methods: [POST]"]);
    let listeners = prop::sample::select(vec!["", "", ", listeners: [l0]", ", listeners: [l1]"]);
    (path, hosts, methods, listeners)
        .prop_map(|(path, hosts, methods, listeners)| format!("path: '{path}'{hosts}{methods}{listeners}"))
}

/// The matches that can stand side by side, in their order.
fn without_conflicts(matches: Vec<String>) -> Items<Route> {
    let mut kept: Vec<String> = Vec::new();
    let mut last = Items::default();
    for text in matches {
        kept.push(text);
        match routes(&kept) {
            Some(routes) => last = routes,
            None => {
                kept.pop();
            }
        }
    }
    last
}

/// The table of `routes` after others have been in it, and each of its own has been away once.
fn detour(routes: &Items<Route>, passing: &[String]) -> Table<u32> {
    let passing = without_conflicts(passing.to_vec());
    let mut table = table(&passing);
    let before = table.clone();
    for (slot, entry) in routes.entries() {
        table.insert(100 + entry.order, &entry.item.matcher, &slot);
    }
    for (_, entry) in passing.entries() {
        table.remove(entry.order, &entry.item.matcher);
    }
    for (slot, entry) in routes.entries() {
        table.remove(100 + entry.order, &entry.item.matcher);
        table.insert(100 + entry.order, &entry.item.matcher, &slot);
    }
    drop(before);
    table
}

#[test]
fn a_copy_is_not_changed_by_what_becomes_of_the_other() {
    let routes = routes(&["path: /a/b", "path: /a/c", "path_regex: '/r.*'", "path: /a/b, hosts: [h.test]"]).unwrap();
    let full = table(&routes);
    let mut empty = full.clone();
    for (_, entry) in routes.entries() {
        empty.remove(entry.order, &entry.item.matcher);
    }
    for (host, path, slot) in [("", "/a/b", 0), ("", "/a/c", 1), ("", "/rx", 2), ("h.test", "/a/b", 3)] {
        assert_eq!(find(&full, &request(0, host, path, "GET")), Found::Route(slot));
        assert_eq!(find(&empty, &request(0, host, path, "GET")), Found::None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_table_agrees_with_the_slow_matcher(
        matches in prop::collection::vec(match_text(), 1..12),
        passing in prop::collection::vec(match_text(), 0..6),
        paths in prop::collection::vec("(/(a|b|c|)){0,5}", 8),
    ) {
        let routes = without_conflicts(matches);
        let table = detour(&routes, &passing);
        for path in &paths {
            for host in ["", "a.t", "B.a.T", "c.a.t.", "t", "x"] {
                for method in ["GET", "PUT", "BREW"] {
                    for listener in 0..2 {
                        let expected = slow(&routes, listener, host, path, method);
                        let found = find(&table, &request(listener, host, path, method));
                        prop_assert_eq!(found, expected, "{} {}{} at {}", method, host, path, listener);
                    }
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_answered(host: Vec<u8>, path: Vec<u8>, method: Vec<u8>, listener: usize) {
        let table = table(&routes(&["path: '/{a}/{b*}', hosts: ['*.t']", "path: '/{a*}', query: [ { name: a, regex: b+ } ]", "path_regex: '/a.*', methods: [GET]"]).unwrap());
        let (host, path, method, query) = (&host, &path, &method, &path);
        let _ = find(&table, &Request { listener, host, path, query, method, fields: &[] });
    }
}
