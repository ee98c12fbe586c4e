//! How a worker ends: it finishes what it has begun, or stops at once when told to.

use crate::gateway::{Gateway, LISTEN, ORIGINS, Script, dial, get, is_over, silence};
use std::{rc::Rc, time::Duration};
use tollgate_io::Instant;
use tollgate_sim::{Answer, Conditions, Failure, Origin, Reader, payload};
use tollgate_worker::Command;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const SECOND: Duration = Duration::from_secs(1);
const START: Instant = Instant::from_nanos(0);

fn slow() -> Answer {
    Answer { delay_nanos: 1_500_000_000, ..Answer::new(payload(1, 100_000)) }
}

#[test]
fn a_drain_finishes_what_is_in_progress() {
    let (gateway, origin) = Gateway::quiet(|_| slow());
    let client = gateway.ask(vec![get(1), get(2)]);
    gateway.simulation.run_for(SECOND);
    gateway.command(Command::Drain);
    gateway.simulation.run_for(SECOND / 4);
    assert!(!gateway.has_returned(), "an exchange is in progress");
    let late = gateway.ask(vec![get(3)]);
    gateway.simulation.run_for(SECOND / 4);
    assert_eq!(late.take(), [Err(Failure::Refused)]);
    gateway.simulation.run_for(SECOND);
    assert!(gateway.has_returned());
    let replies = client.take();
    let [Ok(reply)] = &replies[..] else { panic!("one reply wanted: {replies:?}") };
    assert!(reply.body == payload(1, 100_000) && reply.head.closes(), "{:?}", reply.head);
    assert_eq!(origin.seen().len(), 1);
    gateway.end().record();
}

#[test]
fn a_drain_closes_idle_connections_at_once() {
    let (gateway, _origin) = Gateway::quiet(|_| Answer::new(Vec::new()));
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, GET).await;
        let mut reader = Reader::new(&end);
        assert_eq!(reader.head().await.ok().flatten().map(|head| head.status()), Some(200));
        reader.head().await
    });
    gateway.simulation.run_for(SECOND);
    assert_eq!(gateway.simulation.leftovers().streams, 2, "the client's and a pooled one");
    gateway.command(Command::Drain);
    gateway.simulation.run_for(SECOND / 4);
    assert!(is_over(&client.take()));
    assert!(gateway.has_returned());
    gateway.end().record();
}

#[test]
fn a_drain_in_the_middle_of_an_answer_ends_with_it() {
    let (gateway, _origin) =
        Gateway::quiet(|_| Answer { pieces: 20, pause_nanos_max: 100_000_000, ..Answer::new(payload(1, 100_000)) });
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, GET).await;
        let mut reader = Reader::new(&end);
        let head = reader.head().await.expect("a head").expect("an answer");
        let body = reader.body(head.framing().expect("a length")).await;
        assert!(body == Ok(payload(1, 100_000)), "a part of it is missing");
        let answered = world.now();
        assert!(is_over(&reader.head().await));
        answered
    });
    gateway.simulation.run_for(SECOND / 4);
    gateway.command(Command::Drain);
    gateway.simulation.run_until_idle();
    let answered = client.take();
    let ended = gateway.end();
    assert!(ended.at < answered + SECOND, "the answer was there at {answered:?}, the end came at {:?}", ended.at);
    ended.record();
}

/// All segments take the same time, so that a connection, a request and the command can come at one instant.
#[test]
fn a_drain_may_meet_a_connection_that_is_being_made() {
    for seed in 0..100 {
        let conditions = Conditions { latency_nanos: 1_000..=1_000, ..Conditions::default() };
        let gateway = Rc::new(Gateway::start(seed, conditions, 1));
        let _origin = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(Vec::new()));
        let clients: Vec<_> = (0..4)
            .map(|number| {
                let world = gateway.world.clone();
                gateway.script(async move {
                    world.sleep(number * 1_000).await;
                    let Ok(end) = world.dial(ORIGINS[1].ip(), LISTEN).await else { return };
                    // It may have been closed by now; some only connect.
                    let _ = end.write_all(if number % 2 == 0 { GET } else { b"" }).await;
                    let mut reader = Reader::new(&end);
                    while matches!(reader.head().await, Ok(Some(_))) {}
                })
            })
            .collect();
        let (world, commander) = (gateway.world.clone(), gateway.clone());
        let drained = gateway.script(async move {
            world.sleep(4_000).await;
            commander.command(Command::Drain);
        });
        gateway.simulation.run_for(2 * SECOND);
        drained.take();
        clients.iter().for_each(Script::take);
        Rc::into_inner(gateway).expect("the scripts have ended").end();
    }
}

#[test]
fn a_drain_waits_no_longer_than_it_may() {
    // The endpoint sends a little now and then, so no deadline of the exchange itself ever passes.
    let (gateway, _origin) =
        Gateway::quiet(|_| Answer { pieces: 100, pause_nanos_max: 1_000_000_000, ..Answer::new(payload(1, 10_000)) });
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(SECOND);
    gateway.command(Command::Drain);
    gateway.simulation.run_for(10 * SECOND);
    assert!(!gateway.has_returned());
    gateway.simulation.run_for(2 * SECOND);
    assert!(gateway.has_returned());
    gateway.simulation.run_until_idle();
    let replies = client.take();
    assert!(matches!(replies[..], [Err(_)]), "half an answer must not look whole: {replies:?}");
    let ended = gateway.end();
    assert!(ended.at - START >= 12 * SECOND, "{:?}", ended.at);
    ended.record();
}

#[test]
fn a_stop_waits_for_nobody() {
    let (gateway, _origin) = Gateway::quiet(|_| silence());
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(SECOND);
    gateway.command(Command::Stop);
    gateway.simulation.run_for(SECOND / 4);
    assert!(gateway.has_returned());
    assert!(matches!(client.take()[..], [Err(_)]));
    gateway.end().record();
}

#[test]
fn a_stop_ends_a_drain() {
    let (gateway, _origin) = Gateway::quiet(|_| slow());
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(SECOND);
    gateway.command(Command::Drain);
    gateway.simulation.run_for(SECOND / 4);
    assert!(!gateway.has_returned());
    gateway.command(Command::Stop);
    gateway.simulation.run_for(SECOND / 20);
    assert!(gateway.has_returned());
    assert!(matches!(client.take()[..], [Err(_)]));
    gateway.end().record();
}
