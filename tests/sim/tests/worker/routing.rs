//! What a route does with a request it takes, and what the endpoint, the client and the access log see of it.

use crate::gateway::{Gateway, ORIGINS, get, post};
use std::rc::Rc;
use tollgate_sim::{Answer, Conditions, Origin, Reply, Request};

/// A gateway of `routes`, one an item, and its two origins, of which `a` is the first and `b` the second.
fn start(routes: &[&str]) -> (Gateway, [Rc<Origin>; 2]) {
    let gateway = Gateway::start_routes(routes, 1, Conditions::default());
    let origins = ORIGINS.map(|at| Origin::start(&gateway.world, at, |_| Answer::new(b"content".to_vec())));
    (gateway, origins)
}

fn to(target: &str) -> Request {
    Request { target: target.to_owned(), ..get(1) }
}

/// Replies to `requests`, the targets each origin saw, and the access records.
fn ask(routes: &[&str], requests: Vec<Request>) -> (Vec<Reply>, [Vec<String>; 2], Vec<String>) {
    let (gateway, origins) = start(routes);
    let client = gateway.ask(requests);
    gateway.simulation.run_until_idle();
    let seen = origins.map(|origin| origin.seen().iter().map(|seen| seen.head.word(1).to_owned()).collect());
    let replies = client.take().into_iter().map(|reply| reply.expect("an answer")).collect();
    (replies, seen, gateway.end().records)
}

#[test]
fn a_rewritten_path_goes_to_the_endpoint_and_is_not_routed_again() {
    let routes = [
        "match: { path: '/api/{rest*}' }, upstream: a, rewrite: { path: '/v2/{rest}' }",
        "match: { path: '/{x}/plain' }, upstream: a, rewrite: { path: '/{x}' }",
        "match: { path_regex: '/r/(?<id>[0-9]+)(?<dot>\\..*)?' }, upstream: a, rewrite: { path: '/i/{id}/{dot}' }",
        "match: { path: '/v2/*' }, answer: { status: 410 }",
    ];
    let (replies, [seen, _], records) =
        ask(&routes, ["/api/x/y?q=%20", "/api/", "/a%2Fb/plain", "/r/12", "/r/12.json?", "/v2/x"].map(to).to_vec());
    assert_eq!(seen, ["/v2/x/y?q=%20", "/v2/", "/a%2Fb", "/i/12/", "/i/12/.json"]);
    assert_eq!(replies.iter().map(|reply| reply.head.status()).collect::<Vec<_>>(), [200, 200, 200, 200, 200, 410]);
    assert!(records[0].contains("\"path\":\"/api/x/y\"") && records[0].contains("\"upstream\":\"a\""), "{records:?}");
}

/// Each piece is part of a normalized path, and what they would make is not.
#[test]
fn a_path_that_would_climb_is_refused() {
    let route = r"match: { path_regex: '/(?<a>[^/]+)/(?<b>[^/]+)' }, upstream: a, rewrite: { path: '/in/{a}{b}/x' }";
    let dots = r"match: { path_regex: '/d/(?<a>\.)x(?<b>\.)' }, upstream: a, rewrite: { path: '/in/{a}{b}/x' }";
    let (replies, [seen, _], records) = ask(&[dots, route], ["/d/.x.", "/c/d"].map(to).to_vec());
    assert_eq!((replies.len(), replies[0].head.status()), (1, 400), "the connection ends with it");
    assert!(seen.is_empty() && records[0].contains("\"reason\":\"bad_target\""), "{seen:?} {records:?}");
}

#[test]
fn a_rewritten_request_keeps_its_body() {
    let (gateway, origins) = start(&["match: { path: '/*' }, upstream: a, rewrite: { path: '/b{path}' }"]);
    let client = gateway.ask(vec![post(7, 50_000)]);
    gateway.simulation.run_until_idle();
    assert!(matches!(&client.take()[..], [Ok(reply)] if reply.head.status() == 200));
    let seen = origins[0].seen();
    assert_eq!((seen[0].head.word(1), seen[0].body.len()), ("/b/7", 50_000));
    gateway.end();
}

