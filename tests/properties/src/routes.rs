//! Route tables: the compiled one and the matcher that looks at every route.
//!
//! Bytes choose what happens to a table: routes of a fixed stock come and go, a copy is made, questions are asked. The stock
//! and the questions are made of the same few segments, names and values, so that most questions hit something. What is left
//! of the bytes is asked for as well, as the value of a header field, a cookie and a query.

use crate::request_head::shown;
use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};
use tollgate_model::{NoSource, PathMatch, Route};
use tollgate_reference::{Choice, Lookup, choose};
use tollgate_route::{Fields, Found, Request, Table};

const SEGMENTS: [&str; 5] = ["a", "b", "", "{}", "{}"];
/// With each path of the stock, the rest of a `match`, so that none is in conflict with another.
const MATCHES: [&str; 14] = [
    "",
    r#", "methods": ["GET"]"#,
    r#", "methods": ["POST"], "listeners": ["l0"]"#,
    r#", "hosts": ["a.t"]"#,
    r#", "hosts": ["*.t"], "methods": ["PUT", "GET"]"#,
    r#", "hosts": ["*.a.t", "b.a.t"], "listeners": ["l1"]"#,
    r#", "hosts": ["[::1]"]"#,
    r#", "headers": [{"name": "X-A"}]"#,
    r#", "headers": [{"name": "x-a", "prefix": "1"}, {"name": "x-b"}], "methods": ["GET"]"#,
    r#", "query": [{"name": "q", "exact": "1 a"}]"#,
    r#", "query": [{"name": "q", "regex": "[0-9]+|a.*"}], "hosts": ["a.t"]"#,
    r#", "query": [{"name": "q", "prefix": "1"}, {"name": "r"}], "methods": ["PUT"], "listeners": ["l0"]"#,
    r#", "cookies": [{"name": "c", "exact": "1"}]"#,
    r#", "cookies": [{"name": "c"}], "headers": [{"name": "x-b", "regex": "1?|.*;.*"}], "hosts": ["*.t"]"#,
];
/// Paths of the stock that are expressions. Those that two routes share stand where the first of them stands.
const EXPRESSIONS: [&str; 7] =
    ["/a/.*", "/(?<p0>[ab])(/[^/]*)?", "/a|/b|", "/[^a]*", "(/(a|b|c))+", "/.+/?", "/(?<p0>a*)/(?<p1>[a-c]*)/?.*"];
const HOSTS: [&str; 8] = ["", "a.t", "B.a.T", "c.a.t.", "t", "x", "[::1]", "d.c.a.t"];
const METHODS: [&str; 4] = ["GET", "PUT", "POST", "BREW"];
const ASKED: [&str; 6] = ["a", "b", "", "c", "aa", "A"];
const QUERIES: [&[u8]; 8] =
    [b"", b"q=1", b"q=1+a&q=22", b"%71=1%20a&r", b"r=&q=%61b", b"Q=1&q", b"q=%3&q=12%", b"&=&q=1=2&r=1"];
const FIELDS: [&[(&str, &[u8])]; 8] = [
    &[],
    &[("X-A", b"")],
    &[("x-a", b"2"), ("X-a", b"12"), ("X-B", b"1")],
    &[("Cookie", b"c=1; d=2")],
    &[("cookie", b"b=c=1;c"), ("COOKIE", b" c=1 ; d=3")],
    &[("cookie", b"C=1;cc=1; =1;d=")],
    &[("x-a", b"1"), ("cookie", b"c = 1; d=1;"), ("x-bb", b"")],
    &[("x-b", b"1"), ("cookie", b"\xffc=1")],
];
/// Of a value made of the bytes: enough for one that is too long to be compared.
const VALUE_BYTES_MAX: usize = 1_100;

thread_local! {
    /// The stock, and the numbers of the routes in it that have an expression for a path.
    static STOCK: (Vec<Arc<Route>>, Vec<u32>) = {
        let stock = stock();
        let is_expression = |route: &Route| matches!(route.matcher.path, PathMatch::Expression(_));
        let expressions = (0..).zip(&stock).filter(|(_, route)| is_expression(route)).map(|(number, _)| number).collect();
        (stock, expressions)
    };
}

