//! What chains say of whole requests: each policy by itself, and in which order they act.

use super::*;
use crate::HashKeys;
use tollgate_http::{HeadLimits, Parsed, RequestIndex};
use tollgate_model::{NoSource, Snapshot, parse};

/// A node whose only route has these policies.
fn snapshot(policies: &str) -> Snapshot {
    let text = format!(
        "version: 1\nlisteners: [ {{ name: l, bind: 127.0.0.1:0 }} ]\nlimits: {{ body_bytes: 10 }}\n\
         routes: [ {{ name: r, match: {{ path: /a }}, answer: {{ status: 200 }}, policies: {{ {policies} }} }} ]\n"
    );
    parse("gateway.yaml", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
}

fn chain(policies: &str) -> Chain {
    let snapshot = snapshot(policies);
    match &snapshot.routes[0].policies {
        None => Chain::plain(&snapshot.limits),
        Some(policies) => {
            let mut registry = Registry::new(HashKeys::random());
            Chain::compile(policies, &snapshot.routes[0], &snapshot.limits, &mut registry, &mut |_| 0)
        }
    }
}

/// What the phases of `chain` say of a request in their order: the first that does not go on.
fn outcome(chain: &Chain, client: &str, request: &str) -> String {
    let (mut bytes, mut index) = (request.as_bytes().to_vec(), RequestIndex::new());
    assert!(matches!(index.parse(&mut bytes, &HeadLimits::DEFAULT), Parsed::Complete { .. }), "{request}");
    let request = Request { head: &index.head(&bytes), client: client.parse().unwrap(), caller: None };
    let steps = Phase::BEFORE_FORWARD.into_iter().map(|phase| chain.step(phase, &request));
    match steps.into_iter().find(|step| *step != Step::Continue) {
        None => "goes on".to_owned(),
        Some(Step::Refuse(reason)) => reason.code().to_owned(),
        Some(Step::Preflight(lines)) => String::from_utf8(lines).unwrap(),
        Some(Step::Mock(answer)) => format!("mock {}", answer.status),
        Some(Step::Continue) => unreachable!("looked for one that does not go on"),
    }
}

const CLIENT: &str = "192.0.2.1";

fn post(bytes: usize) -> String {
    format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n")
}

#[test]
fn the_guard_refuses_what_is_too_large_before_it_is_sent() {
    for (policies, most) in [("", 10), ("limits: { body_bytes: 20 }", 20), ("limits: { body_bytes: 0 }", 0)] {
        let chain = chain(policies);
        assert_eq!(outcome(&chain, CLIENT, &post(most + 1)), "body_too_large", "{policies}");
        assert_eq!(outcome(&chain, CLIENT, &post(most)), "goes on", "{policies}");
        assert_eq!(chain.body_bytes_max(), most as u64);
    }
    assert_eq!(outcome(&chain("limits: { body_bytes: unlimited }"), CLIENT, &post(1 << 40)), "goes on");
    let head = |rest: &str| format!("GET /a{rest}Host: a\r\nB: c\r\n\r\n");
    let chain = chain("limits: { target_bytes: 64, head_bytes: 1KiB, fields: 2 }");
    let long = "?".repeat(63);
    assert_eq!(outcome(&chain, CLIENT, &head(" HTTP/1.1\r\n")), "goes on");
    assert_eq!(outcome(&chain, CLIENT, &head(&format!("{long} HTTP/1.1\r\n"))), "target_too_long");
    assert_eq!(outcome(&chain, CLIENT, &head(" HTTP/1.1\r\nC: d\r\n")), "head_too_large");
    let padding = "x".repeat(1024);
    assert_eq!(
        outcome(&chain, CLIENT, &format!("GET /a HTTP/1.1\r\nHost: a\r\nB: {padding}\r\n\r\n")),
        "head_too_large"
    );
}

#[test]
fn the_guard_refuses_trace() {
    let trace = "TRACE /a HTTP/1.1\r\nHost: a\r\n\r\n";
    for policies in ["", "mock: { status: 200 }"] {
        assert_eq!(outcome(&chain(policies), CLIENT, trace), "method_not_implemented");
    }
}

#[test]
fn an_address_is_judged_before_anything_is_answered() {
    let chain = chain("ip: { allow: [192.0.2.0/24, '2001:db8::/32'], deny: [192.0.2.7] }, mock: { status: 200 }");
    for (client, expected) in [
        (CLIENT, "mock 200"),
        ("2001:db8::1", "mock 200"),
        ("192.0.2.7", "ip_denied"),
        ("::ffff:192.0.2.7", "ip_denied"),
        ("192.0.3.1", "ip_denied"),
        ("2001:db9::1", "ip_denied"),
    ] {
        assert_eq!(outcome(&chain, client, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"), expected, "{client}");
    }
}

#[test]
fn only_preflights_are_answered_or_refused_for_cors() {
    let chain = chain("cors: { origins: ['https://a.test'], methods: [PUT], headers: [X-A], max_age: 1m }");
    let ask = |fields: &str| outcome(&chain, CLIENT, &format!("OPTIONS /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    let asked = "Origin: https://a.test\r\nAccess-Control-Request-Method: PUT\r\n";
    assert_eq!(
        ask(&format!("{asked}Access-Control-Request-Headers: x-a\r\n")),
        "Access-Control-Allow-Origin: https://a.test\r\nAccess-Control-Allow-Headers: x-a\r\n\
         Access-Control-Allow-Methods: PUT\r\nAccess-Control-Max-Age: 60\r\n\
         Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
    );
    assert_eq!(ask(&format!("{asked}Access-Control-Request-Headers: x-a, x-b\r\n")), "cors_refused");
    assert_eq!(ask(&asked.replace("PUT", "POST")), "cors_refused");
    assert_eq!(ask(&asked.replace("a.test", "b.test")), "cors_refused");
    assert_eq!(ask("Origin: https://b.test\r\n"), "goes on");
    assert_eq!(ask("Access-Control-Request-Method: PUT\r\n"), "goes on");
    assert_eq!(outcome(&chain, CLIENT, "GET /a HTTP/1.1\r\nHost: a\r\nOrigin: https://b.test\r\n\r\n"), "goes on");
    assert!(chain.has_cors() && !self::chain("ip: { deny: ['::1'] }").has_cors());
}