#[test]
fn a_redirect_says_where_to_go() {
    let routes = [
        "match: { path: '/old/{rest*}' }, redirect: { to: '/new/{rest}', status: 308 }",
        "match: { path: '/bare/{rest*}' }, redirect: { to: '/{rest}' }",
        "match: { path: '/tls/*' }, redirect: { to: 'https://{host}{path}', status: 301 }",
        "match: { path: '/q/{x}' }, redirect: { to: '/?x={x}' }",
    ];
    let targets = ["/old/a/b?c=d", "/bare//evil.test/x", "/tls/a?", "/q/1?y=2"];
    let (replies, seen, records) = ask(&routes, targets.map(to).to_vec());
    let told: Vec<_> =
        replies.iter().map(|reply| (reply.head.status(), reply.head.field("location").unwrap())).collect();
    let expected =
        [(308, "/new/a/b?c=d"), (307, "/evil.test/x"), (301, "https://api.example.com/tls/a"), (307, "/?x=1")];
    assert_eq!(told, expected);
    assert!(replies.iter().all(|reply| reply.head.field("x-request-id").is_some() && reply.body.is_empty()));
    assert!(seen.iter().all(Vec::is_empty), "nobody was asked");
    let record = &records[0];
    assert!(record.contains("\"status\":308") && record.contains("\"route\":\"r0\""), "{record}");
    assert!(!record.contains("upstream") && !record.contains("reason"), "{record}");
}

#[test]
fn a_fixed_answer_is_given_whole_and_the_connection_stays() {
    let routes = [
        "match: { path: /a }, answer: { status: 503, body: '{}', content_type: application/json, \
         headers: [ { name: Retry-After, value: '60' } ] }",
        "match: { path: /none }, answer: { status: 204 }",
    ];
    let head = Request { method: "HEAD", ..to("/a") };
    let upload = Request { target: "/a".to_owned(), ..post(1, 10_000) };
    let (replies, seen, records) = ask(&routes, vec![to("/a"), head, upload, to("/none")]);
    assert_eq!(replies.iter().map(|reply| reply.head.status()).collect::<Vec<_>>(), [503, 503, 503, 204]);
    for (reply, body) in replies.iter().zip([&b"{}"[..], b"", b"{}"]) {
        assert_eq!((reply.body.as_slice(), reply.head.field("content-length")), (body, Some("2")));
        assert_eq!(reply.head.field("content-type"), Some("application/json"));
        assert_eq!(reply.head.field("retry-after"), Some("60"));
    }
    assert_eq!((replies[3].head.field("content-type"), replies[3].head.field("content-length")), (None, None));
    assert!(seen.iter().all(Vec::is_empty));
    assert_eq!(records.len(), 4);
}

/// Whether the body follows is up to the client, so no request behind it could be told from it.
#[test]
fn an_answer_to_a_client_that_waits_to_send_ends_the_connection() {
    let request = Request { target: "/a".to_owned(), fields: "Expect: 100-continue\r\n".into(), ..post(1, 10) };
    let (replies, ..) = ask(&["match: { path: /a }, answer: { status: 200 }"], vec![request]);
    assert!(replies[0].head.closes() && replies[0].interim.is_empty());
}

#[test]
fn a_split_keeps_its_shares_at_every_moment() {
    let route = "match: { path: '/*' }, upstreams: [ { name: a, weight: 3 }, { name: b, weight: 1 } ]";
    let (gateway, origins) = start(&[route]);
    for round in 1..=5 {
        let client = gateway.ask((0..4).map(get).collect());
        gateway.simulation.run_until_idle();
        assert_eq!(client.take().len(), 4);
        assert_eq!(origins.each_ref().map(|origin| origin.seen().len()), [3 * round, round]);
    }
    let records = gateway.end().records;
    assert_eq!(records.iter().filter(|record| record.contains("\"upstream\":\"b\"")).count(), 5);
}

#[test]
fn an_upstream_of_weight_zero_gets_nothing() {
    let route = "match: { path: '/*' }, upstreams: [ { name: a, weight: 0 }, { name: b, weight: 7 } ]";
    let (_, [a, b], _) = ask(&[route], (0..9).map(get).collect());
    assert_eq!((a.len(), b.len()), (0, 9));
}

#[test]
fn conditions_choose_among_routes() {
    let routes = [
        "match: { path: /x }, upstream: a",
        "match: { path: /x, headers: [ { name: X-Canary } ] }, upstream: b",
        "match: { path: /x, query: [ { name: v, exact: '2' } ], methods: [PUT] }, upstream: b",
        "match: { path: /only, cookies: [ { name: c } ], methods: [PUT] }, upstream: b",
    ];
    let with = |target: &str, fields: &str| Request { fields: fields.to_owned(), ..to(target) };
    let requests = vec![
        with("/x", ""),
        with("/x", "X-Canary: \r\n"),
        with("/x?v=2", ""),
        with("/only", "Cookie: c=1\r\n"),
        with("/only", ""),
    ];
    let (replies, [a, b], _) = ask(&routes, requests);
    assert_eq!(replies.iter().map(|reply| reply.head.status()).collect::<Vec<_>>(), [200, 200, 200, 405, 404]);
    assert_eq!(replies[3].head.field("allow"), Some("PUT"));
    assert_eq!((a, b), (vec!["/x".to_owned(), "/x?v=2".to_owned()], vec!["/x".to_owned()]));
}
