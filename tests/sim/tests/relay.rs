//! The simulator proved on a worker small enough to be read: a relay that moves bytes between a client and an origin.
//!
//! Determinism, faults, backpressure, the copy ledger and the model are shown here, so that a failure of the real worker
//! is the worker's.

use std::{
    cell::RefCell,
    future::poll_fn,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};
use tollgate_io::{Buffer, Half, Instant, Io, Listener, SendList, Stream};
use tollgate_sim::{
    Answer, Body, Client, Conditions, Counters, Fault, Faults, Framing, Leftovers, Origin, Reply, Request, Scenario,
    Seed, Simulation, Tally, for_each_seed, payload,
};

const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const LISTEN: SocketAddr = SocketAddr::new(NODE, 8080);
const ORIGIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1)), 9000);

/// How the relay treats the bytes it moves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relay {
    InPlace,
    Copying,
}

async fn relay(io: impl Io, listener: impl Listener<Stream: Stream>, how: Relay) {
    loop {
        // One retry per failure: here an accept fails for want of descriptors, never because the listener is closed.
        let Ok(client) = listener.accept().await else { continue };
        let task_io = io.clone();
        io.spawn(async move {
            let Some(origin) = connect(&task_io).await else { return client.abort() };
            let (client, origin) = (Rc::new(client), Rc::new(origin));
            task_io.spawn(pump(task_io.clone(), client.clone(), origin.clone(), how));
            pump(task_io, origin, client, how).await;
        });
    }
}

