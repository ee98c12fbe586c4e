//! What rules say of whole requests: whom they count, what they leave, what responses are told, and how counts go on.

use super::*;
use crate::{Chain, Counts};
use std::sync::Arc;
use tollgate_http::{HeadLimits, Parsed, RequestIndex};
use tollgate_model::{NoSource, Snapshot, parse};

/// 2026-11-20T12:00:00Z.
const NOON_S: i64 = 1_795_176_000;

/// A worker of a node whose routes have these rules.
struct Node {
    registry: Registry,
    snapshot: Snapshot,
    chains: Vec<Chain>,
    limiter: Limiter,
    now: Now,
}

fn snapshot(routes: &str) -> Snapshot {
    let text = format!("version: 1\nlisteners: [ {{ name: l, bind: 127.0.0.1:0 }} ]\n{routes}");
    parse("gateway.yaml", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
}

fn route(name: &str, policies: &str) -> String {
    let path = if name == "b" { "/b/{id}" } else { "/*" };
    format!(
        "- {{ name: {name}, match: {{ path: \"{path}\" }}, answer: {{ status: 200 }}, policies: {{ {policies} }} }}\n"
    )
}

impl Node {
    /// A node of one route.
    fn new(policies: &str) -> Self {
        Self::with(&format!("routes:\n{}", route("a", policies)))
    }

    fn with(routes: &str) -> Self {
        let mut node = Self {
            registry: Registry::new(HashKeys::new([1, 2])),
            snapshot: snapshot(routes),
            chains: Vec::new(),
            limiter: Limiter::new(1),
            now: Now { monotonic_ns: 1_000_000_000, unix_s: NOON_S },
        };
        node.compile();
        node
    }

    fn compile(&mut self) {
        let Self { registry, snapshot, .. } = self;
        let chain = |route: &Arc<Route>| match &route.policies {
            None => Chain::plain(&snapshot.limits),
            Some(policies) => Chain::compile(policies, route, &snapshot.limits, registry, &mut |_| 7),
        };
        // The last ones go when these are there, as with a program.
        self.chains = snapshot.routes.iter().map(chain).collect();
    }

    fn publish(&mut self, routes: &str) {
        self.snapshot = snapshot(routes);
        self.compile();
    }

    fn pass(&mut self, ms: u64) {
        self.now.monotonic_ns += ms * 1_000_000;
        self.now.unix_s += (ms / 1000) as i64;
    }

    fn decide(&mut self, route: usize, client: &str, request: &str) -> Box<Admission> {
        let (mut bytes, mut index) = (request.replace('\n', "\r\n").into_bytes(), RequestIndex::new());
        assert!(matches!(index.parse(&mut bytes, &HeadLimits::DEFAULT), Parsed::Complete { .. }), "{request}");
        let request = Request { head: &index.head(&bytes), client: client.parse().unwrap(), caller: None };
        let rules = self.chains[route].rules().expect("the route has rules");
        rules.decide(&request, self.now, &mut self.limiter, b"")
    }

    fn rules(&self) -> Rules<'_> {
        self.chains[0].rules().expect("the route has rules")
    }

    /// Decides on a whole exchange of the first route; the names of the rules that refuse it.
    fn ask(&mut self, client: &str, request: &str) -> String {
        self.ask_of(0, client, request)
    }

    fn ask_of(&mut self, route: usize, client: &str, request: &str) -> String {
        let mut admission = self.decide(route, client, request);
        let rules = self.chains[route].rules().expect("the route has rules");
        let violated = rules.violated(&admission).collect::<Vec<_>>().join(",");
        rules.end(&mut admission, || self.now);
        self.limiter.give_back(admission);
        violated
    }

    /// How many such exchanges pass one after the other.
    fn passes(&mut self, client: &str, request: &str) -> usize {
        (0..100).take_while(|_| self.ask(client, request).is_empty()).count()
    }

    fn counts(&self) -> Vec<Arc<Counts>> {
        self.registry.counts().collect()
    }
}

const CLIENT: &str = "192.0.2.1";
const GET: &str = "GET /x HTTP/1.1\nHost: a\n\n";

fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\nHost: a\n{fields}\n")
}

