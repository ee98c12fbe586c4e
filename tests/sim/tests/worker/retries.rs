//! What is tried again: only what is safe, only as often as allowed, and nothing of a failed try reaches the client.

use crate::gateway::{Gateway, LISTEN, ORIGINS, Script, dial, get, post, refused_by, silence};
use std::{rc::Rc, time::Duration};
use tollgate_http::Reason;
use tollgate_sim::{Answer, Conditions, Origin, Reader, Reply, Request, payload};

const SECOND: Duration = Duration::from_secs(1);

fn fine() -> Answer {
    Answer::new(payload(1, 100))
}

fn unavailable() -> Answer {
    Answer { status: 503, fields: "X-From: endpoint\r\n".into(), ..Answer::new(payload(2, 50)) }
}

/// Two endpoints, the first of which answers `bad`, the second `good`; each is asked first in turn.
struct Pair {
    gateway: Gateway,
    origins: [Rc<Origin>; 2],
}

fn pair(retries: &str, bad: Answer, good: Answer) -> Pair {
    let endpoints = ORIGINS.map(|at| format!("{{ address: \"{at}\" }}")).join(", ");
    // The first turn is chance: with a backup it is not.
    let endpoints = endpoints.replacen(&format!("\"{}\"", ORIGINS[1]), &format!("\"{}\", backup: true", ORIGINS[1]), 1);
    let gateway = Gateway::start_upstream(&endpoints, &format!(", retries: {{ {retries} }}"), 1, Conditions::default());
    let origins = [(ORIGINS[0], bad), (ORIGINS[1], good)]
        .map(|(at, answer)| Origin::start(&gateway.world, at, move |_| answer.clone()));
    Pair { gateway, origins }
}

impl Pair {
    /// The reply to one request; how many requests each endpoint has seen.
    fn ask(&self, request: Request) -> (Reply, [usize; 2]) {
        let client = self.gateway.ask(vec![request]);
        self.gateway.simulation.run_for(10 * SECOND);
        let reply = client.take().remove(0).expect("a reply");
        (reply, self.origins.each_ref().map(|origin| origin.seen().len()))
    }

    fn attempts(self, wanted: &str) {
        let ended = self.gateway.end();
        let attempts = ended.record().split("\"attempts\":").nth(1).map_or("1", |rest| &rest[..1]).to_owned();
        assert_eq!(attempts, wanted, "{}", ended.record());
    }
}

#[test]
fn a_status_is_tried_again_elsewhere() {
    let pair = pair("on: ['503']", unavailable(), fine());
    let (reply, seen) = pair.ask(get(1));
    assert_eq!((reply.head.status(), reply.head.field("x-from"), seen), (200, None, [1, 1]));
    assert_eq!(reply.body, payload(1, 100));
    pair.attempts("2");
}

#[test]
fn a_post_is_never_sent_twice() {
    for (bad, status) in [(unavailable(), 503), (silence(), 504), (Answer { cut_at: Some(0), ..fine() }, 502)] {
        for length in [0, 10] {
            let pair = pair("on: [connect, closed, timeout, '503', '504']", bad.clone(), fine());
            let (reply, seen) = pair.ask(post(1, length));
            assert_eq!((reply.head.status(), seen), (status, [1, 0]), "{length} bytes");
            pair.attempts("1");
        }
    }
}

#[test]
fn a_request_with_a_body_is_not_sent_twice_even_if_it_may_be_repeated() {
    let pair = pair("on: [closed, '503']", unavailable(), fine());
    let (reply, seen) = pair.ask(Request { method: "PUT", ..post(1, 10) });
    assert_eq!((reply.head.status(), seen), (503, [1, 0]));
    pair.attempts("1");
}

#[test]
fn silence_and_a_closed_connection_are_tried_again_by_rule_only() {
    let broken = Answer { cut_at: Some(0), ..fine() };
    for (bad, word, reason) in
        [(silence(), "timeout", Reason::ResponseTimeout), (broken, "closed", Reason::UpstreamClosed)]
    {
        let with = pair(&format!("on: [{word}]"), bad.clone(), fine());
        let (reply, seen) = with.ask(get(1));
        assert_eq!((reply.head.status(), seen), (200, [1, 1]), "{word}");
        with.attempts("2");
        let without = pair("on: [connect]", bad, fine());
        let (reply, seen) = without.ask(get(1));
        refused_by(&[Ok(reply)], reason);
        assert_eq!(seen, [1, 0], "{word}");
        without.gateway.end().failed_by(reason);
    }
}

#[test]
fn nothing_is_tried_again_behind_a_byte_that_the_client_has() {
    let pair = pair("on: [closed, '503']", Answer { interim: vec![103], ..unavailable() }, fine());
    let (reply, seen) = pair.ask(get(1));
    assert_eq!((reply.interim.as_slice(), reply.head.status(), seen), (&[103][..], 503, [1, 0]));
    pair.attempts("1");
}

