//! Copies of answers: what a client gets of an upstream whose breaker is open, and what it never gets.

use crate::gateway::{Gateway, LISTEN, ORIGINS, dial, get, problem};
use std::{rc::Rc, time::Duration};
use tollgate_http::Reason;
use tollgate_model::{NoSource, Snapshot};
use tollgate_sim::{Answer, Body, Conditions, Framing, Head, Origin, Reader, Reply, Request, payload};

const SECOND: Duration = Duration::from_secs(1);

/// A whole answer, larger than a buffer.
const LEN: usize = 100_000;

/// What opens the breaker.
const BROKEN: &str = "/broken";

fn snapshot(cache: &str, routes: &str) -> Snapshot {
    let text = format!(
        "version: 1\nlisteners: [ {{ name: public, bind: \"{LISTEN}\" }} ]\nupstreams:\n\
         \x20 - {{ name: a, endpoints: [ {{ address: \"{}\" }} ], breaker: {{ consecutive: 1, open: 1h, open_max: 1h, \
         fallback: {{ cache: {{ {cache} }} }} }} }}\nroutes:\n{routes}",
        ORIGINS[0],
    );
    tollgate_model::parse("gateway.yaml", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
}

const ALL: &str = "  - { name: all, match: { path: '/*' }, upstream: a }\n";

/// A gateway with these keys of `cache`, and an origin that answers what `answer` says unless it is asked for [`BROKEN`].
fn start(cache: &str, routes: &str, answer: impl Fn(&Head) -> Answer + 'static) -> (Gateway, Rc<Origin>) {
    let gateway = Gateway::run(snapshot(cache, routes), 1, Conditions::default());
    let origin = Origin::start(&gateway.world, ORIGINS[0], move |head: &Head| match head.word(1) {
        BROKEN => Answer { status: 500, ..Answer::new(payload(9, 10)) },
        _ => answer(head),
    });
    (gateway, origin)
}

fn request(method: &'static str, target: &str, fields: &str) -> Request {
    Request { method, target: target.to_owned(), fields: fields.to_owned(), ..get(1) }
}

fn ask(gateway: &Gateway, requests: Vec<Request>) -> Vec<Reply> {
    let client = gateway.ask(requests);
    gateway.simulation.run_for(SECOND);
    client.take().into_iter().map(|reply| reply.expect("a reply")).collect()
}

fn statuses(replies: &[Reply]) -> Vec<u16> {
    replies.iter().map(|reply| reply.head.status()).collect()
}

/// What is asked first, then with an open breaker.
fn twice(answer: impl Fn(&Head) -> Answer + 'static, first: Request, second: Request) -> Reply {
    let (gateway, _origin) = start("", ALL, answer);
    let mut replies = ask(&gateway, vec![first, request("GET", BROKEN, ""), second]);
    drop(gateway.end());
    replies.remove(2)
}

fn with(fields: &str) -> Answer {
    Answer { fields: fields.to_owned(), ..Answer::new(payload(1, LEN)) }
}

#[test]
fn an_open_breaker_gives_the_copy_and_says_so() {
    let (gateway, origin) = start("", ALL, |_| with("Age: 7\r\nX-A: 1\r\nCache-Control: max-age=60\r\n"));
    ask(&gateway, vec![request("GET", "/x?q=1", ""), request("GET", BROKEN, "")]);
    gateway.simulation.run_for(20 * SECOND);
    let replies = ask(
        &gateway,
        vec![
            request("GET", "/x?q=1", ""),
            request("HEAD", "/x?q=1", ""),
            Request { body: Body::Length(3), ..request("POST", "/x?q=1", "") },
            request("GET", "/x?q=2", ""),
        ],
    );
    assert_eq!(statuses(&replies), [200, 200, 503, 503]);
    let head = &replies[0].head;
    assert!(replies[0].body == payload(1, LEN) && replies[1].body.is_empty());
    assert_eq!((head.field("x-a"), head.field("content-length")), (Some("1"), Some("100000")));
    // 7 when it came, and 20 of the second that the first run took and of the pause.
    assert_eq!(head.field("age"), Some("27"));
    assert_eq!(head.field("cache-status"), Some("tollgate; hit; ttl=33; detail=circuit_open"));
    assert!(head.field("x-request-id").is_some() && head.field("retry-after").is_none());
    assert_eq!(replies[1].head.field("content-length"), Some("100000"));
    problem(&replies[2], Reason::CircuitOpen);
    assert!(replies[3].head.field("retry-after").is_some());
    assert_eq!(origin.seen().len(), 2, "an open breaker sends nothing");
    assert_eq!(gateway.sample("tollgate_upstream_cache_requests_total{upstream=\"a\",outcome=\"hit\"}"), 2);
    assert_eq!(gateway.sample("tollgate_upstream_cache_requests_total{upstream=\"a\",outcome=\"miss\"}"), 2);
    assert!(gateway.sample("tollgate_upstream_cache_bytes{upstream=\"a\"}") > LEN as u64);
    let ended = gateway.end();
    let record = &ended.records[2];
    assert!(record.contains("\"attempts\":0,\"cache\":\"hit\"") && !record.contains("\"reason\""), "{record}");
    assert!(!record.contains("upstream_ms"), "{record}");
    assert!(!ended.records[4].contains("\"cache\""), "{}", ended.records[4]);
}

#[test]
fn chunks_are_copied_as_their_content() {
    let chunked = |_: &Head| Answer { framing: Framing::Chunked, chunk_max: 700, ..with("") };
    let reply = twice(chunked, get(1), get(1));
    assert_eq!((reply.head.status(), reply.head.field("content-length")), (200, Some("100000")));
    assert!(reply.body == payload(1, LEN));
}

#[test]
fn what_is_cut_off_or_may_be_is_not_kept() {
    for answer in [
        Answer { framing: Framing::UntilClose, close: true, ..with("") },
        Answer { framing: Framing::Length(LEN + 1), close: true, ..with("") },
        Answer { framing: Framing::Chunked, cut_at: Some(LEN / 2), ..with("") },
    ] {
        let (gateway, _origin) = start("", ALL, move |_| answer.clone());
        let first = gateway.ask(vec![get(1)]);
        gateway.simulation.run_for(10 * SECOND);
        drop(first.take());
        let replies = ask(&gateway, vec![request("GET", BROKEN, ""), get(1)]);
        assert_eq!(replies.last().map(|reply| reply.head.status()), Some(503));
        drop(gateway.end());
    }
}

#[test]
fn a_client_that_leaves_leaves_no_copy_and_no_memory() {
    let (gateway, _origin) = start("", ALL, |_| Answer { pieces: 20, pause_nanos_max: 90_000_000, ..with("") });
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        world.sleep(200_000_000).await;
        end.reset();
    });
    gateway.simulation.run_for(9 * SECOND);
    client.take();
    assert_eq!(gateway.figure("tollgate_upstream_cache_bytes", "upstream=\"a\""), 0);
    let replies = ask(&gateway, vec![request("GET", BROKEN, ""), get(1)]);
    assert_eq!(statuses(&replies), [500, 503]);
    drop(gateway.end());
}

