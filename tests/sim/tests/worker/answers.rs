//! What the worker answers itself, and what it leaves to the endpoint.

use crate::gateway::{ANY, Gateway, ORIGINS, get};
use tollgate_sim::{Answer, Body, Conditions, Failure, Origin, Reply, Request};

fn options(target: &str, fields: &str) -> Request {
    Request { method: "OPTIONS", target: target.into(), token: 1, body: Body::None, fields: fields.into() }
}

/// Method and Max-Forwards of a request that the endpoint saw.
type Seen = (String, Option<String>);

/// Replies to `requests` over `route`, and what the endpoint saw of them.
fn ask(route: &str, requests: Vec<Request>) -> (Vec<Result<Reply, Failure>>, Vec<Seen>) {
    let gateway = Gateway::start_with(route, 1, Conditions::default(), 1);
    let origin = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(Vec::new()));
    let client = gateway.ask(requests);
    gateway.simulation.run_until_idle();
    let hops = |head: &tollgate_sim::Head| head.field("max-forwards").map(str::to_owned);
    let seen = origin.seen().iter().map(|seen| (seen.head.word(0).to_owned(), hops(&seen.head))).collect();
    gateway.end();
    (client.take(), seen)
}

#[test]
fn options_that_may_not_go_further_end_here() {
    for (route, target, methods) in [
        (ANY, "/a", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"),
        (ANY, "*", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"),
        (r#"match: { path: "/a", methods: [GET, OPTIONS] }"#, "/a", "GET, OPTIONS"),
    ] {
        let (replies, seen) = ask(route, vec![options(target, "Max-Forwards: 0\r\n"), options("/a", "")]);
        let [Ok(own), Ok(passed)] = &replies[..] else { panic!("two replies wanted: {replies:?}") };
        assert_eq!((own.head.status(), own.head.field("allow")), (204, Some(methods)), "{target}");
        assert!(own.head.field("x-request-id").is_some_and(|id| !id.is_empty()) && !own.head.closes());
        assert_eq!(passed.head.status(), 200);
        assert_eq!(seen, [("OPTIONS".to_owned(), None)], "only the second went on");
    }
}

#[test]
fn options_without_a_route_are_refused_as_ever() {
    let route = r#"match: { path: "/a", methods: [GET] }"#;
    for (target, status) in [("/a", 405), ("/b", 404)] {
        let (replies, seen) = ask(route, vec![options(target, "Max-Forwards: 0\r\n")]);
        assert!(matches!(&replies[..], [Ok(reply)] if reply.head.status() == status), "{target}: {replies:?}");
        assert!(seen.is_empty());
    }
}

#[test]
fn options_that_may_go_further_make_one_hop() {
    let count = "Max-Forwards: 3\r\n";
    let (_, seen) = ask(ANY, vec![options("/", count), Request { fields: count.into(), ..get(1) }]);
    let expected = [("OPTIONS", "2"), ("GET", "3")].map(|(method, hops)| (method.to_owned(), Some(hops.to_owned())));
    assert_eq!(seen, expected, "for GET it means nothing");
}

#[test]
fn an_unknown_expectation_is_for_the_endpoint_to_refuse() {
    let (gateway, origin) = Gateway::quiet(|head| match head.field("expect") {
        Some("tea") => Answer { status: 417, ..Answer::new(Vec::new()) },
        _ => Answer::new(Vec::new()),
    });
    let client = gateway.ask(vec![Request { fields: "Expect: tea\r\n".into(), ..get(1) }]);
    gateway.simulation.run_until_idle();
    assert!(matches!(&client.take()[..], [Ok(reply)] if reply.head.status() == 417));
    assert_eq!(origin.seen().len(), 1);
    gateway.end().record();
}
