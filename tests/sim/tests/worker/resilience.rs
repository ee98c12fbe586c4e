//! Breakers, adaptive limits, hedges, faults and shedding: what the client, the endpoints and the access log see of them.

use crate::gateway::{Gateway, LISTEN, ORIGINS, dial, get, problem, silence};
use std::{rc::Rc, time::Duration};
use tollgate_http::Reason;
use tollgate_sim::{Answer, Conditions, Fault, Faults, Head, Origin, Reply, Request, payload};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn fine() -> Answer {
    Answer::new(payload(1, 100))
}

fn failing() -> Answer {
    Answer { status: 500, ..Answer::new(payload(2, 50)) }
}

fn slow(delay: Duration) -> Answer {
    Answer { delay_nanos: delay.as_nanos() as u64, ..fine() }
}

/// A gateway with one endpoint and an upstream of these keys.
fn start(keys: &str) -> Gateway {
    Gateway::start_upstream(
        &format!("{{ address: \"{}\" }}", ORIGINS[0]),
        &format!(", {keys}"),
        1,
        Conditions::default(),
    )
}

/// An origin at `at` that answers what `answer` says at that time.
fn origin(gateway: &Gateway, at: usize, answer: impl Fn(Duration) -> Answer + 'static) -> Rc<Origin> {
    let world = gateway.world.clone();
    Origin::start(&gateway.world, ORIGINS[at], move |_: &Head| answer(Duration::from_nanos(world.now().nanos())))
}

/// Asks once, with 10 ms for it.
fn ask(gateway: &Gateway) -> Reply {
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(10 * MS);
    client.take().remove(0).expect("a reply")
}

fn statuses(gateway: &Gateway, count: usize) -> Vec<u16> {
    (0..count).map(|_| ask(gateway).head.status()).collect()
}

#[test]
fn a_breaker_opens_is_probed_and_closes() {
    let gateway = start("breaker: { consecutive: 3, open: 1s, probes: 2 }");
    let origin = origin(&gateway, 0, |now| if now < SECOND / 2 { failing() } else { fine() });
    assert_eq!(statuses(&gateway, 4), [500, 500, 500, 503]);
    let refused = ask(&gateway);
    problem(&refused, Reason::CircuitOpen);
    assert_eq!(refused.head.field("retry-after"), Some("1"));
    assert_eq!(origin.seen().len(), 3, "an open breaker sends nothing");
    gateway.simulation.run_for(SECOND);
    assert_eq!((statuses(&gateway, 5), origin.seen().len()), (vec![200; 5], 8));
    let ended = gateway.end();
    assert!(ended.records[3].contains("\"reason\":\"circuit_open\""), "{}", ended.records[3]);
}

#[test]
fn a_failed_probe_opens_it_for_twice_as_long() {
    let gateway = start("breaker: { consecutive: 1, open: 1s, probes: 1 }");
    let origin = origin(&gateway, 0, |_| failing());
    assert_eq!(statuses(&gateway, 2), [500, 503]);
    gateway.simulation.run_for(SECOND);
    assert_eq!(statuses(&gateway, 2), [500, 503]);
    gateway.simulation.run_for(SECOND + SECOND / 2);
    assert_eq!((ask(&gateway).head.status(), origin.seen().len()), (503, 2));
    gateway.simulation.run_for(SECOND);
    assert_eq!((ask(&gateway).head.status(), origin.seen().len()), (500, 3));
    drop(gateway.end());
}

#[test]
fn while_probes_are_out_others_are_refused_and_a_client_that_leaves_gives_its_place_back() {
    let gateway = start("breaker: { consecutive: 1, open: 1s, probes: 1 }");
    let origin = origin(&gateway, 0, |now| if now < SECOND { failing() } else { slow(SECOND) });
    assert_eq!(ask(&gateway).head.status(), 500);
    gateway.simulation.run_for(SECOND);
    let probe = gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(10 * MS);
    assert_eq!(ask(&gateway).head.status(), 503);
    gateway.simulation.run_for(2 * SECOND);
    assert_eq!(probe.take().remove(0).expect("a reply").head.status(), 200);
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(2 * SECOND);
    assert_eq!((client.take().remove(0).expect("a reply").head.status(), origin.seen().len()), (200, 3));
    drop(gateway.end());
}

