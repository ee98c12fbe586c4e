//! The table against a slow matcher that looks at every route, and each rule of precedence by example.

use std::{collections::BTreeSet, fmt::Write as _};

use proptest::prelude::*;
use tollgate_model::{HostPattern, NoSource, Route, Segment};

use crate::{Found, RouteId, Table};

/// Routes out of what stands in their `match`; `None` when they are in conflict.
fn routes(matches: &[impl AsRef<str>]) -> Option<Vec<Route>> {
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

fn found(matches: &[&str], host: &str, path: &str, method: &str) -> Found {
    let table = Table::build(&routes(matches).unwrap());
    table.find(0, host.as_bytes(), path.as_bytes(), method.as_bytes())
}

/// Asserts that `path` goes to the route of this index.
fn check(matches: &[&str], path: &str, expected: Option<u32>) {
    let expected = expected.map_or(Found::None, |id| Found::Route(RouteId(id)));
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
        assert_eq!(found(&matches, host, "/x", "GET"), Found::Route(RouteId(expected)), "{host}");
    }
    let long = format!("{}.b.test", "a.".repeat(150));
    assert_eq!(found(&matches, &long, "/x", "GET"), Found::Route(RouteId(0)), "longer than a name can be");
    assert_eq!(found(&matches, "z.a.b.test", "/only-any", "GET"), Found::Route(RouteId(4)));
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
    assert_eq!(found(&matches, "", "/a/b", "POST"), Found::Route(RouteId(1)), "the next route that fits");
    assert_eq!(found(&matches, "", "/b", "GET"), Found::Route(RouteId(4)), "named before any");
    assert_eq!(found(&matches, "", "/b", "PUT"), Found::Route(RouteId(5)));
    assert_eq!(found(&matches, "", "/c", "PUT"), Found::None);
}

#[test]
fn a_route_listens_where_it_says() {
    let table = Table::build(&routes(&["path: /x, listeners: [l1]", "path: /x, listeners: [l0]", "path: /y"]).unwrap());
    for (listener, path, expected) in [(0, "/x", 1), (1, "/x", 0), (0, "/y", 2), (1, "/y", 2)] {
        assert_eq!(table.find(listener, b"", path.as_bytes(), b"GET"), Found::Route(RouteId(expected)));
    }
}

/// The reference: every route is compared, and the best of those that fit is taken.
fn slow(routes: &[Route], listener: usize, host: &str, path: &str, method: &str) -> Found {
    let fitting: Vec<(Rank, usize)> = routes
        .iter()
        .enumerate()
        .filter(|(_, route)| route.matcher.listeners.is_empty() || route.matcher.listeners.contains(&listener))
        .filter_map(|(index, route)| Some((rank(route, host, path)?, index)))
        .collect();
    let takes = |index: usize| {
        let methods = &routes[index].matcher.methods;
        methods.is_empty() || methods.iter().any(|known| known == method)
    };
    if let Some((_, index)) = fitting.iter().filter(|&&(_, index)| takes(index)).min() {
        return Found::Route(RouteId(*index as u32));
    }
    let methods: BTreeSet<&str> =
        fitting.iter().flat_map(|&(_, index)| &routes[index].matcher.methods).map(String::as_str).collect();
    match methods.is_empty() {
        true => Found::None,
        false => Found::MethodNotAllowed(methods.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// Smaller is more specific: the host's class, minus its length, the kinds of the segments, whether any method is taken.
type Rank = (u8, isize, Vec<u8>, bool);

fn rank(route: &Route, host: &str, path: &str) -> Option<Rank> {
    let host = host.strip_suffix('.').unwrap_or(host).to_lowercase();
    let host_rank = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(exact) => (*exact == host).then_some((0, 0)),
        HostPattern::Suffix(suffix) => {
            (host.len() > suffix.len() && host.ends_with(suffix)).then_some((1, -(suffix.len() as isize)))
        }
    };
    let hosts = &route.matcher.hosts;
    let any = hosts.is_empty().then_some((2, 0));
    let (class, length) = hosts.iter().filter_map(host_rank).min().or(any)?;
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let pattern = route.matcher.path.segments();
    let rest = matches!(pattern.last(), Some(Segment::Rest(_)));
    let fits = if rest { segments.len() >= pattern.len() } else { segments.len() == pattern.len() };
    let kinds = pattern.iter().zip(&segments).map(|(pattern, segment)| match pattern {
        Segment::Literal(text) => (text == segment).then_some(0),
        Segment::Parameter(_) => (!segment.is_empty()).then_some(1),
        Segment::Rest(_) => Some(2),
    });
    let kinds = kinds.collect::<Option<Vec<u8>>>()?;
    fits.then_some((class, length, kinds, route.matcher.methods.is_empty()))
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
fn without_conflicts(matches: Vec<String>) -> Vec<Route> {
    let mut kept: Vec<String> = Vec::new();
    let mut last = Vec::new();
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn the_table_agrees_with_the_slow_matcher(
        matches in prop::collection::vec(match_text(), 1..12),
        paths in prop::collection::vec("(/(a|b|c|)){0,5}", 8),
    ) {
        let routes = without_conflicts(matches);
        let table = Table::build(&routes);
        for path in &paths {
            for host in ["", "a.t", "B.a.T", "c.a.t.", "t", "x"] {
                for method in ["GET", "PUT", "BREW"] {
                    for listener in 0..2 {
                        let expected = slow(&routes, listener, host, path, method);
                        let found = table.find(listener, host.as_bytes(), path.as_bytes(), method.as_bytes());
                        prop_assert_eq!(found, expected, "{} {}{} at {}", method, host, path, listener);
                    }
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_answered(host: Vec<u8>, path: Vec<u8>, method: Vec<u8>, listener: usize) {
        let table = Table::build(&routes(&["path: '/{a}/{b*}', hosts: ['*.t']", "path: '/{a*}', methods: [GET]"]).unwrap());
        let _ = table.find(listener, &host, &path, &method);
    }
}
