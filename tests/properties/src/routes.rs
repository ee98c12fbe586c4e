//! Route tables: the compiled one and the matcher that looks at every route.
//!
//! Bytes choose routes and questions out of small alphabets, so that most questions hit something. Expressions and
//! conditions are left out, since the slow matcher has none; the tests of the route crate go through those by example.

use crate::request_head::shown;
use std::fmt::Write as _;
use tollgate_model::{Items, NoSource, Route};
use tollgate_reference::{Choice, Lookup, choose};
use tollgate_route::{Found, Request, Table};

const ROUTES_MAX: usize = 10;
const LOOKUPS_MAX: usize = 24;
const SEGMENTS: [&str; 8] = ["a", "b", "aa", "", "{}", "{}", "A", "c"];
const HOSTS: [&str; 6] = [
    "",
    "",
    r#", "hosts": ["a.t"]"#,
    r#", "hosts": ["*.t"]"#,
    r#", "hosts": ["*.a.t", "b.a.t"]"#,
    r#", "hosts": ["[::1]"]"#,
];
const METHODS: [&str; 5] =
    ["", "", r#", "methods": ["GET"]"#, r#", "methods": ["PUT", "GET"]"#, r#", "methods": ["POST"]"#];
const LISTENERS: [&str; 4] = ["", "", r#", "listeners": ["l0"]"#, r#", "listeners": ["l1"]"#];
const ASKED_HOSTS: [&str; 8] = ["", "a.t", "B.a.T", "c.a.t.", "t", "x", "[::1]", "d.c.a.t"];
const ASKED_METHODS: [&str; 4] = ["GET", "PUT", "POST", "BREW"];

/// Choices read from bytes; zeros when they are used up.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn of(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % count
    }

    fn path(&mut self) -> String {
        let mut path = String::new();
        for index in 0..self.of(5) {
            let segment = SEGMENTS[self.of(SEGMENTS.len())].replace("{}", &format!("{{p{index}}}"));
            let _ = write!(path, "/{segment}");
        }
        path
    }
}

/// Properties of a route table, whose routes and questions are drawn from the bytes:
/// - it finds what the slow matcher finds: the route, or the methods of a 405, or nothing;
/// - it still does after other routes came and went and each of its own was away;
/// - a copy made before that finds what it found;
/// - the bytes themselves, as host, path, query and method, are answered.
pub fn routes(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let (Some(kept), Some(passing)) = (drawn(&mut choices), drawn(&mut choices)) else { return };
    let first = table(&passing);
    let mut table = first.clone();
    for (slot, entry) in kept.entries() {
        table.insert(100 + entry.order, &entry.item.matcher, &slot);
    }
    for (_, entry) in passing.entries() {
        table.remove(entry.order, &entry.item.matcher);
    }
    for (slot, entry) in kept.entries() {
        table.remove(100 + entry.order, &entry.item.matcher);
        table.insert(100 + entry.order, &entry.item.matcher, &slot);
    }
    let raw = choices.0;
    for _ in 0..LOOKUPS_MAX {
        check_lookup(&mut choices, &[(&table, &kept), (&first, &passing)]);
    }
    let _ = table.find(&Request { listener: raw.len(), host: raw, path: raw, query: raw, method: raw, fields: &[] });
}

/// Routes that can stand side by side; `None` if they cannot.
fn drawn(choices: &mut Choices<'_>) -> Option<Items<Route>> {
    // JSON, which is read several times faster.
    let mut text = String::from(
        r#"{"version": 1, "listeners": [{"name": "l0", "bind": "127.0.0.1:0"}, {"name": "l1", "bind": "127.0.0.1:0"}],
        "upstreams": [{"name": "a", "endpoints": [{"address": "127.0.0.1:1"}]}],
        "routes": [{"name": "last", "match": {"path": "/last/{rest*}"}, "upstream": "a"}"#,
    );
    for index in 0..choices.of(ROUTES_MAX) {
        let mut path = choices.path();
        if path.is_empty() || choices.of(3) == 0 {
            path.push_str("/{rest*}");
        }
        let host = HOSTS[choices.of(HOSTS.len())];
        let method = METHODS[choices.of(METHODS.len())];
        let listener = LISTENERS[choices.of(LISTENERS.len())];
        let _ = write!(
            text,
            r#", {{"name": "r{index}", "match": {{"path": "{path}"{host}{method}{listener}}}, "upstream": "a"}}"#
        );
    }
    text.push_str("]}");
    match tollgate_model::parse("routes", &text, &NoSource) {
        Ok(snapshot) => Some(snapshot.routes),
        Err(errors) => {
            let shown = errors.to_string();
            assert!(shown.contains("the same requests"), "{shown}");
            None
        }
    }
}

fn table(routes: &Items<Route>) -> Table<u32> {
    let mut table = Table::default();
    for (slot, entry) in routes.entries() {
        table.insert(entry.order, &entry.item.matcher, &slot);
    }
    table
}

fn check_lookup(choices: &mut Choices<'_>, tables: &[(&Table<u32>, &Items<Route>)]) {
    let path = choices.path().replace(['{', '}'], "");
    let lookup = Lookup {
        listener: choices.of(2),
        host: ASKED_HOSTS[choices.of(ASKED_HOSTS.len())],
        path: &path,
        method: ASKED_METHODS[choices.of(ASKED_METHODS.len())],
    };
    let [host, path, method] = [lookup.host, lookup.path, lookup.method].map(str::as_bytes);
    let request = Request { listener: lookup.listener, host, path, query: b"", method, fields: &[] };
    for (table, routes) in tables {
        let found = match table.find(&request) {
            Found::Route(slot) => Choice::Route(*slot as usize),
            Found::MethodNotAllowed(allow) => Choice::MethodNotAllowed(allow),
            Found::None => Choice::None,
        };
        assert_eq!(found, choose(routes, lookup), "{lookup:?} {}", shown(path));
    }
}