fn lines(admission: &Admission) -> String {
    String::from_utf8(admission.lines().to_vec()).unwrap().replace("\r\n", "\n")
}

#[test]
fn each_part_of_a_key_tells_requests_apart() {
    let rule = |key: &str| format!("throttle: [ {{ name: r, key: {key}, limit: 2, per: minute }} ]");
    let same = |key: &str, one: (&str, &str), other: (&str, &str)| {
        let mut node = Node::new(&rule(key));
        assert_eq!(node.passes(one.0, one.1), 2, "{key}");
        node.passes(other.0, other.1) == 0
    };
    let (other, v6) = ("192.0.2.2", "2001:db8::1");
    assert!(!same("client_ip", (CLIENT, GET), (other, GET)));
    assert!(same("client_ip, ipv4_prefix: 24", (CLIENT, GET), (other, GET)));
    assert!(same("client_ip", (v6, GET), ("2001:db8::ffff:0:0:1", GET)), "a /64 is one");
    assert!(!same("client_ip", (v6, GET), ("2001:db8:0:1::1", GET)));
    assert!(same("client_ip", (CLIENT, GET), ("::ffff:192.0.2.1", GET)));
    assert!(same("node", (CLIENT, GET), (v6, GET)));
    let tenant = |name: &str| get("/", &format!("X-Tenant: {name}\n"));
    assert!(!same("\"header:x-tenant\"", (CLIENT, &tenant("a")), (CLIENT, &tenant("b"))));
    assert!(same("\"header:x-tenant\"", (CLIENT, GET), (CLIENT, &tenant(""))), "none is an empty one");
    let cookie = |name: &str| get("/", &format!("Cookie: b=1; id={name}\n"));
    assert!(!same("\"cookie:id\"", (CLIENT, &cookie("a")), (CLIENT, &cookie("b"))));
    assert!(same("\"query:q\"", (CLIENT, &get("/?q=a%41", "")), (CLIENT, &get("/?%71=aA&q=x", ""))));
    assert!(!same("\"query:q\"", (CLIENT, &get("/?q=a", "")), (CLIENT, &get("/?q=b", ""))));
    let two = |a: &str, b: &str| get("/", &format!("A: {a}\nB: {b}\n"));
    assert!(!same("[\"header:a\", \"header:b\"]", (CLIENT, &two("1", "23")), (CLIENT, &two("12", "3"))));
}

#[test]
fn a_rule_of_several_routes_counts_where_it_is_written() {
    let routes = |key: &str| {
        let rules =
            format!("defaults: {{ policies: {{ throttle: [ {{ name: r, key: {key}, limit: 2, per: minute }} ] }} }}\n");
        format!("{rules}routes:\n{}{}", route("a", ""), route("b", ""))
    };
    let mut node = Node::with(&routes("node"));
    assert_eq!((node.ask_of(0, CLIENT, GET), node.ask_of(1, CLIENT, GET)), (String::new(), String::new()));
    assert_eq!((node.ask_of(0, CLIENT, GET), node.ask_of(1, CLIENT, GET)), ("r".into(), "r".into()));
    assert_eq!(node.counts().len(), 1);
    let mut node = Node::with(&routes("route"));
    assert_eq!(node.passes(CLIENT, GET), 2);
    assert!(node.ask_of(1, CLIENT, GET).is_empty(), "each route has its own");
    let mut node = Node::with(&routes("\"path:id\""));
    assert_eq!(node.passes(CLIENT, GET), 2, "it has no such parameter");
    let path = |id: &str| get(&format!("/b/{id}"), "");
    assert!(node.ask_of(1, CLIENT, &path("1")).is_empty() && node.ask_of(1, CLIENT, &path("1")).is_empty());
    assert_eq!((node.ask_of(1, CLIENT, &path("1")), node.ask_of(1, CLIENT, &path("2"))), ("r".into(), String::new()));
}

