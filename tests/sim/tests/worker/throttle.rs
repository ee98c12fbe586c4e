//! Rules that limit what is admitted: what clients, endpoints and the access log see of them, and that whatever ends an
//! exchange ends what it was let in with.

use crate::gateway::{Gateway, ORIGINS, dial, get, post, problem, routed, silence};
use std::{rc::Rc, time::Duration};
use tollgate_http::Reason;
use tollgate_io::Instant;
use tollgate_sim::{Answer, Conditions, Framing, Head, Origin, Reader, Reply, Request, payload};

const TIMEOUTS: &str = "timeouts: { first_byte: 2s, idle: 3s }\n";

/// A gateway of one route to an origin, with these policies.
fn start(policies: &str, script: impl Fn(&Head) -> Answer + 'static) -> (Gateway, Rc<Origin>) {
    let gateway = Gateway::start_node(TIMEOUTS, &[&route(policies)]);
    let origin = Origin::start(&gateway.world, ORIGINS[0], script);
    (gateway, origin)
}

fn route(policies: &str) -> String {
    format!("match: {{ path: \"/*\" }}, upstream: a, policies: {{ {policies} }}")
}

fn ok(_: &Head) -> Answer {
    Answer::new(b"content".to_vec())
}

/// The replies to `requests`, one after the other on one connection.
fn ask(gateway: &Gateway, requests: Vec<Request>) -> Vec<Reply> {
    let client = gateway.ask(requests);
    gateway.simulation.run_for(Duration::from_secs(1));
    client.take().into_iter().map(|reply| reply.expect("an answer")).collect()
}

fn statuses(replies: &[Reply]) -> Vec<u16> {
    replies.iter().map(|reply| reply.head.status()).collect()
}

const THREE: &str = "throttle: [ { name: three, key: client_ip, limit: 3, per: minute } ]";

#[test]
fn what_is_too_much_is_told_so_and_keeps_its_connection() {
    let (gateway, origin) = start(THREE, ok);
    let replies = ask(&gateway, vec![get(1), post(2, 9_000), get(3), post(4, 50_000), get(5)]);
    assert_eq!(statuses(&replies), [200, 200, 200, 429, 429]);
    let field = |at: usize, name: &str| replies[at].head.field(name).unwrap_or_default().to_owned();
    assert!((0..5).all(|at| field(at, "ratelimit-policy") == "\"three\";q=3;w=60"));
    assert_eq!(
        (field(0, "ratelimit"), field(2, "ratelimit")),
        ("\"three\";r=2;t=20".into(), "\"three\";r=0;t=60".into())
    );
    assert_eq!((field(3, "retry-after"), field(2, "retry-after")), ("20".into(), String::new()));
    problem(&replies[3], Reason::Throttled);
    let body = String::from_utf8_lossy(&replies[3].body).into_owned();
    assert!(body.contains("\"violated\":[\"three\"]") && !replies[3].last, "{body}");
    assert_eq!(origin.seen().len(), 3);
    gateway.simulation.run_for(Duration::from_secs(20));
    assert_eq!(statuses(&ask(&gateway, vec![get(6), get(7)])), [200, 429]);
    let records = gateway.end().records;
    assert!(records[3].contains("\"reason\":\"throttled\",\"throttled_by\":\"three\""), "{}", records[3]);
    assert!(!records[0].contains("throttled_by"));
}