#[test]
fn when_all_fail_the_client_gets_the_last_answer_whole() {
    let pair = pair("attempts: 3, on: ['503']", unavailable(), unavailable());
    let (reply, seen) = pair.ask(get(1));
    assert_eq!((reply.head.status(), seen.iter().sum::<usize>()), (503, 3));
    assert_eq!((reply.head.field("x-from"), &reply.body), (Some("endpoint"), &payload(2, 50)));
    pair.attempts("3");
}

#[test]
fn without_room_in_the_budget_nothing_is_tried_again() {
    let pair = pair("on: ['503'], budget: 0%, budget_min: 0", unavailable(), fine());
    let (reply, seen) = pair.ask(get(1));
    assert_eq!((reply.head.status(), seen), (503, [1, 0]));
    pair.attempts("1");
}

#[test]
fn a_budget_bounds_what_is_under_way_at_one_time() {
    let pair =
        pair("on: ['503'], budget: 0%, budget_min: 2", unavailable(), Answer { delay_nanos: 1_000_000_000, ..fine() });
    let clients: Vec<_> = (1..=8).map(|token| pair.gateway.ask(vec![get(token)])).collect();
    pair.gateway.simulation.run_for(5 * SECOND);
    let statuses: Vec<u16> =
        clients.iter().flat_map(Script::take).map(|reply| reply.expect("a reply").head.status()).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 2, "{statuses:?}");
    assert_eq!(pair.origins[1].seen().len(), 2);
    pair.gateway.end();
}

#[test]
fn a_client_that_leaves_ends_the_wait_for_a_retry() {
    let endpoint = format!("{{ address: \"{}\" }}", ORIGINS[0]);
    let gateway =
        Gateway::start_upstream(&endpoint, ", retries: { backoff: 1h, backoff_max: 1h }", 3, Conditions::default());
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        world.sleep(500_000_000).await;
        end.reset();
    });
    gateway.simulation.run_for(2 * SECOND);
    client.take();
    assert_eq!(gateway.simulation.leftovers().streams, 0);
    gateway.end().failed_by(Reason::ClientClosed);
}

/// An endpoint that comes back between two tries of one request is found: the only one is tried again after a while.
#[test]
fn the_only_endpoint_is_tried_again_after_a_while() {
    let endpoint = format!("{{ address: \"{}\" }}", ORIGINS[0]);
    let rest = ", retries: { attempts: 10, backoff: 200ms, backoff_max: 200ms }";
    let gateway = Gateway::start_upstream(&endpoint, rest, 1, Conditions::default());
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = world.dial([192, 0, 2, 1], LISTEN).await.expect("the worker listens");
        end.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nX-Token: 1\r\n\r\nhi")
            .await
            .expect("it reads");
        Reader::new(&end).head().await.expect("a head").expect("an answer").status()
    });
    let world = gateway.world.clone();
    gateway.world.spawn(async move {
        world.sleep(100_000_000).await;
        let origin = Origin::start(&world, ORIGINS[0], |_| fine());
        world.sleep(10_000_000_000).await;
        assert_eq!(origin.seen().len(), 1);
    });
    gateway.simulation.run_for(15 * SECOND);
    assert_eq!(client.take(), 200);
    gateway.end();
}

/// However many requests there are: the budget is for what loads endpoints, and one that refuses a connection is not.
#[test]
fn a_backup_takes_all_that_the_only_other_endpoint_refuses() {
    let endpoints = format!("{{ address: \"{}\" }}, {{ address: \"{}\", backup: true }}", ORIGINS[0], ORIGINS[1]);
    let rest = ", retries: { budget: 0%, budget_min: 0 }";
    let gateway = Gateway::start_upstream(&endpoints, rest, 1, Conditions::default());
    let origin = Origin::start(&gateway.world, ORIGINS[1], |_| Answer { delay_nanos: 1_000_000_000, ..fine() });
    let clients: Vec<_> = (1..=32).map(|token| gateway.ask(vec![post(token, 10)])).collect();
    gateway.simulation.run_for(5 * SECOND);
    let statuses = clients.iter().flat_map(Script::take).map(|reply| reply.expect("a reply").head.status());
    assert_eq!((statuses.filter(|&status| status == 200).count(), origin.seen().len()), (32, 32));
    gateway.end();
}

/// Back at an endpoint that has refused already, the budget counts again.
#[test]
fn without_room_in_the_budget_no_endpoint_is_asked_twice() {
    let gateway = {
        let endpoint = format!("{{ address: \"{}\" }}", ORIGINS[0]);
        Gateway::start_upstream(&endpoint, ", retries: { budget: 0%, budget_min: 0 }", 1, Conditions::default())
    };
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(SECOND);
    refused_by(&client.take(), Reason::ConnectRefused);
    assert!(!gateway.end().record().contains("\"attempts\""));
}
