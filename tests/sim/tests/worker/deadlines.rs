//! Every wait has a deadline, and each deadline its answer.

use crate::gateway::{ANY, Gateway, LISTEN, ORIGINS, dial, get, is_over, on_time, post, problem, refused_by, silence};
use std::time::Duration;
use tollgate_http::Reason;
use tollgate_io::Instant;
use tollgate_sim::{Answer, Client, Conditions, Fault, Faults, Framing, Head, Origin, Reader, Reply, payload};
use tollgate_worker::Command;

const START: Instant = Instant::from_nanos(0);

/// A worker whose connects all hang.
fn unconnected(deadline: &str, origins: usize) -> Gateway {
    let faults = Faults::NONE.with(Fault::ConnectHangs, 1.0);
    let route = format!("{ANY}, timeouts: {{ request: {deadline} }}");
    Gateway::start_with(&route, 1, Conditions { faults, ..Conditions::default() }, origins)
}

/// All connects hang, and the client is told `reason` after `wait`.
fn hangs(deadline: &str, origins: usize, reason: Reason, wait: Duration) {
    let gateway = unconnected(deadline, origins);
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_until_idle();
    let (at, replies) = client.take_timed();
    refused_by(&replies, reason);
    on_time(at, START, wait);
    gateway.end().failed_by(reason);
}

#[test]
fn a_connect_that_hangs_is_given_up_and_only_another_endpoint_tried() {
    hangs("none", 1, Reason::ConnectTimeout, Duration::from_secs(1));
    hangs("none", 2, Reason::ConnectTimeout, Duration::from_secs(2));
}

#[test]
fn a_connect_ends_with_its_exchange() {
    hangs("300ms", 1, Reason::RequestDeadline, Duration::from_millis(300));
    hangs("1300ms", 2, Reason::RequestDeadline, Duration::from_millis(1_300));
}

#[test]
fn a_connect_ends_with_its_client() {
    let gateway = unconnected("none", 1);
    let world = gateway.world.clone();
    gateway.script(async move {
        let end = dial(&world, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        world.sleep_until(Instant::from_nanos(300_000_000)).await;
        end.reset();
    });
    gateway.simulation.run_for(Duration::from_millis(299));
    assert_eq!(gateway.simulation.leftovers().streams, 1);
    gateway.simulation.run_for(Duration::from_millis(200));
    assert_eq!(gateway.simulation.leftovers().streams, 0);
    gateway.end().failed_by(Reason::ClientClosed);
}

#[test]
fn a_connect_ends_with_a_stop() {
    let gateway = unconnected("none", 1);
    gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(Duration::from_millis(300));
    gateway.command(Command::Stop);
    gateway.simulation.run_for(Duration::from_millis(1));
    assert!(gateway.has_returned());
    gateway.end().failed_by(Reason::Draining);
}

#[test]
fn a_silent_endpoint_is_given_up() {
    let (gateway, origin) = Gateway::quiet(|_| silence());
    let client = gateway.ask(vec![post(1, 1_000)]);
    gateway.simulation.run_until_idle();
    let (at, replies) = client.take_timed();
    refused_by(&replies, Reason::ResponseTimeout);
    on_time(at, START, Duration::from_secs(2));
    assert_eq!(origin.seen().len(), 1, "a request that may have been acted on is not sent again");
    gateway.end().failed_by(Reason::ResponseTimeout);
}

/// Each byte is progress, and none of it moves the deadline before the final head is whole.
#[test]
fn an_endpoint_whose_head_comes_drop_by_drop_is_given_up() {
    for (interim, pieces) in [(Vec::new(), 40), (vec![103; 40], 40)] {
        let answer = Answer { interim, pieces, pause_nanos_max: 500_000_000, ..Answer::new(Vec::new()) };
        let (gateway, _origin) = Gateway::quiet(move |_| answer.clone());
        let client = gateway.ask(vec![get(1)]);
        gateway.simulation.run_until_idle();
        let (at, replies) = client.take_timed();
        refused_by(&replies, Reason::ResponseTimeout);
        on_time(at, START, Duration::from_secs(2));
        gateway.end().failed_by(Reason::ResponseTimeout);
    }
}

/// What comes behind a whole head has `timeouts.idle` from each byte to the next.
#[test]
fn a_body_may_come_drop_by_drop() {
    let answer = Answer { pieces: 30, pause_nanos_max: 1_000_000_000, ..Answer::new(payload(1, 60_000)) };
    let (gateway, _origin) = Gateway::quiet(move |_| answer.clone());
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_until_idle();
    let (at, replies) = client.take_timed();
    assert!(matches!(&replies[..], [Ok(reply)] if reply.body.len() == 60_000), "{replies:?}");
    assert!(at - START > Duration::from_secs(5), "it took its time: {at:?}");
    gateway.end();
}

#[test]
fn a_deadline_ends_one_exchange_and_not_the_next() {
    let (gateway, _origin) = Gateway::quiet(|head| match head.word(1) {
        "/1" => silence(),
        _ => Answer::new(payload(2, 100)),
    });
    // Pipelined, so that the second is begun in the moment in which the first is over.
    let (world, client) = (gateway.world.clone(), Client { depth: 2, ..Client::default() });
    let client = gateway.script(async move { client.run(&world, LISTEN, &[get(1), get(2)]).await });
    gateway.simulation.run_until_idle();
    match &client.take()[..] {
        [Ok(first)] => assert!(first.last, "the connection ended and nobody had been told"),
        [Ok(_), Ok(second)] => assert_eq!(second.head.status(), 200),
        replies => panic!("{replies:?}"),
    }
    gateway.end();
}

/// The deadline of the first is not the last that the exchange has.
#[test]
fn each_silent_endpoint_of_a_request_is_given_up() {
    let endpoints = ORIGINS.map(|at| format!("{{ address: \"{at}\" }}")).join(", ");
    let rest = ", retries: { attempts: 2, on: [timeout], budget: 100% }";
    let gateway = Gateway::start_upstream(&endpoints, rest, 1, Conditions::default());
    let _origins = ORIGINS.map(|at| Origin::start(&gateway.world, at, |_| silence()));
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_until_idle();
    let (at, replies) = client.take_timed();
    refused_by(&replies, Reason::ResponseTimeout);
    on_time(at, START, Duration::from_secs(4));
    gateway.end().failed_by(Reason::ResponseTimeout);
}

/// The endpoint takes nothing more, is given up, and then the client vanishes with a part of its body unsent.
#[test]
fn a_client_that_stops_behind_its_answer_is_given_up() {
    let conditions = Conditions { capacity_bytes: 10_000, ..Conditions::default() };
    let gateway = Gateway::start(1, conditions, 1);
    let _origin = Origin::start(&gateway.world, ORIGINS[0], |_| Answer { early: true, ..silence() });
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").await;
        let mut reader = Reader::new(&end);
        let sent = end.write_all(&payload(1, 40_000)).await;
        let head = reader.head().await.expect("a head").expect("an answer");
        let _ = reader.body(head.framing().expect("a length")).await;
        let answered = world.now();
        let is_over = is_over(&reader.head().await);
        (sent.is_ok(), head.status(), answered, is_over)
    });
    gateway.simulation.run_for(Duration::from_secs(60));
    let (at, (sent, status, answered, is_over)) = client.take_timed();
    assert_eq!((sent, status, is_over), (true, 504, true));
    on_time(at, answered, Duration::from_millis(500));
    gateway.end().failed_by(Reason::ResponseTimeout);
}