#[test]
fn an_answer_says_whether_it_is_kept_and_for_whom() {
    let (key, cookie) = ("Authorization: Bearer a\r\n", "Cookie: id=1\r\n");
    for (answer, first, second, status) in [
        ("Cache-Control: no-store\r\n", "", "", 503),
        ("Cache-Control: private\r\n", "", "", 503),
        ("Cache-Control: no-cache\r\n", "", "", 503),
        ("Cache-Control: max-age=0, must-revalidate\r\n", "", "", 503),
        ("Cache-Control: max-age=60, must-revalidate\r\n", "", "", 200),
        ("Cache-Control: max-age=0, stale-if-error=60\r\n", "", "", 200),
        ("Set-Cookie: id=1\r\n", "", "", 503),
        ("", "Cache-Control: no-store\r\n", "", 503),
        ("", "Range: bytes=0-1\r\n", "", 503),
        ("", key, key, 503),
        ("", cookie, cookie, 503),
        ("", "", cookie, 503),
        ("Cache-Control: public\r\n", key, cookie, 200),
        ("Vary: *\r\n", "", "", 503),
        ("Vary: Accept, X-B\r\n", "Accept: a\r\n", "Accept: b\r\n", 503),
        ("Vary: Accept, X-B\r\n", "Accept: a\r\nX-C: 1\r\n", "X-C: 2\r\nAccept: a\r\n", 200),
        ("ETag: \"e\"\r\n", "", "If-None-Match: \"d\", W/\"e\"\r\n", 304),
        ("ETag: \"e\"\r\n", "", "If-None-Match: \"d\"\r\n", 200),
        ("ETag: \"e\"\r\n", "", "If-Match: \"e\"\r\n", 503),
        ("", "", "Range: bytes=0-1\r\n", 200),
    ] {
        let reply = twice(move |_| with(answer), request("GET", "/x", first), request("GET", "/x", second));
        assert_eq!(reply.head.status(), status, "{answer:?} {first:?} {second:?}");
        assert!(status != 200 || reply.body == payload(1, LEN), "{answer:?}");
    }
}