#[test]
fn conditions_and_overrides_say_for_whom_a_rule_is() {
    let mut node = Node::new(
        "throttle: [ { name: r, key: \"header:x-tenant\", limit: 3, per: minute, overrides: [ { values: [gold, silver], \
         limit: 5 }, { addresses: [10.0.0.0/8], exclude: true }, { values: [tin], limit: 1 } ], \
         when: { methods: [GET], paths: [\"/x/*\"], headers: [ { name: x-tenant } ] } } ]",
    );
    let of = |tenant: &str| get("/x/1", &format!("X-Tenant: {tenant}\n"));
    let many = 100;
    for (client, request, passes) in [
        (CLIENT, of("iron"), 3),
        (CLIENT, of("gold"), 5),
        ("10.1.2.3", of("silver"), 5),
        ("10.1.2.3", of("iron"), many),
        (CLIENT, of("tin"), 1),
        (CLIENT, get("/x/1", ""), many),
        (CLIENT, get("/y", "X-Tenant: iron\n"), many),
        (CLIENT, of("iron").replace("GET", "PUT"), many),
    ] {
        assert_eq!(node.passes(client, &request), passes, "{client} {request}");
    }
}

#[test]
fn responses_are_told_what_is_left() {
    let rules = "throttle: [ { name: per-ip, key: client_ip, limit: 10, per: second, burst: 20 }, \
                 { name: quiet, key: node, limit: 1, per: hour, shadow: true } ], \
                 quota: [ { name: daily, key: node, limit: 100, per: day, cost: 2 } ], \
                 concurrency: [ { name: at-once, key: node, limit: 4 } ]";
    let mut node = Node::new(rules);
    let admission = node.decide(0, CLIENT, GET);
    assert_eq!(
        lines(&admission),
        "RateLimit-Policy: \"per-ip\";q=20;w=2, \"daily\";q=100;w=86400, \
         \"at-once\";q=4;qu=\"concurrent-requests\"\n\
         RateLimit: \"per-ip\";r=19;t=1, \"daily\";r=98;t=43200, \"at-once\";r=3\n"
    );
    node.ask(CLIENT, GET);
    assert_eq!(node.passes(CLIENT, GET), 18);
    let admission = node.decide(0, CLIENT, GET);
    assert!(lines(&admission).ends_with("\nRetry-After: 1\n"), "{}", lines(&admission));
    let reason = |node: &Node, admission: &Admission| node.rules().throttled(admission).map(|it| it.reason);
    assert_eq!(reason(&node, &admission), Some(Reason::Throttled));
    let mut node = Node::new(&format!("{rules}, rate_limit_fields: x_ratelimit"));
    let admission = node.decide(0, CLIENT, GET);
    assert_eq!(lines(&admission), "X-RateLimit-Limit: 4\nX-RateLimit-Remaining: 3\n");
    node.pass(3_600_000);
    for _ in 0..49 {
        node.ask(CLIENT, GET);
        node.pass(1000);
    }
    let admission = node.decide(0, CLIENT, GET);
    assert_eq!(reason(&node, &admission), Some(Reason::QuotaExceeded));
    assert_eq!(
        lines(&admission),
        "X-RateLimit-Limit: 100\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 39551\nRetry-After: 39551\n"
    );
    let mut node = Node::new("rate_limit_fields: off, throttle: [ { name: r, key: node, limit: 1, per: minute } ]");
    assert_eq!(lines(&node.decide(0, CLIENT, GET)), "");
    assert_eq!(lines(&node.decide(0, CLIENT, GET)), "Retry-After: 60\n");
}

#[test]
fn what_is_in_flight_leaves_when_its_exchange_ends() {
    let mut node = Node::new("concurrency: [ { name: r, key: client_ip, limit: 3 } ]");
    let mut inside: Vec<_> = (0..3).map(|_| node.decide(0, CLIENT, GET)).collect();
    assert_eq!((node.ask(CLIENT, GET), node.ask("192.0.2.2", GET)), ("r".into(), String::new()));
    let refused = node.decide(0, CLIENT, GET);
    assert_eq!(lines(&refused).lines().last(), Some("Retry-After: 1"));
    let mut one = inside.pop().unwrap();
    node.rules().end(&mut one, || unreachable!("nothing is charged"));
    node.rules().end(&mut one, || unreachable!("it has left"));
    assert_eq!(node.ask(CLIENT, GET), "");
    inside.push(node.decide(0, CLIENT, GET));
    assert_eq!(node.ask(CLIENT, GET), "r");
}