#[test]
fn slow_answers_and_silence_open_it_too() {
    let gateway = start("breaker: { failures: off, slow: { over: 5ms }, requests_min: 2, open: 1s }");
    let _origin = origin(&gateway, 0, |_| slow(7 * MS));
    assert_eq!(statuses(&gateway, 3), [200, 200, 503]);
    drop(gateway.end());
    let gateway = start("breaker: { consecutive: 1, open: 1s }");
    let _origin = origin(&gateway, 0, |_| silence());
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(60 * SECOND);
    assert_eq!(client.take().remove(0).expect("a reply").head.status(), 504);
    assert_eq!(ask(&gateway).head.status(), 503);
    drop(gateway.end());
}

/// Nothing listens at the endpoint.
#[test]
fn a_connection_that_is_refused_is_a_failure() {
    let gateway = start("breaker: { consecutive: 2, open: 1s }, retries: { attempts: 1 }");
    assert_eq!(statuses(&gateway, 3), [502, 502, 503]);
    drop(gateway.end());
}

fn with_fallback(fallback: &str) -> Gateway {
    let config = format!(
        "version: 1\nstatus: off\nlisteners: [ {{ name: public, bind: \"{LISTEN}\" }} ]\nupstreams:\n\
         \x20 - {{ name: a, endpoints: [ {{ address: \"{}\" }} ], breaker: {{ consecutive: 1, open: 10s, fallback: {fallback} }} }}\n\
         \x20 - {{ name: b, endpoints: [ {{ address: \"{}\" }} ], breaker: {{ consecutive: 1, open: 10s, fallback: {{ upstream: a }} }} }}\n\
         routes: [ {{ name: r, match: {{ path: '/*' }}, upstream: a }} ]\n",
        ORIGINS[0], ORIGINS[1]
    );
    let snapshot = tollgate_model::parse("gateway.yaml", &config, &tollgate_model::NoSource);
    Gateway::run(snapshot.unwrap_or_else(|errors| panic!("{errors}")), 1, Conditions::default())
}

#[test]
fn a_fallback_takes_what_an_open_breaker_does_not() {
    let gateway = with_fallback("{ upstream: b }");
    let [first, second] =
        [origin(&gateway, 0, |_| failing()), origin(&gateway, 1, |now| if now < SECOND { fine() } else { failing() })];
    assert_eq!(statuses(&gateway, 3), [500, 200, 200]);
    gateway.simulation.run_for(SECOND);
    // The other fails as well, and is not followed back.
    assert_eq!(statuses(&gateway, 3), [500, 503, 503]);
    assert_eq!((first.seen().len(), second.seen().len()), (1, 3));
    let ended = gateway.end();
    assert!(ended.records[1].contains("\"upstream\":\"b\""), "{}", ended.records[1]);
}

#[test]
fn a_fallback_can_be_an_answer() {
    let gateway = with_fallback("{ answer: { status: 200, body: cold } }");
    let _origin = origin(&gateway, 0, |_| failing());
    assert_eq!(statuses(&gateway, 1), [500]);
    let reply = ask(&gateway);
    assert_eq!((reply.head.status(), &reply.body[..]), (200, &b"cold"[..]));
    let ended = gateway.end();
    assert!(!ended.records[1].contains("\"reason\""), "{}", ended.records[1]);
}