#[test]
fn another_host_and_other_fields_of_the_route_are_another_request() {
    let route = |name: &str, value: &str| {
        format!(
            "  - {{ name: {name}, match: {{ path: '/{name}' }}, upstream: a, rewrite: {{ path: /same }}, policies: {{ \
             request_headers: {{ set: [ {{ name: X-Side, value: {value} }} ] }}, \
             response_headers: {{ set: [ {{ name: X-Route, value: {name} }} ] }} }} }}\n"
        )
    };
    let broken = "  - { name: rest, match: { path: '/*' }, upstream: a }\n";
    let routes = [&*route("one", "1"), &route("two", "2"), &route("three", "1"), broken].concat();
    let (gateway, origin) = start("", &routes, |_| with(""));
    ask(&gateway, vec![request("GET", "/one", ""), request("GET", BROKEN, "")]);
    let same = ["/one", "/two", "/three"].map(|target| request("GET", target, ""));
    let replies = ask(&gateway, same.to_vec());
    assert_eq!(statuses(&replies), [200, 503, 200]);
    // What a route does to answers it does to copies.
    assert_eq!((replies[0].head.field("x-route"), replies[2].head.field("x-route")), (Some("one"), Some("three")));
    let other = gateway.script({
        let world = gateway.world.clone();
        async move {
            let end = dial(&world, b"GET /one HTTP/1.1\r\nHost: other\r\n\r\n").await;
            Reader::new(&end).head().await
        }
    });
    gateway.simulation.run_for(SECOND);
    assert_eq!(other.take().expect("an answer").expect("a head").status(), 503);
    assert_eq!(origin.seen().len(), 2);
    drop(gateway.end());
}

#[test]
fn the_newest_answer_decides() {
    let answers = |head: &Head| match head.field("x-want") {
        Some("private") => with("Cache-Control: private\r\n"),
        Some("gone") => Answer { status: 404, ..Answer::new(payload(2, 10)) },
        Some("large") => Answer::new(payload(3, 300_000)),
        _ => with(""),
    };
    for (want, status) in [("private", 503), ("gone", 404), ("large", 503), ("same", 200)] {
        let (gateway, _origin) = start("", ALL, answers);
        let newer = request("GET", "/x", &format!("X-Want: {want}\r\n"));
        let first = vec![request("GET", "/x", ""), newer, request("GET", BROKEN, ""), request("GET", "/x", "")];
        assert_eq!(ask(&gateway, first)[3].head.status(), status, "{want}");
        drop(gateway.end());
    }
    // What has been changed is not what it was; an attempt that failed has changed nothing.
    for (fields, status) in [("", 503), ("X-Want: gone\r\n", 200)] {
        let (gateway, _origin) = start("", ALL, answers);
        let put = Request { body: Body::Length(5), ..request("PUT", "/x", fields) };
        let first = vec![request("GET", "/x", ""), put, request("GET", BROKEN, ""), request("GET", "/x", "")];
        assert_eq!(ask(&gateway, first)[3].head.status(), status, "{fields}");
        drop(gateway.end());
    }
}

#[test]
fn copies_grow_old() {
    let (gateway, _origin) = start("age_max: 30s", ALL, |_| with(""));
    ask(&gateway, vec![get(1), request("GET", BROKEN, "")]);
    gateway.simulation.run_for(20 * SECOND);
    assert_eq!(statuses(&ask(&gateway, vec![get(1)])), [200]);
    gateway.simulation.run_for(20 * SECOND);
    assert_eq!(statuses(&ask(&gateway, vec![get(1)])), [503]);
    drop(gateway.end());
}

#[test]
fn what_is_used_least_goes_first_and_memory_stays_in_its_bound() {
    let (gateway, _origin) = start("bytes_max: 1MiB", ALL, |_| with(""));
    let target = |at: usize| request("GET", &format!("/{at}"), "");
    ask(&gateway, (0..40).map(target).collect());
    let bytes = gateway.figure("tollgate_upstream_cache_bytes", "upstream=\"a\"");
    assert!((900_000..=1 << 20).contains(&bytes), "{bytes}");
    let replies = ask(&gateway, [request("GET", BROKEN, "")].into_iter().chain((0..40).map(target)).collect());
    assert_eq!(statuses(&replies[1..=30]), [503; 30]);
    assert_eq!(statuses(&replies[31..]), [200; 10]);
    drop(gateway.end());
}

#[test]
fn copies_stay_as_long_as_their_upstream() {
    let (gateway, _origin) = start("", ALL, |_| with(""));
    ask(&gateway, vec![get(1), request("GET", BROKEN, "")]);
    let publish = |text: Snapshot| {
        let mut next = gateway.snapshot();
        next.upstreams = text.upstreams;
        gateway.publish(next, Vec::new());
        gateway.simulation.run_for(SECOND);
    };
    publish(snapshot("age_max: 2h", ALL));
    assert_eq!(statuses(&ask(&gateway, vec![get(1)])), [200]);
    publish(snapshot_without_cache());
    assert_eq!(gateway.figure("tollgate_upstream_cache_bytes", "upstream=\"a\""), 0);
    publish(snapshot("", ALL));
    assert_eq!(statuses(&ask(&gateway, vec![get(1)])), [503]);
    drop(gateway.end());
}

fn snapshot_without_cache() -> Snapshot {
    let text = format!(
        "version: 1\nlisteners: [ {{ name: public, bind: \"{LISTEN}\" }} ]\nupstreams:\n\
         \x20 - {{ name: a, endpoints: [ {{ address: \"{}\" }} ], breaker: {{ consecutive: 1, open: 1h, open_max: 1h }} }}\n\
         routes:\n{ALL}",
        ORIGINS[0],
    );
    tollgate_model::parse("gateway.yaml", &text, &NoSource).unwrap_or_else(|errors| panic!("{errors}"))
}