#[test]
fn each_kind_of_rule_has_its_reason_and_the_first_its_answer() {
    for (policies, reason) in [
        ("quota: [ { name: r, key: node, limit: 1, per: day, time_zone: Europe/Berlin } ]", Reason::QuotaExceeded),
        (THREE, Reason::Throttled),
    ] {
        let (gateway, _origin) = start(policies, ok);
        let replies = ask(&gateway, (0..4).map(get).collect());
        problem(&replies[3], reason);
        assert!(replies[3].head.field("retry-after").is_some());
        gateway.end();
    }
    let answer = "answer: { status: 503, body: later, headers: [ { name: X-Own, value: '1' } ] }";
    let (gateway, _origin) = start(
        &format!(
            "throttle: [ {{ name: a, key: node, limit: 1, per: hour, {answer} }}, {{ name: b, key: node, limit: 1, per: minute }} ]"
        ),
        ok,
    );
    let replies = ask(&gateway, vec![get(1), post(2, 50_000), get(3)]);
    assert_eq!(statuses(&replies), [200, 503, 503]);
    assert_eq!((&replies[1].body[..], replies[1].head.field("x-own")), (&b"later"[..], Some("1")));
    assert_eq!(replies[1].head.field("retry-after"), Some("3600"), "the later of the two");
    let records = gateway.end().records;
    assert!(records[1].contains("\"status\":503") && records[1].contains("\"throttled_by\":\"a,b\""), "{}", records[1]);
}

#[test]
fn a_shadow_rule_is_in_the_record_only() {
    let (gateway, origin) = start("throttle: [ { name: s, key: node, limit: 1, per: minute, shadow: true } ]", ok);
    let replies = ask(&gateway, vec![get(1), get(2)]);
    assert_eq!((statuses(&replies), origin.seen().len()), (vec![200, 200], 2));
    assert_eq!(replies[1].head.field("ratelimit"), None);
    let records = gateway.end().records;
    assert!(!records[0].contains("shadowed_by") && records[1].contains("\"shadowed_by\":\"s\""), "{}", records[1]);
}

#[test]
fn whatever_answers_a_request_is_charged_and_told_of() {
    let routes = [
        "match: { path: /1 }, answer: { status: 200 }",
        "match: { path: /2 }, redirect: { to: /1 }",
        "match: { path: /3 }, upstream: a, policies: { mock: { status: 200 } }",
        "match: { path: /4 }, upstream: a",
        "match: { path: /5 }, upstream: b, policies: { ip: { deny: [192.0.2.0/24] } }",
    ];
    let node = "defaults: { policies: { quota: [ { name: q, key: client_ip, limit: 10, per: day } ] } }\n";
    let gateway = Gateway::start_node(node, &routes);
    let replies = ask(&gateway, (1..=5).map(get).collect());
    assert_eq!(statuses(&replies), [200, 307, 200, 502, 403]);
    let left = |reply: &Reply| {
        let field = reply.head.field("ratelimit")?;
        field.split(";r=").nth(1)?.split(';').next()?.parse::<u64>().ok()
    };
    let left: Vec<_> = replies.iter().map(left).collect();
    assert_eq!(left, [Some(9), Some(8), Some(7), Some(6), None], "the guard comes first");
    gateway.end();
}

