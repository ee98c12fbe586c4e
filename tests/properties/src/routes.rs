//! Route tables: the compiled one and the matcher that looks at every route.
//!
//! Bytes choose what happens to a table: routes of a fixed stock come and go, a copy is made, questions are asked. The stock
//! and the questions are made of the same few segments, so that most questions hit something. Expressions and conditions are
//! left out, since the slow matcher has none; the tests of the route crate go through those by example.

use crate::request_head::shown;
use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};
use tollgate_model::{NoSource, Route};
use tollgate_reference::{Choice, Lookup, choose};
use tollgate_route::{Found, Request, Table};

const SEGMENTS: [&str; 5] = ["a", "b", "", "{}", "{}"];
/// With each path of the stock, the rest of a `match`, so that none is in conflict with another.
const MATCHES: [&str; 7] = [
    "",
    r#", "methods": ["GET"]"#,
    r#", "methods": ["POST"], "listeners": ["l0"]"#,
    r#", "hosts": ["a.t"]"#,
    r#", "hosts": ["*.t"], "methods": ["PUT", "GET"]"#,
    r#", "hosts": ["*.a.t", "b.a.t"], "listeners": ["l1"]"#,
    r#", "hosts": ["[::1]"]"#,
];
const HOSTS: [&str; 8] = ["", "a.t", "B.a.T", "c.a.t.", "t", "x", "[::1]", "d.c.a.t"];
const METHODS: [&str; 4] = ["GET", "PUT", "POST", "BREW"];
const ASKED: [&str; 6] = ["a", "b", "", "c", "aa", "A"];

thread_local! {
    static STOCK: Vec<Arc<Route>> = stock();
}

/// Every path of one to three segments, alone and with a rest, with each of [`MATCHES`].
fn stock() -> Vec<Arc<Route>> {
    let mut paths = BTreeSet::new();
    for choice in 0..5_usize.pow(3) * 3 {
        let length = 1 + choice % 3;
        let segments = (0..length).map(|index| SEGMENTS[choice / 3 / 5_usize.pow(index as u32) % 5]);
        let path: String = segments.enumerate().map(|(at, segment)| format!("/{}", part(segment, at))).collect();
        paths.insert(format!("{path}/{{rest*}}"));
        paths.insert(path);
    }
    let mut text = String::from(
        r#"{"version": 1, "listeners": [{"name": "l0", "bind": "127.0.0.1:0"}, {"name": "l1", "bind": "127.0.0.1:0"}],
        "upstreams": [{"name": "a", "endpoints": [{"address": "127.0.0.1:1"}]}], "routes": ["#,
    );
    for (index, (path, rest)) in paths.iter().flat_map(|path| MATCHES.map(|rest| (path, rest))).enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(text, r#"{comma}{{"name": "r{index}", "match": {{"path": "{path}"{rest}}}, "upstream": "a"}}"#);
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
        let request = Request { listener: lookup.listener, host, path, query: b"", method, fields: &[] };
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

/// Properties of a route table, whose changes and questions are drawn from the bytes:
/// - it finds what the slow matcher finds: the route, or the methods of a 405, or nothing;
/// - a copy made on the way goes on to find what it found, whatever becomes of the other;
/// - the bytes themselves, as host, path, query and method, are answered.
pub fn routes(bytes: &[u8]) {
    STOCK.with(|stock| {
        let (mut filled, mut copy) = (Filled::default(), Filled::default());
        let mut words = bytes.chunks_exact(4);
        for word in &mut words {
            let number = (u32::from(word[1]) << 8 | u32::from(word[2])) % stock.len() as u32;
            match word[0] % 8 {
                0..5 => filled.toggle(stock, number),
                5 => copy = filled.clone(),
                _ => {
                    let path = asked_path(word[1], word[2]);
                    let lookup = Lookup {
                        listener: usize::from(word[3] % 2),
                        host: HOSTS[usize::from(word[3] >> 1) % HOSTS.len()],
                        path: &path,
                        method: METHODS[usize::from(word[3] >> 4) % METHODS.len()],
                    };
                    filled.check(stock, lookup);
                    copy.check(stock, lookup);
                }
            }
        }
        let request =
            Request { listener: bytes.len(), host: bytes, path: bytes, query: bytes, method: bytes, fields: &[] };
        let _ = filled.table.find(&request);
    });
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