#[test]
fn an_adaptive_limit_refuses_what_would_queue() {
    let gateway = start("adaptive_concurrency: { min: 2, max: 2 }");
    let origin = origin(&gateway, 0, |_| slow(100 * MS));
    let clients: Vec<_> = (0..5).map(|_| gateway.ask(vec![get(1)])).collect();
    gateway.simulation.run_for(SECOND);
    let replies: Vec<Reply> = clients.iter().map(|client| client.take().remove(0).expect("a reply")).collect();
    let refused: Vec<&Reply> = replies.iter().filter(|reply| reply.head.status() == 503).collect();
    assert_eq!((refused.len(), origin.seen().len()), (3, 2));
    problem(refused[0], Reason::UpstreamOverloaded);
    // Their places are free again.
    let clients: Vec<_> = (0..2).map(|_| gateway.ask(vec![get(1)])).collect();
    gateway.simulation.run_for(SECOND);
    assert!(clients.iter().all(|client| client.take().remove(0).expect("a reply").head.status() == 200));
    drop(gateway.end());
}

#[test]
fn an_upstream_is_sent_no_more_than_its_throughput_and_told_when_to_come_again() {
    let gateway = start("throughput: { limit: 2, per: second, burst: 3 }, breaker: { consecutive: 1 }");
    let origin = origin(&gateway, 0, |_| fine());
    assert_eq!(statuses(&gateway, 4), [200, 200, 200, 503]);
    let refused = ask(&gateway);
    problem(&refused, Reason::UpstreamThrottled);
    assert_eq!(refused.head.field("retry-after"), Some("1"));
    gateway.simulation.run_for(SECOND / 2);
    // Being throttled is no failure, or the breaker would be open.
    assert_eq!((statuses(&gateway, 2), origin.seen().len()), (vec![200, 503], 4));
    gateway.simulation.run_for(60 * SECOND);
    assert_eq!((statuses(&gateway, 4), origin.seen().len()), (vec![200, 200, 200, 503], 7));
    let ended = gateway.end();
    assert!(ended.records[3].contains("\"reason\":\"upstream_throttled\""), "{}", ended.records[3]);
}

/// With two endpoints, the first of which `answer`s, and a throughput of `burst` for the hour.
fn throttled_pair(burst: usize, keys: &str, answer: fn() -> Answer) -> (Gateway, [Rc<Origin>; 2]) {
    let endpoints = format!("{{ address: \"{}\" }}, {{ address: \"{}\", backup: true }}", ORIGINS[0], ORIGINS[1]);
    let keys = format!(", throughput: {{ limit: 1, per: hour, burst: {burst} }}, {keys}");
    let gateway = Gateway::start_upstream(&endpoints, &keys, 1, Conditions::default());
    let origins = [origin(&gateway, 0, move |_| answer()), origin(&gateway, 1, |_| fine())];
    (gateway, origins)
}

#[test]
fn a_retry_counts_and_is_not_made_when_the_throughput_is_used_up() {
    let unavailable = || Answer { status: 503, fields: "X-From: endpoint\r\n".into(), ..fine() };
    let (gateway, origins) = throttled_pair(3, "retries: { on: ['503'] }", unavailable);
    assert_eq!(ask(&gateway).head.status(), 200);
    let last = ask(&gateway);
    assert_eq!((last.head.status(), last.head.field("x-from")), (503, Some("endpoint")), "the answer there is");
    problem(&ask(&gateway), Reason::UpstreamThrottled);
    assert_eq!(origins.each_ref().map(|origin| origin.seen().len()), [2, 1]);
    drop(gateway.end());
}

#[test]
fn a_hedge_counts_and_is_not_made_when_the_throughput_is_used_up() {
    let (gateway, origins) = throttled_pair(3, "hedge: { after: 1ms }", || slow(5 * MS));
    assert_eq!((ask(&gateway).head.status(), ask(&gateway).head.status()), (200, 200));
    assert_eq!(ask(&gateway).head.status(), 503);
    assert_eq!(origins.each_ref().map(|origin| origin.seen().len()), [2, 1]);
    drop(gateway.end());
}