#[test]
fn the_older_fields_stand_in_place_of_the_endpoints() {
    let script = |_: &Head| Answer {
        fields: "X-RateLimit-Limit: 99\r\nRateLimit: \"theirs\";r=1\r\n".into(),
        ..ok(&Head::default())
    };
    let (gateway, _origin) = start(&format!("rate_limit_fields: both, {THREE}"), script);
    let replies = ask(&gateway, vec![get(1)]);
    let values = |name: &str| {
        let fields = replies[0].head.fields.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        fields.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    assert_eq!(values("x-ratelimit-limit"), ["3"]);
    assert_eq!((values("x-ratelimit-remaining"), values("x-ratelimit-reset")), (vec!["2".into()], vec!["20".into()]));
    assert_eq!(values("ratelimit"), ["\"theirs\";r=1", "\"three\";r=2;t=20"], "a list of both");
    gateway.end();
}

const ONE: &str = "concurrency: [ { name: one, key: node, limit: 1 } ]";

/// What a second client is answered while the first is served, and after something has ended that.
fn alone(gateway: &Gateway, ended: Duration) -> [u16; 2] {
    let second = |at: u64| {
        let world = gateway.world.clone();
        gateway.script(async move {
            world.sleep_until(Instant::from_nanos(at)).await;
            let end = dial(&world, b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n").await;
            Reader::new(&end).head().await.expect("a head").expect("an answer").status()
        })
    };
    let ended = u64::try_from(ended.as_nanos()).expect("a short time");
    let [during, after] = [second(400_000_000), second(ended)];
    gateway.simulation.run_until_idle();
    [during.take(), after.take()]
}

fn fast_or(slow: impl Fn() -> Answer + 'static) -> impl Fn(&Head) -> Answer {
    move |head| if head.word(1) == "/fast" { Answer::new(Vec::new()) } else { slow() }
}

#[test]
fn a_request_in_flight_leaves_however_it_ends() {
    let second = Duration::from_secs(1);
    // Answered.
    let (gateway, _origin) = start(ONE, fast_or(|| Answer { delay_nanos: 800_000_000, ..Answer::new(vec![1]) }));
    let first = gateway.ask(vec![get(1)]);
    assert_eq!(alone(&gateway, second), [429, 200]);
    assert!(first.take()[0].is_ok());
    gateway.end();
    // Nobody answers: `first_byte` is 2 s.
    let (gateway, _origin) = start(ONE, fast_or(silence));
    let first = gateway.ask(vec![get(1)]);
    assert_eq!(alone(&gateway, 3 * second), [429, 200]);
    assert_eq!(first.take()[0].as_ref().map(|reply| reply.head.status()), Ok(504));
    gateway.end();
    // The client leaves.
    let (gateway, _origin) = start(ONE, fast_or(silence));
    let world = gateway.world.clone();
    gateway.script(async move {
        let end = dial(&world, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        world.sleep_until(Instant::from_nanos(500_000_000)).await;
        end.reset();
    });
    assert_eq!(alone(&gateway, second), [429, 200]);
    gateway.end();
    // The endpoint does.
    let cut = || Answer { cut_at: Some(10), delay_nanos: 600_000_000, ..Answer::new(payload(1, 1_000)) };
    let (gateway, _origin) = start(ONE, fast_or(cut));
    let first = gateway.ask(vec![post(1, 10)]);
    assert_eq!(alone(&gateway, second), [429, 200]);
    assert!(first.take()[0].as_ref().is_ok_and(|reply| reply.head.status() == 502));
    gateway.end();
}

#[test]
fn a_tunnel_is_in_flight_until_its_end() {
    let script = |head: &Head| match head.field("upgrade") {
        Some(_) => {
            let fields = "Connection: Upgrade\r\nUpgrade: echo\r\n".into();
            Answer { status: 101, fields, ..Answer::new(Vec::new()) }
        }
        None => Answer::new(Vec::new()),
    };
    let (gateway, _origin) = start(ONE, script);
    let world = gateway.world.clone();
    let tunnel = gateway.script(async move {
        let upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
        let end = dial(&world, upgrade).await;
        let mut reader = Reader::new(&end);
        assert_eq!(reader.head().await.expect("a head").expect("an answer").status(), 101);
        world.sleep_until(Instant::from_nanos(3_600_000_000_000)).await;
        end.finish();
        reader.body(Framing::UntilClose).await.is_ok()
    });
    assert_eq!(alone(&gateway, Duration::from_secs(3_601)), [429, 200]);
    assert!(tunnel.take());
    gateway.end();
}

#[test]
fn another_try_is_not_charged_again() {
    let text =
        "match: { path: \"/*\" }, upstream: a, policies: { quota: [ { name: q, key: node, limit: 10, per: day } ] }";
    let snapshot = {
        let endpoints = format!("{{ address: \"{}\" }}, {{ address: \"{}\" }}", ORIGINS[0], ORIGINS[1]);
        let text = format!(
            "version: 1\nlisteners: [ {{ name: public, bind: \"{}\" }} ]\n\
             upstreams: [ {{ name: a, endpoints: [ {endpoints} ], retries: {{ attempts: 3, on: [connect, closed], budget: 100% }} }} ]\n\
             routes: [ {{ name: r, {text} }} ]\n",
            crate::gateway::LISTEN
        );
        tollgate_model::parse("gateway.yaml", &text, &tollgate_model::NoSource)
            .unwrap_or_else(|errors| panic!("{errors}"))
    };
    let gateway = Gateway::run(snapshot, 1, Conditions::default());
    // The first of them is not there.
    let _origin = Origin::start(&gateway.world, ORIGINS[1], ok);
    let replies = ask(&gateway, (0..4).map(get).collect());
    assert_eq!(statuses(&replies), [200; 4]);
    assert!(replies[3].head.field("ratelimit").is_some_and(|field| field.starts_with("\"q\";r=6;")));
    let records = gateway.end().records;
    assert!(records.iter().any(|record| record.contains("\"attempts\":2")), "{records:?}");
}

#[test]
fn costs_are_those_of_bodies_and_of_what_the_response_says() {
    let script = |_: &Head| Answer { fields: "X-Cost: 5\r\n".into(), ..Answer::new(payload(1, 40_000)) };
    let quota =
        |cost: &str, limit: u64| format!("quota: [ {{ name: q, key: node, limit: {limit}, per: day, cost: {cost} }} ]");
    for (cost, limit, requests) in [
        ("\"response_header:x-cost\"", 12, vec![get(1), get(2), get(3), get(4)]),
        ("response_bytes", 100_000, vec![get(1), get(2), get(3), get(4)]),
        ("request_bytes", 100_000, vec![post(1, 40_000), post(2, 40_000), post(3, 40_000), post(4, 1)]),
    ] {
        let (gateway, origin) = start(&quota(cost, limit), script);
        let replies = ask(&gateway, requests);
        assert_eq!(statuses(&replies), [200, 200, 200, 429], "{cost}");
        assert_eq!(origin.seen().len(), 3);
        gateway.end();
    }
}

/// Deadlines for silence are 3 s, and a second of the pace is more than that.
#[test]
fn a_body_that_is_slowed_down_takes_its_time_and_is_whole() {
    let pace = |direction: &str| {
        format!("bandwidth: [ {{ name: b, key: node, direction: {direction}, limit: 4KiB, burst: 8KiB }} ]")
    };
    let (gateway, _origin) = start(&pace("response"), |_| Answer::new(payload(1, 100_000)));
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_until_idle();
    let (at, replies) = client.take_timed();
    assert_eq!(replies[0].as_ref().map(|reply| reply.body == payload(1, 100_000)), Ok(true));
    let taken = (at - Instant::default()).as_secs_f64();
    assert!((22.0..23.0).contains(&taken), "{taken} s for 92 KB at 4 KiB/s");
    gateway.end();
    let (gateway, origin) = start(&pace("request"), ok);
    let client = gateway.ask(vec![post(1, 100_000)]);
    gateway.simulation.run_until_idle();
    let (at, replies) = client.take_timed();
    assert_eq!(replies[0].as_ref().map(|reply| reply.head.status()), Ok(200));
    assert_eq!(origin.seen()[0].body, payload(1, 100_000));
    let taken = (at - Instant::default()).as_secs_f64();
    assert!((22.0..23.0).contains(&taken), "{taken} s for 92 KB at 4 KiB/s");
    gateway.end();
}

#[test]
fn counts_outlast_a_snapshot() {
    let (gateway, _origin) = start(THREE, ok);
    assert_eq!(statuses(&ask(&gateway, vec![get(1), get(2)])), [200, 200]);
    let mut next = routed(&[&route(&format!("{THREE}, response_headers: {{ remove: [Server] }}"))], TIMEOUTS);
    next.generation = 2;
    gateway.publish(next, Vec::new());
    assert_eq!(statuses(&ask(&gateway, vec![get(3), get(4)])), [200, 429]);
    gateway.end();
}
