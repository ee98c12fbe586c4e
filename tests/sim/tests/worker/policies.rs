//! Policies of routes: what the endpoint, the client and the access log see of them.

use crate::gateway::{Gateway, ORIGINS, get, post, problem};
use std::rc::Rc;
use tollgate_http::Reason;
use tollgate_sim::{Answer, Body, Head, Origin, Reply, Request};

/// What the origins answer: a body, and a few fields to change.
fn script(_: &Head) -> Answer {
    let fields = "Server: secret/1.0\r\nX-Kept: 1\r\nAccess-Control-Allow-Origin: https://evil.test\r\n".to_owned();
    Answer { fields, ..Answer::new(b"content".to_vec()) }
}

struct Asked {
    replies: Vec<Reply>,
    seen: Vec<Head>,
    records: Vec<String>,
}

/// Sends `requests` to a gateway of these settings and routes.
fn ask(settings: &str, routes: &[&str], requests: Vec<Request>) -> Asked {
    let gateway = Gateway::start_node(settings, routes);
    let origins: Vec<Rc<Origin>> = ORIGINS.map(|at| Origin::start(&gateway.world, at, script)).into();
    let client = gateway.ask(requests);
    gateway.simulation.run_until_idle();
    let seen = origins.iter().flat_map(|origin| origin.seen().iter().map(|seen| seen.head.clone()).collect::<Vec<_>>());
    let seen = seen.collect();
    let replies = client.take().into_iter().map(|reply| reply.expect("an answer")).collect();
    Asked { replies, seen, records: gateway.end().records }
}

fn with(target: &str, fields: &str) -> Request {
    Request { target: target.to_owned(), fields: fields.to_owned(), ..get(1) }
}

fn statuses(replies: &[Reply]) -> Vec<u16> {
    replies.iter().map(|reply| reply.head.status()).collect()
}

#[test]
fn a_denied_address_gets_a_problem_and_keeps_its_connection() {
    let asked = ask(
        "defaults: { policies: { ip: { deny: [192.0.2.0/24] } } }\n",
        &[
            "match: { path: /closed }, upstream: a",
            "match: { path: /open }, upstream: a, policies: { ip: off }",
            "match: { path: /listed }, upstream: a, policies: { defaults: off, ip: { allow: [192.0.2.1] } }",
            "match: { path: /both }, answer: { status: 200 }, policies: { ip: { allow: [192.0.2.1] } }",
        ],
        ["/closed", "/open", "/listed", "/both", "/none"].map(|target| with(target, "")).to_vec(),
    );
    assert_eq!(statuses(&asked.replies), [403, 200, 200, 403, 404]);
    problem(&asked.replies[0], Reason::IpDenied);
    assert_eq!(asked.seen.len(), 2);
    assert!(asked.records[0].contains("\"route\":\"r0\"") && asked.records[0].contains("\"reason\":\"ip_denied\""));
}

/// The peer is a trusted proxy, so its word about the client counts for the policy and the log.
#[test]
fn behind_a_trusted_proxy_the_client_is_the_one_it_names() {
    let route = "match: { path: '/*' }, upstream: a, policies: { ip: { deny: [198.51.100.7] } }";
    let requests = || {
        vec![
            with("/1", "X-Forwarded-For: 198.51.100.7\r\n"),
            with("/2", "X-Forwarded-For: 198.51.100.7, 198.51.100.8\r\n"),
            with("/3", ""),
            with("/4", "X-Forwarded-For: 198.51.100.7, 192.0.2.9\r\n"),
        ]
    };
    let clients = |records: &[String]| -> Vec<String> {
        let client = |record: &String| record.split("\"client_ip\":\"").nth(1)?.split('"').next().map(str::to_owned);
        records.iter().filter_map(client).collect()
    };
    let trusted = ask("trusted_proxies: [192.0.2.0/24]\n", &[route], requests());
    assert_eq!(statuses(&trusted.replies), [403, 200, 200, 403]);
    assert_eq!(clients(&trusted.records), ["198.51.100.7", "198.51.100.8", "192.0.2.1", "198.51.100.7"]);
    assert_eq!(trusted.seen[0].field("x-forwarded-for"), Some("198.51.100.7, 198.51.100.8, 192.0.2.1"));
    let other = ask("", &[route], requests());
    assert_eq!(statuses(&other.replies), [200; 4], "anybody can write the field");
    assert_eq!(clients(&other.records), ["192.0.2.1"; 4]);
}