/// Every path of one to three segments, alone and with a rest, and every expression, with each of [`MATCHES`]. Those with
/// an expression stand among the others.
fn stock() -> Vec<Arc<Route>> {
    let mut paths: BTreeSet<String> =
        EXPRESSIONS.iter().map(|expression| format!(r#""path_regex": "{expression}""#)).collect();
    for choice in 0..5_usize.pow(3) * 3 {
        let length = 1 + choice % 3;
        let segments = (0..length).map(|index| SEGMENTS[choice / 3 / 5_usize.pow(index as u32) % 5]);
        let path: String = segments.enumerate().map(|(at, segment)| format!("/{}", part(segment, at))).collect();
        paths.insert(format!(r#""path": "{path}/{{rest*}}""#));
        paths.insert(format!(r#""path": "{path}""#));
    }
    let mut text = String::from(
        r#"{"version": 1, "listeners": [{"name": "l0", "bind": "127.0.0.1:0"}, {"name": "l1", "bind": "127.0.0.1:0"}],
        "upstreams": [{"name": "a", "endpoints": [{"address": "127.0.0.1:1"}]}], "routes": ["#,
    );
    let mut matches: Vec<_> = paths.iter().flat_map(|path| MATCHES.map(|rest| (path, rest))).collect();
    // In another order, so that conditions and the order in the file do not always say the same.
    matches.sort_by_key(|(path, rest)| (rest.len() * 7 + path.len() * 5) % 11);
    for (index, (path, rest)) in matches.into_iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(text, r#"{comma}{{"name": "r{index}", "match": {{{path}{rest}}}, "upstream": "a"}}"#);
    }
    text.push_str("]}");
    let snapshot = tollgate_model::parse("routes", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"));
    snapshot.routes.iter().cloned().collect()
}

/// A segment of a path in the stock; parameters need names of their own.
fn part(segment: &str, at: usize) -> String {
    segment.replace("{}", &format!("{{p{at}}}"))
}

/// A table, and the numbers of the routes that are in it.
#[derive(Clone, Default)]
struct Filled {
    table: Table<u32>,
    present: BTreeSet<u32>,
}

impl Filled {
    /// Adds the route, or takes it away if it is there.
    fn toggle(&mut self, stock: &[Arc<Route>], number: u32) {
        let matcher = &stock[number as usize].matcher;
        if self.present.remove(&number) {
            self.table.remove(number.into(), matcher);
        } else {
            self.present.insert(number);
            self.table.insert(number.into(), matcher, &number);
        }
    }

    fn check(&self, stock: &[Arc<Route>], lookup: Lookup<'_>) {
        let [host, path, method] = [lookup.host, lookup.path, lookup.method].map(str::as_bytes);
        let fields = Named(lookup.fields);
        let request = Request { listener: lookup.listener, host, path, query: lookup.query, method, fields: &fields };
        let found = match self.table.find(&request) {
            Found::Route(number) => Choice::Route(*number),
            Found::MethodNotAllowed(allow) => Choice::MethodNotAllowed(allow),
            Found::None => Choice::None,
        };
        let routes = self.present.iter().map(|&number| (number, stock[number as usize].as_ref()));
        let expected = choose(routes, lookup);
        assert_eq!(found, expected, "{lookup:?} {}", shown(path));
    }
}

/// Header fields: names and values.
struct Named<'r>(&'r [(&'r str, &'r [u8])]);

impl Fields for Named<'_> {
    fn any(&self, name: &str, test: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.0.iter().any(|(field, value)| field.eq_ignore_ascii_case(name) && test(value))
    }
}

/// Properties of a route table, whose changes and questions are drawn from the bytes:
/// - it finds what the slow matcher finds: the route, or the methods of a 405, or nothing;
/// - a copy made on the way goes on to find what it found, whatever becomes of the other;
/// - the bytes themselves, as values and query, are compared as the slow matcher compares them; as host, path and method they
///   are answered.
pub fn routes(bytes: &[u8]) {
    STOCK.with(|(stock, expressions)| {
        let (mut filled, mut copy) = (Filled::default(), Filled::default());
        for word in bytes.chunks_exact(5) {
            let number = usize::from(word[1]) << 8 | usize::from(word[2]);
            match word[0] % 8 {
                0..3 => filled.toggle(stock, (number % stock.len()) as u32),
                3..5 => filled.toggle(stock, expressions[number % expressions.len()]),
                5 => copy = filled.clone(),
                _ => {
                    let path = asked_path(word[1], word[2]);
                    let lookup = asked(&path, word[3], word[4]);
                    filled.check(stock, lookup);
                    copy.check(stock, lookup);
                }
            }
        }
        let value = &bytes[bytes.len().saturating_sub(VALUE_BYTES_MAX)..];
        let fields: &[(&str, &[u8])] = &[("x-a", value), ("cookie", value), ("x-b", b"")];
        for (host, path) in [("a.t", "/a"), ("c.a.t", "/b/a"), ("x", "/a/b/c")] {
            filled.check(stock, Lookup { listener: 0, host, path, method: "GET", query: value, fields });
        }
        let request = Request {
            listener: bytes.len(),
            host: bytes,
            path: bytes,
            query: bytes,
            method: bytes,
            fields: &Named(fields),
        };
        let _ = filled.table.find(&request);
    });
}

/// A question about a path.
fn asked(path: &str, first: u8, second: u8) -> Lookup<'_> {
    let [first, second] = [first, second].map(usize::from);
    Lookup {
        listener: first % 2,
        host: HOSTS[(first >> 1) % HOSTS.len()],
        path,
        method: METHODS[(first >> 4) % METHODS.len()],
        query: QUERIES[second % QUERIES.len()],
        fields: FIELDS[(second >> 3) % FIELDS.len()],
    }
}

/// A path of no to four segments.
fn asked_path(first: u8, second: u8) -> String {
    let mut choice = usize::from(first) << 8 | usize::from(second);
    let length = choice % 5;
    choice /= 5;
    let mut path = String::new();
    for _ in 0..length {
        let _ = write!(path, "/{}", ASKED[choice % ASKED.len()]);
        choice /= ASKED.len();
    }
    path
}
