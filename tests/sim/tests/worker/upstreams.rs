//! The pool of upstream connections, and which failures are tried again.

use crate::gateway::{Ended, Gateway, ORIGINS, get, post, problem, refused_by};
use std::{cell::Cell, rc::Rc, time::Duration};
use tollgate_http::Reason;
use tollgate_sim::{Answer, Conditions, Fault, Faults, Head, Origin, Owner, Request, payload};

/// Upstream connections that were opened, when there was one client.
fn connections(gateway: &Gateway) -> u64 {
    gateway.simulation.counters().opened[Owner::Node as usize] - 1
}

/// A script that gives its `answers` in turn, then the last of them for ever.
fn in_turn(answers: Vec<Answer>) -> impl Fn(&Head) -> Answer {
    let next = Rc::new(Cell::new(0));
    move |_| {
        let at = next.get().min(answers.len() - 1);
        next.set(at + 1);
        answers[at].clone()
    }
}

fn fine() -> Answer {
    Answer::new(payload(1, 100))
}

/// The request is read, then the link breaks: what a connection looks like that the endpoint gave up a moment ago.
fn broken() -> Answer {
    Answer { cut_at: Some(0), ..fine() }
}

#[test]
fn a_connection_is_used_again() {
    let (gateway, origin) = Gateway::quiet(|_| fine());
    let client = gateway.ask((1..=5).map(get).collect());
    gateway.simulation.run_for(Duration::from_secs(1));
    assert!(client.take().iter().flatten().all(|reply| reply.head.status() == 200));
    assert_eq!((origin.seen().len(), connections(&gateway)), (5, 1));
    assert_eq!(gateway.end().records.len(), 5);
}

#[test]
fn a_connection_the_endpoint_will_close_is_not_used_again() {
    // It says so and does not do it: looking at the connection would not tell.
    let (gateway, _origin) = Gateway::quiet(|_| Answer { fields: "Connection: close\r\n".into(), ..fine() });
    let client = gateway.ask((1..=5).map(get).collect());
    gateway.simulation.run_for(Duration::from_secs(1));
    assert!(client.take().iter().flatten().all(|reply| reply.head.status() == 200));
    assert_eq!(connections(&gateway), 5);
    gateway.end();
}

#[test]
fn a_connection_closed_while_idle_is_noticed_even_for_a_post() {
    let (gateway, _origin) = Gateway::quiet(|_| Answer { hang_up_nanos: Some(1_000_000), ..fine() });
    let first = gateway.ask(vec![post(1, 10)]);
    gateway.simulation.run_for(Duration::from_secs(1));
    let second = gateway.ask(vec![post(2, 10)]);
    gateway.simulation.run_for(Duration::from_secs(1));
    for client in [first, second] {
        assert!(matches!(&client.take()[..], [Ok(reply)] if reply.head.status() == 200));
    }
    gateway.end();
}

/// The second request meets a connection that is gone. Its reply's status, and how many requests reached the origin.
fn stale(second: Request) -> (u16, usize) {
    let (gateway, origin) = Gateway::quiet(in_turn(vec![fine(), broken(), fine()]));
    let client = gateway.ask(vec![get(1), second]);
    gateway.simulation.run_until_idle();
    let replies = client.take();
    let [Ok(_), Ok(reply)] = &replies[..] else { panic!("two replies wanted: {replies:?}") };
    if reply.head.status() == 502 {
        problem(reply, Reason::UpstreamClosed);
    }
    assert_eq!(gateway.end().records.len(), 2);
    (reply.head.status(), origin.seen().len())
}

#[test]
fn a_get_on_a_stale_connection_is_sent_again() {
    assert_eq!(stale(get(2)), (200, 3));
}

#[test]
fn a_post_on_a_stale_connection_is_not_sent_again() {
    assert_eq!(stale(post(2, 100)), (502, 2));
    assert_eq!(stale(post(3, 0)), (502, 2));
}