/// Gives up after a second, which drops the pending connect.
async fn connect<I: Io>(io: &I) -> Option<I::Stream> {
    let (mut connect, mut deadline) =
        (pin!(io.connect(ORIGIN.into())), pin!(io.sleep_until(io.now() + Duration::from_secs(1))));
    poll_fn(|context| match connect.as_mut().poll(context) {
        Poll::Ready(connected) => Poll::Ready(connected.ok()),
        Poll::Pending => deadline.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// Moves bytes one way until either side ends.
async fn pump(io: impl Io, from: Rc<impl Stream>, to: Rc<impl Stream>, how: Relay) {
    while let Ok(received) = from.recv(None).await {
        if received.is_empty() {
            return to.shutdown(Half::Write);
        }
        let mut list = SendList::whole(if how == Relay::Copying { copy(&io, &received) } else { received });
        while !list.is_empty() {
            let (sent, rest) = to.send(list).await;
            list = rest;
            if sent.is_err() {
                return from.abort();
            }
        }
    }
    to.abort();
}

fn copy(io: &impl Io, from: &Buffer) -> Buffer {
    let mut buffer = io.buffers().take();
    assert!(buffer.append(from.bytes()));
    buffer
}

/// What a run of the relay came to.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    hash: u64,
    now: Instant,
    replies: usize,
    counters: Counters,
}

/// Four clients with ten exchanges each through the relay, every complete reply checked.
fn run(seed: u64, conditions: Conditions, how: Relay) -> Run {
    let simulation = Simulation::new(seed, conditions);
    let (world, node) = (simulation.world(), simulation.node(NODE));
    let listener = node.listen(LISTEN);
    node.spawn(relay(node.clone(), listener, how));
    let _origin = Origin::start(&world, ORIGIN, |head| {
        let mut answer = Answer::new(payload(head.token() + 1, 3_000));
        (answer.framing, answer.chunk_max, answer.pieces) = (Framing::Chunked, 700, 3);
        answer
    });
    let replies = Rc::new(RefCell::new(0));
    for client in 0..4 {
        let (inner, replies) = (world.clone(), replies.clone());
        world.spawn(async move {
            let script = Client { depth: client as usize, pieces: 3, pause_nanos_max: 10_000, ..Client::default() };
            let requests: Vec<_> = (0..10).map(|at| post(client * 100 + at * 2)).collect();
            let came = script.run(&inner, LISTEN, &requests).await;
            *replies.borrow_mut() += came.iter().zip(&requests).filter(|(reply, _)| reply.is_ok()).count();
            came.iter().flatten().zip(&requests).for_each(|(reply, request)| check(reply, request));
        });
    }
    simulation.run_until_idle();
    let replies = *replies.borrow();
    assert_eq!(
        simulation.leftovers(),
        Leftovers { tasks: 1, ..Leftovers::default() },
        "only the accepting task is left"
    );
    Run { hash: simulation.trace_hash(), now: world.now(), replies, counters: simulation.counters() }
}

fn post(token: u64) -> Request {
    Request { method: "POST", target: "/".into(), token, body: Body::Length(5_000), fields: String::new() }
}

fn check(reply: &Reply, request: &Request) {
    assert_eq!(reply.head.status(), 200);
    assert!(reply.body == payload(request.token + 1, 3_000), "reply of another request, or damaged");
}

fn faulty() -> Conditions {
    let faults = faulty_without_loss().faults.with(Fault::Reset, 0.003).with(Fault::Stall, 0.01);
    let faults =
        faults.with(Fault::ConnectRefused, 0.05).with(Fault::ConnectHangs, 0.02).with(Fault::AcceptFails, 0.05);
    let faults = faults.with(Fault::ConnectFails, 0.02).with(Fault::SlowLink, 0.05);
    let faults = faults.with(Fault::SubmitLate, 0.05);
    let faults = faults.with(Fault::Overtaken, 0.05).with(Fault::AbortLate, 0.3);
    Conditions { capacity_bytes: 2_000, faults, ..Conditions::default() }
}

#[test]
fn one_seed_is_one_run() {
    let mut hashes = std::collections::BTreeSet::new();
    for_each_seed("one_seed_is_one_run", 0..200, |seed| {
        let first = run(seed.number, faulty(), Relay::InPlace);
        assert_eq!(first, run(seed.number, faulty(), Relay::InPlace), "the same seed ran differently");
        assert!(hashes.insert(first.hash), "two seeds ran alike");
    });
}

#[test]
fn every_fault_fires_and_replies_stay_whole() {
    let (mut fired, mut replies) = ([0; Fault::ALL.len()], 0);
    let all = for_each_seed("every_fault_fires_and_replies_stay_whole", 0..100, |seed| {
        let run = run(seed.number, faulty(), Relay::InPlace);
        replies += run.replies;
        Fault::ALL.iter().zip(&mut fired).for_each(|(&fault, fired)| *fired += run.counters.fired(fault));
    });
    assert!(!all || (500..3_500).contains(&replies), "{replies} of 4,000 came: faults too many or too few");
    // A relay pools no connections, so it asks for no news, and is idle nowhere; it moves none; and without deadlines it would wait for ever
    // for a peer that is lost, or behind a transfer that failed while its connection stands.
    let of_others = [Fault::LateNews, Fault::FalseNews, Fault::PeerLost, Fault::SubmitFails];
    let is_possible = |fault| !of_others.contains(&fault) && !Fault::OF_MOVES.contains(&fault);
    let unseen: Vec<_> =
        Fault::ALL.iter().zip(fired).filter(|(fault, fired)| *fired == 0 && is_possible(**fault)).collect();
    assert!(!all || unseen.is_empty(), "{unseen:?}");
}

#[test]
fn without_faults_every_exchange_succeeds() {
    let run = run(7, Conditions::default(), Relay::InPlace);
    assert_eq!(run.replies, 40);
    assert_eq!(run.counters.opened, run.counters.closed);
    assert!(Fault::ALL.iter().all(|&fault| run.counters.fired(fault) == 0));
}

#[test]
fn bytes_under_way_are_bounded() {
    let conditions = Conditions { capacity_bytes: 777, ..Conditions::default() };
    assert_eq!(run(7, conditions, Relay::InPlace).counters.queued_max, 777);
}

#[test]
fn the_ledger_sees_a_copied_body() {
    let body_bytes = 40 * (5_000 + 3_000);
    let in_place = run(7, faulty_without_loss(), Relay::InPlace).counters;
    assert_eq!((in_place.body_bytes_in_place, in_place.body_bytes_copied), (body_bytes, 0));
    let copied = run(7, faulty_without_loss(), Relay::Copying).counters;
    assert_eq!(copied.body_bytes_in_place + copied.body_bytes_copied, body_bytes);
    assert!(copied.body_bytes_copied > body_bytes * 95 / 100, "{copied:?}");
}

fn faulty_without_loss() -> Conditions {
    let faults = Faults::NONE.with(Fault::ShortReceive, 0.3).with(Fault::ShortSend, 0.3);
    let faults = faults.with(Fault::LateCompletion, 0.3);
    Conditions { faults, ..Conditions::default() }
}

#[test]
fn a_quiet_scenario_is_answered_in_full() {
    for_each_seed("a_quiet_scenario_is_answered_in_full", 0..50, |seed| {
        let scenario = Scenario { clients: 3, requests: 8, close_delimited: false, mishaps: false, quiet: true };
        let tally = play(seed, scenario, faulty_without_loss());
        assert_eq!(tally, Tally { answered: 24, ..Tally::default() });
    });
}

#[test]
fn mishaps_and_faults_leave_no_damage() {
    let mut answered = 0;
    let all = for_each_seed("mishaps_and_faults_leave_no_damage", 0..50, |seed| {
        let scenario = Scenario { clients: 3, requests: 8, close_delimited: false, mishaps: true, quiet: false };
        answered += play(seed, scenario, faulty()).answered;
    });
    assert!(!all || (100..900).contains(&answered), "{answered} of 1,200");
}

fn play(seed: Seed, scenario: Scenario, conditions: Conditions) -> Tally {
    let simulation = Simulation::new(seed, conditions);
    let node = simulation.node(NODE);
    node.spawn(relay(node.clone(), node.listen(LISTEN), Relay::InPlace));
    let exchanges = scenario.start(&simulation, LISTEN, &[ORIGIN]);
    simulation.run_until_idle();
    assert_eq!(simulation.leftovers(), Leftovers { tasks: 1, ..Leftovers::default() });
    exchanges.judge()
}