/// It neither sends the rest of its body nor takes the answer that it gets instead.
#[test]
fn a_client_that_does_nothing_any_more_is_given_up() {
    for answer in [Answer { cut_at: Some(0), early: true, ..silence() }, silence()] {
        let gateway = Gateway::start(1, Conditions { capacity_bytes: 100, ..Conditions::default() }, 1);
        let _origin =
            Origin::start(&gateway.world, ORIGINS[0], move |_| Answer { delay_nanos: 5_000, ..answer.clone() });
        let world = gateway.world.clone();
        let client = gateway.script(async move {
            let end = dial(&world, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello").await;
            world.sleep(60_000_000_000).await;
            drop(end);
        });
        gateway.simulation.run_for(Duration::from_secs(30));
        assert_eq!((gateway.simulation.leftovers().streams, gateway.simulation.leftovers().buffers), (0, 0));
        gateway.simulation.run_until_idle();
        client.take();
        gateway.end().record();
    }
}

#[test]
fn an_endpoint_that_stops_in_its_body_is_given_up() {
    let stops = |_: &Head| Answer { framing: Framing::Length(2_000), ..Answer::new(payload(1, 1_000)) };
    let (gateway, _origin) = Gateway::quiet(stops);
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_until_idle();
    let (at, replies) = client.take_timed();
    assert!(matches!(replies[..], [Err(_)]), "half an answer must not look whole: {replies:?}");
    on_time(at, START, Duration::from_secs(3));
    assert!(gateway.end().record().contains("\"status\":200"));
}

/// A client sends `bytes` and then nothing more; it is told so at `deadline`, and no endpoint hears of it.
fn stops_after(bytes: &'static [u8], deadline: Duration) {
    let (gateway, origin) = Gateway::quiet(|_| Answer::new(Vec::new()));
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, bytes).await;
        let mut reader = Reader::new(&end);
        let head = reader.head().await.expect("a whole head").expect("an answer");
        let body = reader.body(head.framing().expect("a length")).await.expect("a whole body");
        let told = world.now();
        assert_eq!(reader.head().await, Ok(None), "the connection is closed behind it");
        (told, Reply { interim: Vec::new(), head, body, last: true })
    });
    gateway.simulation.run_until_idle();
    let (told, reply) = client.take();
    problem(&reply, Reason::RequestTimeout);
    assert!(reply.head.closes());
    on_time(told, START, deadline);
    assert_eq!(origin.seen().len(), 0);
    gateway.end().failed_by(Reason::RequestTimeout);
}

#[test]
fn a_client_that_stops_in_its_head_is_told_so() {
    stops_after(b"GET / HTTP/1.1\r\nHost: api", Duration::from_secs(5));
}

#[test]
fn a_client_that_stops_in_its_body_is_told_so() {
    let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123";
    stops_after(request, Duration::from_secs(3));
}

#[test]
fn an_idle_client_connection_is_closed() {
    let (gateway, _origin) = Gateway::quiet(|_| Answer::new(Vec::new()));
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut reader = Reader::new(&end);
        assert_eq!(reader.head().await.ok().flatten().map(|head| head.status()), Some(200));
        let answered = world.now();
        (answered, reader.head().await)
    });
    gateway.simulation.run_until_idle();
    let (closed, (answered, end)) = client.take_timed();
    assert!(is_over(&end), "closed without a word: {end:?}");
    on_time(closed, answered, Duration::from_secs(7));
    gateway.end().record();
}

#[test]
fn a_connection_that_never_asks_is_closed() {
    let (gateway, _origin) = Gateway::quiet(|_| silence());
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, b"").await;
        assert!(is_over(&Reader::new(&end).head().await), "closed without a word");
    });
    gateway.simulation.run_until_idle();
    on_time(client.take_timed().0, START, Duration::from_secs(7));
    assert!(gateway.end().records.is_empty());
}