#[test]
fn a_shadow_rule_is_told_of_and_refuses_nothing() {
    let mut node = Node::new("throttle: [ { name: r, key: node, limit: 1, per: minute, shadow: true } ]");
    let admission = node.decide(0, CLIENT, GET);
    assert_eq!(node.rules().outcomes(&admission).collect::<Vec<_>>(), [(7, RuleOutcome::Admitted)]);
    let admission = node.decide(0, CLIENT, GET);
    assert!(admission.is_admitted() && lines(&admission).is_empty());
    assert_eq!(node.rules().outcomes(&admission).collect::<Vec<_>>(), [(7, RuleOutcome::Shadowed)]);
    assert_eq!((admission.throttled_by(), admission.shadowed_by()), (&b""[..], &b"r"[..]));
}

#[test]
fn of_a_refused_request_only_those_that_refuse_have_an_outcome() {
    let mut node = Node::new(
        "throttle: [ { name: a, key: node, limit: 9, per: minute }, { name: b, key: node, limit: 1, per: minute, \
         answer: { status: 503 } } ]",
    );
    assert_eq!(node.ask(CLIENT, GET), "");
    let admission = node.decide(0, CLIENT, GET);
    assert_eq!(node.rules().outcomes(&admission).collect::<Vec<_>>(), [(7, RuleOutcome::Refused)]);
    assert_eq!(node.rules().throttled(&admission).and_then(|it| it.answer).map(|answer| answer.status), Some(503));
}

#[test]
fn costs_are_charged_when_they_are_known() {
    let rules = |cost: &str| format!("quota: [ {{ name: r, key: node, limit: 100, per: day, cost: {cost} }} ]");
    let left = |node: &mut Node| {
        let admission = node.decide(0, CLIENT, GET);
        let text = lines(&admission);
        text.split(";r=").nth(1).and_then(|text| text.split(';').next()).unwrap().parse::<u64>().unwrap()
    };
    let mut node = Node::new(&rules("request_bytes"));
    let admission = node.decide(0, CLIENT, GET);
    assert!(node.rules().charges_request() && !node.rules().charges_response() && !node.rules().charges_head());
    assert_eq!(node.rules().charge_request(&admission, 30, node.now), 0);
    node.rules().charge_response(&admission, 1000, node.now);
    assert_eq!(left(&mut node), 70);
    node.rules().charge_request(&admission, 1000, node.now);
    assert_eq!(node.ask(CLIENT, GET), "r");
    let refused = node.decide(0, CLIENT, GET);
    node.pass(12 * 3_600_000);
    node.rules().charge_request(&refused, 50, node.now);
    assert_eq!(left(&mut node), 100, "what was refused costs nothing");
    let mut node = Node::new(&rules("response_bytes"));
    let admission = node.decide(0, CLIENT, GET);
    node.rules().charge_request(&admission, 1000, node.now);
    node.rules().charge_response(&admission, 60, node.now);
    assert_eq!(left(&mut node), 40);
}

#[test]
fn a_field_of_the_response_says_what_it_costs() {
    let mut node =
        Node::new("quota: [ { name: r, key: node, limit: 100, per: day, cost: \"response_header:X-Cost\" } ]");
    for (told, used) in [(Some(&b" 7 "[..]), 7), (Some(b"x"), 1), (None, 1)] {
        let mut admission = node.decide(0, CLIENT, GET);
        let before = used_by(&node);
        node.rules().charge_head(&admission, node.now, |name| told.filter(|_| name.eq_ignore_ascii_case("x-cost")));
        node.rules().charge_head(&admission, node.now, |_| Some(b"50"));
        node.rules().end(&mut admission, || node.now);
        assert_eq!(used_by(&node) - before, used);
    }
    let before = used_by(&node);
    node.ask(CLIENT, GET);
    assert_eq!(used_by(&node) - before, 1, "there was no response");
}

/// What all keys of the only quota have used.
fn used_by(node: &Node) -> i64 {
    let counts = node.counts();
    let Kept::Quotas(quotas, _) = &counts[0].kept else { panic!("it is a quota") };
    quotas.all().map(|(_, usage)| usage.used).sum()
}

