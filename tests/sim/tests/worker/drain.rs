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

/// A client that asks, waits for `pause` and asks again; the head of its second answer.
fn ask_twice(gateway: &Gateway, pause: Duration) -> Script<Option<tollgate_sim::Head>> {
    let world = gateway.world.clone();
    gateway.script(async move {
        let end = dial(&world, GET).await;
        let mut reader = Reader::new(&end);
        assert_eq!(reader.head().await.ok().flatten().map(|head| head.status()), Some(200));
        world.sleep(pause.as_nanos() as u64).await;
        let _ = end.write_all(GET).await;
        reader.head().await.ok().flatten()
    })
}

#[test]
fn after_a_handover_an_idle_connection_may_ask_once_more() {
    let (gateway, origin) = Gateway::quiet(|_| Answer::new(Vec::new()));
    let client = ask_twice(&gateway, 5 * SECOND);
    gateway.simulation.run_for(SECOND);
    gateway.command(Command::HandOver);
    gateway.simulation.run_for(3 * SECOND);
    assert!(!gateway.has_returned(), "it is open for half of the 11 s of a drain");
    gateway.simulation.run_for(2 * SECOND);
    let head = client.take().expect("the second answer");
    assert!(head.status() == 200 && head.closes(), "{head:?}");
    assert_eq!(origin.seen().len(), 2);
    assert!(gateway.has_returned());
    assert_eq!(gateway.end().records.len(), 2);
}

#[test]
fn who_does_not_ask_after_a_handover_is_closed_in_the_end() {
    let (gateway, _origin) = Gateway::quiet(|_| Answer::new(Vec::new()));
    // Its keep-alive would be over after 7 s.
    let client = ask_twice(&gateway, 8 * SECOND);
    gateway.simulation.run_for(SECOND);
    gateway.command(Command::HandOver);
    gateway.simulation.run_for(5 * SECOND);
    assert!(!gateway.has_returned());
    gateway.simulation.run_for(SECOND);
    assert!(gateway.has_returned(), "half of a drain is over");
    gateway.simulation.run_until_idle();
    assert!(client.take().is_none());
    gateway.end().record();
}

#[test]
fn a_drain_ends_the_grace_of_a_handover() {
    let (gateway, _origin) = Gateway::quiet(|_| Answer::new(Vec::new()));
    let client = ask_twice(&gateway, 5 * SECOND);
    gateway.simulation.run_for(SECOND);
    gateway.command(Command::HandOver);
    gateway.simulation.run_for(2 * SECOND);
    gateway.command(Command::Drain);
    gateway.simulation.run_for(SECOND / 4);
    assert!(gateway.has_returned());
    gateway.simulation.run_until_idle();
    assert!(client.take().is_none());
    gateway.end().record();
}

/// The worker is told while a connection waits for it to be accepted, before it and behind it: each is served by one of the two.
#[test]
fn after_a_handover_connections_that_wait_are_left_to_the_other_process() {
    let (mut ours, mut theirs) = (0, 0);
    for seed in 0..100 {
        let conditions = Conditions { latency_nanos: 1_000..=1_000, ..Conditions::default() };
        let gateway = Rc::new(Gateway::start(seed, conditions, 1));
        let _origin = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(Vec::new()));
        let (other, world) = (gateway.world.shared(LISTEN), gateway.world.clone());
        let clients: Vec<_> = (0..8)
            .map(|number| {
                let world = gateway.world.clone();
                gateway.script(async move {
                    world.sleep(number * 500).await;
                    let end = dial(&world, GET).await;
                    Reader::new(&end).head().await.ok().flatten().map(|head| head.status())
                })
            })
            .collect();
        let commander = gateway.clone();
        let served = gateway.script(async move {
            world.sleep(3_000).await;
            commander.command(Command::HandOver);
            world.sleep(1_000_000).await;
            let mut served = Vec::new();
            while let Some(end) = waiting_at(&world, &other).await {
                end.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("the client waits");
                served.push(end);
            }
            // Until the answers have come.
            world.sleep(1_000_000).await;
            served.len()
        });
        gateway.simulation.run_for(2 * SECOND);
        let served = served.take();
        let answers: Vec<_> = clients.iter().map(Script::take).collect();
        let count = |status| answers.iter().filter(|answer| **answer == Some(status)).count();
        assert_eq!((count(200) + count(204), count(204)), (8, served), "{answers:?}");
        (ours, theirs) = (ours + count(200), theirs + served);
        Rc::into_inner(gateway).expect("the scripts have ended").end();
    }
    assert!(ours > 0 && theirs > 0, "{ours} served here and {theirs} there");
}

/// What waits in the shared socket at this moment.
async fn waiting_at(world: &tollgate_sim::World, other: &tollgate_sim::Backlog) -> Option<tollgate_sim::Endpoint> {
    let (mut accept, mut patience) = (std::pin::pin!(other.accept()), std::pin::pin!(world.sleep(1_000)));
    std::future::poll_fn(|context| match accept.as_mut().poll(context) {
        std::task::Poll::Ready(end) => std::task::Poll::Ready(end),
        std::task::Poll::Pending => patience.as_mut().poll(context).map(|()| None),
    })
    .await
}