const EDITS: &str = "policies: { \
    request_headers: { remove: [x-secret], set: [ { name: X-Tenant, value: acme }, { name: Host, value: inner.test } ] }, \
    request_query: { remove: [debug], set: [ { name: v, value: 'a b' } ] }, \
    response_headers: { remove: [Server], set: [ { name: X-Kept, value: '2' } ], add: [ { name: X-Frame-Options, value: DENY } ] } }";

#[test]
fn a_request_and_its_response_are_changed() {
    let routes = [
        &format!("match: {{ path: '/plain/*' }}, upstream: a, {EDITS}")[..],
        &format!("match: {{ path: '/new/{{rest*}}' }}, upstream: a, rewrite: {{ path: '/v2/{{rest}}' }}, {EDITS}"),
        &format!(
            "match: {{ path: /fixed }}, answer: {{ status: 410, headers: [ {{ name: x-kept, value: '1' }} ] }}, {EDITS}"
        ),
    ];
    let fields = "X-Secret: 1\r\nX-Tenant: evil\r\nX-Secrets: 1\r\n";
    let upload = Request { target: "/plain/up".to_owned(), fields: fields.to_owned(), ..post(3, 50_000) };
    let asked = ask(
        "",
        &routes,
        vec![with("/plain/a?x=1&d%65bug=1&v=0&debugs", fields), with("/new/a", fields), upload, with("/fixed", "")],
    );
    let targets: Vec<_> = asked.seen.iter().map(|head| head.word(1).to_owned()).collect();
    assert_eq!(targets, ["/plain/a?x=1&debugs&v=a%20b", "/v2/a?v=a%20b", "/plain/up?v=a%20b"]);
    for head in &asked.seen {
        assert_eq!((head.field("x-secret"), head.field("x-secrets")), (None, Some("1")), "{head:?}");
        assert_eq!((head.field("x-tenant"), head.field("host")), (Some("acme"), Some("inner.test")), "{head:?}");
        assert_eq!(head.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-tenant")).count(), 1);
        assert_eq!(head.field("x-forwarded-host"), Some("api.example.com"), "as the client wrote it");
    }
    assert_eq!(statuses(&asked.replies), [200, 200, 200, 410]);
    for reply in &asked.replies {
        let head = &reply.head;
        assert_eq!((head.field("server"), head.field("x-kept")), (None, Some("2")), "{head:?}");
        assert_eq!(head.field("x-frame-options"), Some("DENY"), "{head:?}");
    }
}

const CORS: &str = "policies: { cors: { origins: ['https://app.test', 'https://*.pages.test'], methods: [GET, PUT], \
    headers: [X-A], expose: [X-Kept], credentials: true, max_age: 10m }, limits: { body_bytes: 5 } }";

fn preflight(target: &str, origin: &str, method: &str) -> Request {
    let fields = format!("Origin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n");
    Request { method: "OPTIONS", body: Body::None, ..with(target, &fields) }
}

#[test]
fn a_preflight_is_answered_for_the_request_that_shall_follow() {
    let routes = [
        &format!("match: {{ path: /a, methods: [PUT] }}, upstream: a, {CORS}")[..],
        "match: { path: '/*' }, upstream: b",
    ];
    let app = "https://app.test";
    let requests = vec![
        preflight("/a", app, "PUT"),
        preflight("/a", "https://x.y.pages.test", "PUT"),
        preflight("/a", "https://evil.test", "PUT"),
        preflight("/a", app, "GET"),
        preflight("/b", app, "PUT"),
        Request { method: "OPTIONS", ..with("/a", "") },
    ];
    let asked = ask("", &routes, requests);
    assert_eq!(statuses(&asked.replies), [204, 204, 403, 200, 200, 200]);
    let origins: Vec<_> =
        asked.replies.iter().take(3).map(|reply| reply.head.field("access-control-allow-origin")).collect();
    assert_eq!(origins, [Some(app), Some("https://x.y.pages.test"), None]);
    let first = &asked.replies[0].head;
    assert_eq!(first.field("access-control-allow-methods"), Some("GET, PUT"));
    assert_eq!(first.field("access-control-allow-credentials"), Some("true"));
    assert_eq!(first.field("access-control-max-age"), Some("600"));
    assert!(first.field("content-length").is_none() && first.field("x-request-id").is_some());
    problem(&asked.replies[2], Reason::CorsRefused);
    assert_eq!(asked.seen.len(), 3, "what is no preflight of this route goes where it went before");
    assert!(asked.records[0].contains("\"route\":\"r0\"") && asked.records[0].contains("\"status\":204"));
}

#[test]
fn a_page_may_read_answers_of_the_endpoint_and_of_the_gateway() {
    let routes = [&format!("match: {{ path: /a }}, upstream: a, {CORS}")[..]];
    let from = |origin: &str| with("/a", &format!("Origin: {origin}\r\n"));
    let large = Request { target: "/a".to_owned(), fields: "Origin: https://app.test\r\n".into(), ..post(1, 6) };
    let asked = ask("", &routes, vec![from("https://app.test"), from("https://evil.test"), with("/a", ""), large]);
    assert_eq!(statuses(&asked.replies), [200, 200, 200, 413]);
    let allowed: Vec<_> = asked.replies.iter().map(|reply| reply.head.field("access-control-allow-origin")).collect();
    let app = Some("https://app.test");
    assert_eq!(allowed, [app, None, None, app], "and never what the endpoint says");
    assert!(asked.replies.iter().all(|reply| reply.head.field("vary") == Some("Origin")));
    assert_eq!(asked.replies[0].head.field("access-control-expose-headers"), Some("x-kept"));
}

#[test]
fn sizes_of_a_route_are_its_own() {
    let routes = [
        "match: { path: /small }, upstream: a, policies: { limits: { body_bytes: 10, fields: 3, target_bytes: 64 } }",
        "match: { path: /large }, upstream: a, policies: { limits: { body_bytes: unlimited } }",
    ];
    let to = |target: &str, body| Request { target: target.to_owned(), body, ..post(1, 0) };
    let chunked = Body::Chunked { len: 5_000, chunk_max: 100 };
    for (request, status) in [
        (to("/small", Body::Length(10)), 200),
        (to("/small", Body::Length(11)), 413),
        (to("/small", chunked), 413),
        (to("/large", chunked), 200),
        (to("/large", Body::Length(5_000)), 200),
        (with("/small", "B: 1\r\nC: 2\r\n"), 431),
        (with(&format!("/small?{}", "x".repeat(64)), ""), 414),
    ] {
        let shown = format!("{request:?}");
        let asked = ask("limits: { body_bytes: 100 }\n", &routes, vec![request]);
        assert_eq!(statuses(&asked.replies), [status], "{shown}");
        assert_eq!(asked.replies[0].head.closes(), status != 200, "{shown}");
    }
}

#[test]
fn a_mock_stands_for_the_endpoint() {
    let set = "policy_sets: [ { name: stub, policies: { mock: { status: 202, body: later } } } ]\n";
    let routes = [
        "match: { path: /a }, upstream: a, policies: { use: [stub] }",
        "match: { path: /b }, upstream: a, policies: { use: [stub], mock: off }",
        "match: { path: /c }, upstream: a, policies: { use: [stub], ip: { deny: [192.0.2.1] } }",
    ];
    let upload = Request { target: "/a".to_owned(), ..post(1, 30_000) };
    let asked = ask(set, &routes, vec![with("/a", ""), upload, with("/b", ""), with("/c", "")]);
    assert_eq!(statuses(&asked.replies), [202, 202, 200, 403]);
    assert_eq!(asked.replies[1].body, b"later");
    assert_eq!(asked.seen.len(), 1);
}