/// Nothing listens at the only endpoint: each connect is an attempt, and the reason is that of the last.
#[test]
fn a_connect_that_fails_counts() {
    let gateway = start("throughput: { limit: 1, per: hour, burst: 2 }, retries: { attempts: 3, backoff: 1ms }");
    assert_eq!(statuses(&gateway, 2), [502, 503]);
    let ended = gateway.end();
    assert!(ended.records[0].contains("\"attempts\":2"), "{}", ended.records[0]);
    assert!(ended.records[1].contains("\"attempts\":0"), "{}", ended.records[1]);
}

/// The second try of the first request, which waits for an hour, is never made.
#[test]
fn an_attempt_that_an_end_forestalls_does_not_count() {
    let keys = "throughput: { limit: 1, per: hour, burst: 3 }, retries: { attempts: 2, backoff: 1h, backoff_max: 1h }";
    let gateway = start(keys);
    let world = gateway.world.clone();
    gateway.script(async move {
        let end = dial(&world, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        world.sleep(5_000_000).await;
        end.reset();
    });
    gateway.simulation.run_for(SECOND);
    let _origin = origin(&gateway, 0, |_| fine());
    assert_eq!(statuses(&gateway, 3), [200, 200, 503]);
    gateway.end();
}

/// A route with these faults.
fn faulty(faults: &str) -> Gateway {
    Gateway::start_node("", &[&format!("match: {{ path: '/*' }}, upstream: a, policies: {{ faults: {faults} }}")])
}

#[test]
fn a_fault_is_what_the_policy_says_and_is_in_the_record() {
    let gateway = faulty("{ abort: { status: 418 } }");
    let reply = ask(&gateway);
    assert_eq!(reply.head.status(), 418);
    let body = String::from_utf8(reply.body).unwrap();
    assert!(body.contains("\"status\":418,\"code\":\"fault_injected\""), "{body}");
    let record = gateway.end().records.remove(0);
    assert!(record.contains("\"fault\":\"abort\"") && record.contains("\"reason\":\"fault_injected\""), "{record}");
}

#[test]
fn a_delay_delays_and_changes_nothing_else() {
    let gateway = faulty("{ delay: { fixed: 300ms } }");
    let origins: Vec<Rc<Origin>> = (0..ORIGINS.len()).map(|at| origin(&gateway, at, |_| fine())).collect();
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(299 * MS);
    assert!(origins.iter().all(|origin| origin.seen().is_empty()));
    gateway.simulation.run_for(10 * MS);
    let reply = client.take().remove(0).expect("a reply");
    assert_eq!((reply.head.status(), reply.body), (200, payload(1, 100)));
    let record = gateway.end().records.remove(0);
    assert!(record.contains("\"fault\":\"delay\"") && !record.contains("\"reason\""), "{record}");
}

#[test]
fn a_share_of_requests_is_a_share() {
    let gateway = faulty("{ abort: { status: 500, percent: 30 } }");
    let _origins: Vec<Rc<Origin>> = (0..ORIGINS.len()).map(|at| origin(&gateway, at, |_| fine())).collect();
    let client = gateway.ask(vec![get(1); 1000]);
    gateway.simulation.run_for(60 * SECOND);
    let aborted =
        client.take().iter().filter(|reply| reply.as_ref().is_ok_and(|reply| reply.head.status() == 500)).count();
    // Five standard deviations around 300.
    assert!((230..370).contains(&aborted), "{aborted}");
    drop(gateway.end());
}

/// Three routes, and what a worker that is kept busy tells their clients.
#[test]
fn a_worker_that_cannot_keep_up_refuses_the_lowest_priority_first() {
    let routes = ["low", "normal", "critical"].map(|priority| {
        format!("match: {{ path: /{priority} }}, answer: {{ status: 200 }}, policies: {{ priority: {priority} }}")
    });
    let gateway =
        Gateway::start_node("shedding: { delay: 20ms, interval: 40ms }\n", &routes.each_ref().map(|route| &**route));
    let ask = |gateway: &Gateway| -> Vec<u16> {
        let to = |path: &str| Request { target: path.to_owned(), ..get(1) };
        let client = gateway.ask(vec![to("/low"), to("/normal"), to("/critical")]);
        gateway.simulation.run_for(5 * MS);
        client.take().into_iter().map(|reply| reply.expect("a reply").head.status()).collect()
    };
    assert_eq!(ask(&gateway), [200, 200, 200]);
    // Whatever is due comes 30 ms late.
    gateway.world.set_lag(Duration::from_millis(30));
    let mut seen = Vec::new();
    for _ in 0..500 {
        seen.push(ask(&gateway));
    }
    let refused = |at: usize| seen.iter().filter(|statuses| statuses[at] == 503).count();
    assert!(
        refused(0) > refused(1) && refused(1) > 0 && refused(2) == 0,
        "{} {} {}",
        refused(0),
        refused(1),
        refused(2)
    );
    gateway.world.set_lag(Duration::ZERO);
    (0..400).for_each(|_| drop(ask(&gateway)));
    assert_eq!(ask(&gateway), [200, 200, 200], "it keeps up again");
    let ended = gateway.end();
    assert!(ended.records.iter().any(|record| record.contains("\"reason\":\"overloaded\"")));
}

/// Two endpoints, the first of which is asked first, and what each answers.
fn hedged(keys: &str, answers: [Answer; 2]) -> (Gateway, [Rc<Origin>; 2]) {
    let [first, second] = ORIGINS;
    // The first turn is chance: with a backup it is not, and an endpoint that was asked is as good as none.
    let endpoints = format!("{{ address: \"{first}\" }}, {{ address: \"{second}\", backup: true }}");
    let gateway =
        Gateway::start_upstream(&endpoints, &format!(", hedge: {{ after: 50ms }}{keys}"), 1, Conditions::default());
    let [one, other] = answers;
    let origins = [origin(&gateway, 0, move |_| one.clone()), origin(&gateway, 1, move |_| other.clone())];
    (gateway, origins)
}

fn seen(origins: &[Rc<Origin>; 2]) -> [usize; 2] {
    origins.each_ref().map(|origin| origin.seen().len())
}

fn named(name: &str, answer: Answer) -> Answer {
    Answer { fields: format!("X-From: {name}\r\n"), ..answer }
}

/// Asks once, with `time` for it; who has answered.
fn ask_hedged(gateway: &Gateway, request: Request, time: Duration) -> (u16, Option<String>) {
    let client = gateway.ask(vec![request]);
    gateway.simulation.run_for(time);
    let reply = client.take().remove(0).expect("a reply");
    (reply.head.status(), reply.head.field("x-from").map(str::to_owned))
}

#[test]
fn the_second_endpoint_answers_when_the_first_is_slow() {
    let (gateway, origins) = hedged("", [named("first", slow(SECOND)), named("second", fine())]);
    assert_eq!(ask_hedged(&gateway, get(1), 100 * MS), (200, Some("second".to_owned())));
    assert_eq!(seen(&origins), [1, 1]);
    gateway.simulation.run_for(5 * SECOND);
    let ended = gateway.end();
    assert_eq!(ended.records.len(), 1);
    assert!(
        ended.records[0].contains("\"attempts\":2") && !ended.records[0].contains("\"reason\""),
        "{}",
        ended.records[0]
    );
    assert!(ended.records[0].contains(&format!("\"endpoint\":\"{}\"", ORIGINS[1])), "{}", ended.records[0]);
}

/// The first takes its time to end. Meanwhile the connection of the second is none of this exchange's any more.
#[test]
fn the_connection_of_a_second_that_has_answered_is_let_go_at_once() {
    let faults = Faults::NONE.with(Fault::AbortLate, 1.0);
    let conditions = Conditions { late_nanos_max: SECOND.as_nanos() as u64, faults, ..Conditions::default() };
    let endpoints = format!("{{ address: \"{}\" }}, {{ address: \"{}\", backup: true }}", ORIGINS[0], ORIGINS[1]);
    let gateway =
        Gateway::start_upstream(&endpoints, ", hedge: { after: 5ms }, connections: { max: 8 }", 1, conditions);
    let closing = || Answer { close: true, ..named("second", fine()) };
    let _origins = [origin(&gateway, 0, |_| slow(9 * SECOND)), origin(&gateway, 1, move |_| closing())];
    for _ in 0..8 {
        assert_eq!(ask_hedged(&gateway, get(1), 10 * MS), (200, Some("second".to_owned())));
    }
    assert_eq!(gateway.nodes[0].open_max(ORIGINS[1]), 1, "connections that no exchange has");
    drop(gateway.end());
}

#[test]
fn the_first_endpoint_answers_when_it_is_quicker_after_all() {
    let (gateway, origins) = hedged("", [named("first", slow(80 * MS)), named("second", slow(SECOND))]);
    assert_eq!(ask_hedged(&gateway, get(1), 200 * MS), (200, Some("first".to_owned())));
    assert_eq!(seen(&origins), [1, 1]);
    gateway.simulation.run_for(5 * SECOND);
    let ended = gateway.end();
    assert!(ended.records[0].contains(&format!("\"endpoint\":\"{}\"", ORIGINS[0])), "{}", ended.records[0]);
}

#[test]
fn a_quick_answer_is_asked_for_once() {
    let (gateway, origins) = hedged("", [named("first", slow(40 * MS)), named("second", fine())]);
    assert_eq!(ask_hedged(&gateway, get(1), SECOND), (200, Some("first".to_owned())));
    assert_eq!(seen(&origins), [1, 0]);
    drop(gateway.end());
}

#[test]
fn what_must_not_be_repeated_is_sent_once() {
    let (gateway, origins) = hedged("", [named("first", slow(200 * MS)), named("second", fine())]);
    for request in [
        crate::gateway::post(1, 10),
        crate::gateway::post(1, 0),
        Request { method: "PUT", ..crate::gateway::post(1, 10) },
    ] {
        assert_eq!(ask_hedged(&gateway, request, SECOND), (200, Some("first".to_owned())));
    }
    assert_eq!(seen(&origins), [3, 0]);
    drop(gateway.end());
}

#[test]
fn without_room_in_the_budget_nothing_is_hedged() {
    let keys = ", retries: { budget: 0%, budget_min: 0 }";
    let (gateway, origins) = hedged(keys, [named("first", slow(200 * MS)), named("second", fine())]);
    assert_eq!(ask_hedged(&gateway, get(1), SECOND), (200, Some("first".to_owned())));
    assert_eq!(seen(&origins), [1, 0]);
    drop(gateway.end());
}

#[test]
fn a_second_endpoint_that_fails_is_as_if_it_were_not_there() {
    let cut = Answer { cut_at: Some(0), ..fine() };
    let (gateway, origins) = hedged("", [named("first", slow(200 * MS)), cut]);
    assert_eq!(ask_hedged(&gateway, get(1), SECOND), (200, Some("first".to_owned())));
    assert_eq!(seen(&origins), [1, 1]);
    drop(gateway.end());
}

/// The first breaks while the second is asked.
#[test]
fn a_first_endpoint_that_fails_leaves_the_answer_to_the_second() {
    let cut = Answer { cut_at: Some(0), ..slow(70 * MS) };
    let (gateway, origins) = hedged("", [cut, named("second", slow(70 * MS))]);
    assert_eq!(ask_hedged(&gateway, get(1), SECOND), (200, Some("second".to_owned())));
    assert_eq!(seen(&origins), [1, 1]);
    drop(gateway.end());
}

#[test]
fn a_deadline_ends_both() {
    let (gateway, origins) = hedged("", [silence(), silence()]);
    assert_eq!(ask_hedged(&gateway, get(1), 10 * SECOND), (504, None));
    assert_eq!(seen(&origins), [1, 1]);
    drop(gateway.end());
}
