//! The simulator proved on a worker small enough to be read: a relay that moves bytes between a client and an origin.
//!
//! Determinism, faults, backpressure, the copy ledger and the asserted contract are shown here, so that a failure of the
//! real worker in `worker.rs` is the worker's.

use std::{
    cell::RefCell,
    future::poll_fn,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};
use tollgate_io::{Buffer, Half, Instant, Io, Listener, Peek, SendList, Stream};
use tollgate_sim::{
    Answer, Body, Client, Conditions, Counters, Endpoint, Fault, Faults, Framing, Leftovers, Node, Origin, Reply,
    Request, Scenario, Seed, SimStream, Simulation, Tally, for_each_seed, payload,
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
        (pin!(io.connect(ORIGIN)), pin!(io.sleep_until(io.now() + Duration::from_secs(1))));
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
    assert!(!all || fired.iter().all(|&fired| fired > 0), "{fired:?} of {:?}", Fault::ALL);
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

/// Runs `worker` on a node that has one accepted stream, whose peer is `client`, with a few seeds.
fn with_stream<W: Future<Output = ()> + 'static, C: Future<Output = ()> + 'static>(
    conditions: &Conditions,
    client: impl Fn(Endpoint) -> C + Copy + 'static,
    worker: impl Fn(Node, SimStream) -> W + Copy + 'static,
) {
    for seed in 0..8 {
        with_stream_of(&Simulation::new(seed, conditions.clone()), client, worker);
    }
}

fn with_stream_of<W: Future<Output = ()> + 'static, C: Future<Output = ()> + 'static>(
    simulation: &Simulation,
    client: impl Fn(Endpoint) -> C + 'static,
    worker: impl Fn(Node, SimStream) -> W + 'static,
) {
    let (world, node) = (simulation.world(), simulation.node(NODE));
    let (listener, task_node) = (node.listen(LISTEN), node.clone());
    node.spawn(async move {
        let stream = listener.accept().await.expect("the client dials");
        worker(task_node, stream).await;
    });
    let dialer = world.clone();
    world.spawn(async move { client(dialer.dial(NODE, LISTEN).await.expect("the node listens")).await });
    simulation.run_until_idle();
    assert_eq!(simulation.leftovers(), Leftovers::default());
}

fn whole(node: &Node, bytes: &[u8]) -> SendList {
    let mut buffer = node.buffers().take();
    assert!(buffer.append(bytes));
    SendList::whole(buffer)
}

/// Keeps a client's end open until the simulation ends.
async fn silent(end: Endpoint) {
    let mut bytes = Vec::new();
    while matches!(end.read(&mut bytes, 1_000).await, Ok(1..)) {}
}

#[test]
#[should_panic(expected = "two of a receive in flight at once")]
fn two_receives_at_once_are_refused() {
    with_stream(&Conditions::default(), silent, |node, stream| async move {
        let stream = Rc::new(stream);
        let other = stream.clone();
        node.spawn(async move { drop(other.recv(None).await) });
        drop(stream.recv(None).await);
    });
}

#[test]
#[should_panic(expected = "two of a send in flight at once")]
fn two_sends_at_once_are_refused() {
    let narrow = Conditions { capacity_bytes: 1, ..Conditions::default() };
    with_stream(&narrow, silent, |node, stream| async move {
        let stream = Rc::new(stream);
        let (other, list) = (stream.clone(), whole(&node, b"abc"));
        drop(stream.send(whole(&node, b"fill")).await);
        node.spawn(async move { drop(other.send(list).await) });
        drop(stream.send(whole(&node, b"def")).await);
    });
}

#[test]
#[should_panic(expected = "dropped a receive in flight")]
fn a_dropped_receive_is_found() {
    with_stream(&Conditions::default(), silent, |node, stream| async move {
        let mut receive = Box::pin(stream.recv(None));
        let poll = poll_fn(|context| Poll::Ready(receive.as_mut().poll(context))).await;
        assert!(poll.is_pending());
        node.sleep_until(Instant::from_nanos(1)).await;
    });
}

#[test]
fn an_abort_completes_the_receive_in_flight() {
    with_stream(&Conditions::default(), silent, |node, stream| async move {
        let stream = Rc::new(stream);
        let (other, at) = (stream.clone(), node.now() + Duration::from_secs(3));
        let task_node = node.clone();
        node.spawn(async move {
            task_node.sleep_until(at).await;
            other.abort();
        });
        let received = stream.recv(None).await;
        assert_eq!(node.now(), at);
        assert!(received.map_or(true, |buffer| buffer.is_empty()));
        assert_eq!(stream.peek(), Peek::Broken);
        assert!(stream.send(whole(&node, b"late")).await.0.is_err());
    });
}

#[test]
fn a_shut_read_half_ends_the_receive_and_still_sends() {
    let client = |end: Endpoint| async move {
        let mut bytes = Vec::new();
        while matches!(end.read(&mut bytes, 1_000).await, Ok(1..)) {}
        assert_eq!(bytes, b"answer");
    };
    with_stream(&Conditions::default(), client, |node, stream| async move {
        let stream = Rc::new(stream);
        let (other, task_node) = (stream.clone(), node.clone());
        node.spawn(async move {
            task_node.sleep_until(task_node.now() + Duration::from_secs(1)).await;
            other.shutdown(Half::Read);
        });
        assert!(stream.recv(None).await.expect("an end, no error").is_empty());
        assert_eq!(stream.send(whole(&node, b"answer")).await.0.ok(), Some(6));
        stream.shutdown(Half::Write);
    });
}

#[test]
fn a_finished_peer_is_read_to_its_end() {
    let client = |end: Endpoint| async move {
        end.write_all(b"last words").await.expect("the node reads");
        end.finish();
        silent(end).await;
    };
    with_stream(&Conditions::default(), client, |node, stream| async move {
        assert_eq!(stream.peek(), Peek::Silent);
        stream.readable().await.expect("bytes come");
        assert_eq!(stream.peek(), Peek::Bytes);
        let mut buffer = stream.recv(Some(node.buffers().take())).await.expect("bytes");
        while buffer.len() < 10 {
            buffer = stream.recv(Some(buffer)).await.expect("bytes");
        }
        assert_eq!(stream.recv(Some(buffer)).await.expect("the end").bytes(), b"last words");
        assert_eq!(stream.peek(), Peek::Finished);
    });
}

#[test]
fn a_reset_breaks_both_sides_and_loses_what_was_under_way() {
    let client = |end: Endpoint| async move {
        end.write_all(b"lost").await.expect("there is room");
        end.reset();
        assert!(end.write_all(b"more").await.is_err());
    };
    with_stream(&Conditions::default(), client, |node, stream| async move {
        assert!(stream.recv(None).await.is_err());
        assert!(stream.send(whole(&node, b"late")).await.0.is_err());
    });
}

#[test]
#[should_panic(expected = "polls without end")]
fn a_busy_wait_is_found() {
    let simulation = Simulation::new(1, Conditions::default());
    simulation.world().spawn(poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::Pending
    }));
    simulation.run_until_idle();
}

#[test]
fn the_clock_jumps_and_stops_at_a_deadline() {
    let simulation = Simulation::new(1, Conditions::default());
    let (world, woke) = (simulation.world(), Rc::new(RefCell::new(Vec::new())));
    for seconds in [5, 1, 3] {
        let (inner, woke) = (world.clone(), woke.clone());
        world.spawn(async move {
            inner.sleep_until(Instant::default() + Duration::from_secs(seconds)).await;
            woke.borrow_mut().push(inner.now().nanos() / 1_000_000_000);
        });
    }
    simulation.run_for(Duration::from_secs(4));
    assert_eq!((woke.borrow().clone(), world.now().nanos()), (vec![1, 3], 4_000_000_000));
    simulation.run_until_idle();
    assert_eq!((woke.borrow().clone(), world.now().nanos()), (vec![1, 3, 5], 5_000_000_000));
}