/// What is said of an answer that ends behind `bytes`, by the end of the stream or a broken link.
fn cut_short(bytes: usize, is_broken: bool) -> Ended {
    let (gateway, _origin) = Gateway::quiet(move |_| match is_broken {
        // What has just been sent goes down with the link, and the first of several segments does not.
        true => Answer { cut_at: Some(bytes), pieces: 8, pause_nanos_max: 1_000_000, ..fine() },
        false => {
            let mut raw = b"HTTP/1.1 200 Scripted\r\nContent-Length: 100\r\n\r\n".to_vec();
            raw.resize(bytes.max(raw.len()), b'x');
            raw.truncate(bytes);
            Answer { raw: Some(raw), close: true, ..fine() }
        }
    });
    gateway.ask(vec![get(1)]);
    gateway.simulation.run_until_idle();
    gateway.end()
}

#[test]
fn an_answer_that_has_begun_is_incomplete_however_it_ends() {
    for is_broken in [false, true] {
        cut_short(0, is_broken).failed_by(Reason::UpstreamClosed);
        cut_short(10, is_broken).failed_by(Reason::ResponseIncomplete);
        let ended = cut_short(70, is_broken);
        assert!(ended.record().contains("\"reason\":\"response_incomplete\""), "{:?}", ended.records);
    }
}

#[test]
fn an_endpoint_that_refuses_is_passed_over() {
    let gateway = Gateway::start(1, Conditions::default(), ORIGINS.len());
    let origin = Origin::start(&gateway.world, ORIGINS[1], |_| fine());
    let client = gateway.ask((1..=4).map(|token| post(token, 100)).collect());
    gateway.simulation.run_until_idle();
    let replies = client.take();
    assert_eq!(replies.iter().flatten().filter(|reply| reply.head.status() == 200).count(), 4, "{replies:?}");
    assert_eq!(origin.seen().len(), 4);
    gateway.end();
}

#[test]
fn without_another_endpoint_a_refusal_is_told() {
    let gateway = Gateway::start(1, Conditions::default(), 1);
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_until_idle();
    refused_by(&client.take(), Reason::ConnectRefused);
    let ended = gateway.end();
    ended.failed_by(Reason::ConnectRefused);
    assert!(ended.record().contains("\"attempts\":3"), "as often as the rules say: {:?}", ended.records);
}

#[test]
fn without_retries_a_refusal_is_told_at_once() {
    let endpoints = format!("{{ address: \"{}\" }}, {{ address: \"{}\" }}", ORIGINS[0], ORIGINS[1]);
    let gateway = Gateway::start_upstream(&endpoints, ", retries: { attempts: 1 }", 1, Conditions::default());
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_until_idle();
    refused_by(&client.take(), Reason::ConnectRefused);
    let ended = gateway.end();
    // A record gives its attempts when they are more than one.
    assert!(!ended.record().contains("attempts"), "asked once: {:?}", ended.records);
}

/// A receive that fails takes with it what had come of the answer, though the connection itself is unharmed.
#[test]
fn a_connection_whose_exchange_failed_behind_an_interim_response_is_not_used_again() {
    for seed in 0..100 {
        let faults = Faults::NONE.with(Fault::SubmitFails, 0.05);
        let gateway = Gateway::start(seed, Conditions { faults, ..Conditions::default() }, 1);
        let _origin = Origin::start(&gateway.world, ORIGINS[0], |head| Answer {
            fields: format!("X-Token: {}\r\n", head.token()),
            interim: vec![103, 103],
            pieces: 6,
            pause_nanos_max: 500_000,
            ..Answer::new(Vec::new())
        });
        let clients: Vec<_> = (0..10)
            .map(|number| {
                let client = gateway.ask((10 * number..10 * number + 10).map(get).collect());
                gateway.simulation.run_until_idle();
                (10 * number, client)
            })
            .collect();
        for (first, client) in clients {
            for (token, reply) in (first..).zip(client.take()) {
                let Ok(reply) = reply else { continue };
                assert!(reply.head.status() != 200 || reply.head.token() == token, "the answer of another request");
                let body = String::from_utf8_lossy(&reply.body);
                assert!(!body.contains("upstream_malformed"), "the rest of another answer, seed {seed}");
            }
        }
        gateway.end();
    }
}