#[test]
fn bandwidth_refuses_nothing_and_says_how_long_to_wait() {
    let mut node = Node::new(
        "bandwidth: [ { name: b, key: node, direction: response, limit: 1KiB, burst: 2KiB } ], \
         throttle: [ { name: t, key: node, limit: 100, per: second } ]",
    );
    let admission = node.decide(0, CLIENT, GET);
    let wait = |node: &Node, bytes| node.rules().charge_response(&admission, bytes, node.now);
    assert_eq!((wait(&node, 2048), wait(&node, 512)), (0, 500_000_000));
    assert_eq!(node.rules().charge_request(&admission, 1 << 20, node.now), 0, "the other direction");
    node.pass(500);
    assert_eq!(wait(&node, 1), 976_563);
    assert_eq!(node.ask(CLIENT, GET), "");
    assert!(lines(&admission).starts_with("RateLimit-Policy: \"t\";q=100;w=1\n"), "{}", lines(&admission));
}

#[test]
fn counts_go_on_while_the_same_is_counted() {
    let with =
        |rule: &str| format!("routes:\n{}", route("a", &format!("throttle: [ {{ name: r, {rule}, per: hour }} ]")));
    let mut node = Node::with(&with("key: client_ip, limit: 4"));
    assert_eq!(node.passes(CLIENT, GET), 4);
    node.publish(&with("key: client_ip, limit: 4, shadow: false, cost: 1"));
    assert_eq!(node.passes(CLIENT, GET), 0, "the same rule");
    node.publish(&with("key: client_ip, limit: 4, burst: 6"));
    assert_eq!(node.passes(CLIENT, GET), 2, "a changed limit keeps what was taken");
    node.publish(&with("key: [client_ip, route], limit: 8"));
    assert_eq!(node.passes(CLIENT, GET), 8, "another key");
    node.publish(&format!("routes:\n{}", route("a", "")));
    assert_eq!(node.counts().len(), 0, "the last program with it is gone");
    node.publish(&with("key: [client_ip, route], limit: 8"));
    assert_eq!(node.passes(CLIENT, GET), 8, "it began anew");
}

#[test]
fn quotas_that_begin_are_told_to_their_keeper() {
    let (told_, told) = std::sync::mpsc::channel();
    let keeper = move |identity: &str, quotas: &Arc<tollgate_limit::Quotas>| {
        told_.send((identity.to_owned(), quotas.clone())).unwrap();
    };
    let quota = "routes:\n- { name: a, match: { path: / }, answer: { status: 200 }, policies: { quota: [ { name: q, key: node, limit: 3, per: month } ] } }";
    let mut node = Node { registry: Registry::with_keeper(HashKeys::random(), Box::new(keeper)), ..Node::with(quota) };
    node.compile();
    node.compile();
    let (identity, _) = told.try_recv().unwrap();
    assert!(identity.starts_with("routes/a\nquota\nq\n"), "{identity}");
    assert!(told.try_recv().is_err(), "once");
}

#[test]
fn every_rate_that_a_file_can_say_can_be_told() {
    for rule in [
        "throttle: [ { name: r, key: node, limit: 1000000000, per: second, burst: 1 } ]",
        "throttle: [ { name: r, key: node, limit: 1000000000, per: second, burst: 1000000000000 } ]",
        "throttle: [ { name: r, key: node, limit: 1, per: hour, burst: 8760 } ]",
        "bandwidth: [ { name: r, key: node, limit: 1024GiB, burst: 1KiB } ]",
        "bandwidth: [ { name: r, key: node, limit: 1KiB, burst: 1GiB } ]",
    ] {
        let mut node = Node::new(rule);
        assert_eq!(node.decide(0, CLIENT, GET).counted.len(), 1, "{rule}");
    }
}

/// Quotas are kept by these hashes, and nodes share them: another function would forget them all.
#[test]
fn keys_are_hashed_as_they_always_were() {
    assert_eq!(HashKeys::new([1, 2]).probe(), 8_122_082_635_291_332_395);
}
