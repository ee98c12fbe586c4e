//! Several workers of a node with a load that falls on one of them: its fresh connections go to the others, and what one has
//! opened to an endpoint another uses.
//!
//! Each worker has a listener of its own here, and clients that all dial the first make the most uneven spread there is.

use crate::{
    gateway::{Gateway, LISTEN, ORIGINS, Script, Settings, get, listen, post},
    seeds::storm,
};
use std::{
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
    time::Duration,
};
use tollgate_sim::{
    Answer, Client, Conditions, Endpoint, Failure, Fault, Origin, Reader, Reply, Request, Scenario, for_each_seed,
};
use tollgate_worker::Command;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SECOND: Duration = Duration::from_secs(1);

/// Two workers under a quiet sky, and an origin that answers at once.
fn two_workers(conditions: Conditions) -> (Gateway, Rc<Origin>) {
    let gateway = Gateway::start_workers(2, Settings::default(), 1, conditions, 1);
    let origin = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(b"fine".to_vec()));
    (gateway, origin)
}

/// A client that dials worker 0 after `delay`, asks once, and stays until it is closed. Whether it was answered.
fn stay(gateway: &Gateway, delay: Duration) -> Script<bool> {
    let world = gateway.world.clone();
    gateway.script(async move {
        world.sleep_until(world.now() + delay).await;
        let Ok(end) = world.dial(CLIENT, LISTEN).await else { return false };
        let is_answered = ask(&end).await;
        let mut rest = Vec::new();
        while matches!(end.read(&mut rest, 1_000).await, Ok(1..)) {}
        is_answered
    })
}

async fn ask(end: &Endpoint) -> bool {
    let sent = end.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX-Token: 1\r\n\r\n").await;
    let mut reader = Reader::new(end);
    sent.is_ok() && matches!(reader.head().await, Ok(Some(head)) if head.status() == 200)
}

fn open(gateway: &Gateway, worker: usize) -> u64 {
    gateway.figure("tollgate_worker_connections_open", &format!("worker=\"{worker}\""))
}

fn handed_over(gateway: &Gateway) -> u64 {
    gateway.figure("tollgate_worker_connections_handed_over_total", "")
}

fn taken_over(gateway: &Gateway) -> u64 {
    gateway.figure("tollgate_worker_connections_taken_over_total", "")
}

#[test]
fn connections_that_all_fall_on_one_worker_are_spread() {
    let (gateway, origin) = two_workers(Conditions::default());
    let clients: Vec<_> = (0..100).map(|at| stay(&gateway, SECOND / 100 * at)).collect();
    gateway.simulation.run_for(2 * SECOND);
    let (first, second) = (open(&gateway, 0), open(&gateway, 1));
    assert!(first + second == 100 && first - second <= 16, "{first} and {second}");
    assert_eq!((handed_over(&gateway), taken_over(&gateway)), (second, second));
    assert_eq!(gateway.figure("tollgate_connections_total", ""), 100, "each is counted once");
    assert_eq!(gateway.figure("tollgate_worker_requests_total", "worker=\"1\""), second, "and served where it is");
    assert_eq!(origin.seen().len(), 100);
    gateway.drain();
    gateway.simulation.run_until_idle();
    assert!(clients.iter().all(Script::take));
    gateway.end();
}

#[test]
fn a_few_connections_stay_where_they_fall() {
    let (gateway, _origin) = two_workers(Conditions::default());
    let clients: Vec<_> = (0..8).map(|at| stay(&gateway, SECOND / 100 * at)).collect();
    gateway.simulation.run_for(SECOND);
    assert_eq!((open(&gateway, 0), handed_over(&gateway)), (8, 0));
    gateway.drain();
    gateway.simulation.run_until_idle();
    assert!(clients.iter().all(Script::take));
    gateway.end();
}

/// All come at one instant, and a worker's mailbox holds four: what finds no room stays where it was accepted.
#[test]
fn a_burst_that_fills_the_mailbox_loses_nothing() {
    let (gateway, _origin) = two_workers(Conditions { latency_nanos: 1_000..=1_000, ..Conditions::default() });
    let clients: Vec<_> = (0..100).map(|_| stay(&gateway, SECOND)).collect();
    gateway.simulation.run_for(2 * SECOND);
    assert_eq!(open(&gateway, 0) + open(&gateway, 1), 100);
    assert!(handed_over(&gateway) > 0 && handed_over(&gateway) == taken_over(&gateway));
    gateway.drain();
    gateway.simulation.run_until_idle();
    assert!(clients.iter().all(Script::take));
    gateway.end();
}

/// The worker that connections are handed to drains, and ends, before the one that hands them over is told.
#[test]
fn a_worker_that_goes_leaves_no_connection_in_between() {
    for_each_seed("uneven::a_worker_that_goes_leaves_no_connection_in_between", 0..200, |seed| {
        let conditions = Conditions { latency_nanos: 1_000..=3_000, ..Conditions::default() };
        let gateway = Gateway::start_workers(2, Settings::default(), seed, conditions, 1);
        let _origin = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(Vec::new()));
        let clients: Vec<_> = (0..40).map(|at| stay(&gateway, Duration::from_micros(at / 4))).collect();
        gateway.simulation.run_for(Duration::from_micros(gateway.world.random().below(40)));
        gateway.command_one(1, Command::Drain);
        gateway.simulation.run_for(SECOND);
        let open = open(&gateway, 0);
        let handed = handed_over(&gateway);
        assert_eq!(open + handed, 40, "each is with the first worker, or was closed by the second");
        gateway.drain();
        gateway.simulation.run_until_idle();
        let answered = clients.iter().filter(|client| client.take()).count() as u64;
        assert!(answered >= open, "{answered} answered of {open}");
        gateway.end();
    });
}

/// The workers are told in the very instant in which one hands connections to the other: no bytes take any other time here.
#[test]
fn a_handover_loses_no_connection_between_two_workers() {
    let mut moved = 0;
    for_each_seed("uneven::a_handover_loses_no_connection_between_two_workers", 0..200, |seed| {
        let conditions = Conditions { latency_nanos: 1_000..=1_000, ..Conditions::default() };
        let gateway = Rc::new(Gateway::start_workers(2, Settings::default(), seed, conditions, 1));
        let _origin = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(Vec::new()));
        let clients: Vec<_> = (0..40).map(|at| stay(&gateway, Duration::from_micros(at / 4))).collect();
        let (commander, others) = (gateway.clone(), gateway.world.shared(LISTEN));
        let told = gateway.script(async move {
            let random = commander.world.random();
            commander.world.sleep(1_000 * (1 + random.below(12))).await;
            let first = random.index(2);
            commander.command_one(first, Command::HandOver);
            if random.chance(0.5) {
                commander.world.sleep(1_000).await;
            }
            commander.command_one(1 - first, Command::HandOver);
            // What is not accepted by then is another process's.
            while others.accept().await.is_some() {}
        });
        gateway.simulation.run_for(SECOND / 2);
        assert_eq!(handed_over(&gateway), taken_over(&gateway), "none is left in between");
        moved += handed_over(&gateway);
        gateway.drain();
        gateway.simulation.run_until_idle();
        drop((clients, told));
        Rc::into_inner(gateway).map(Gateway::end);
    });
    assert!(moved > 0, "none was ever on its way");
}

/// Far fewer connections than are spread otherwise, in one case fewer than there are workers.
#[test]
fn a_node_has_as_many_connections_as_it_may() {
    for (parts, node) in [
        (&[3, 3][..], "limits: { connections: 6 }"),
        (&[3, 2], "limits: { connections: 5 }"),
        (&[1, 1, 0], "limits: { connections: 2 }"),
    ] {
        let gateway =
            Gateway::start_workers(parts.len(), Settings { node, ..Settings::default() }, 1, Conditions::default(), 1);
        let _origin = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(Vec::new()));
        let clients: Vec<_> = (0..8).map(|at| stay(&gateway, SECOND / 100 * at)).collect();
        gateway.simulation.run_for(SECOND);
        let all: u64 = parts.iter().sum();
        assert_eq!((0..parts.len()).map(|worker| open(&gateway, worker)).collect::<Vec<_>>(), parts);
        assert_eq!(gateway.figure("tollgate_accept_errors_total", ""), 8 - all, "the node is full");
        gateway.drain();
        gateway.simulation.run_until_idle();
        assert_eq!(clients.iter().filter(|client| client.take()).count() as u64, all);
        gateway.end();
    }
}

#[test]
fn the_model_holds_in_a_storm_of_two_workers() {
    let (mut handed, mut fired) = (0, [0; Fault::OF_MOVES.len()]);
    let all = for_each_seed("uneven::the_model_holds_in_a_storm_of_two_workers", 0..200, |seed| {
        let gateway = Gateway::start_workers(2, Settings::default(), seed, storm(seed.number), ORIGINS.len());
        let scenario = Scenario { clients: 30, requests: 3, close_delimited: true, mishaps: true, quiet: false };
        let exchanges = scenario.start(&gateway.simulation, LISTEN, &ORIGINS);
        gateway.simulation.run_until_idle();
        let _ = exchanges.judge();
        handed += handed_over(&gateway);
        let counters = gateway.simulation.counters();
        Fault::OF_MOVES.iter().zip(&mut fired).for_each(|(&fault, fired)| *fired += counters.fired(fault));
        gateway.end();
    });
    assert!(!all || handed > 200 && fired.iter().all(|&fired| fired > 0), "{handed} handed over, {fired:?}");
}

/// Connections that the workers have opened.
fn opened(gateway: &Gateway) -> u64 {
    gateway.figure("tollgate_upstream_connections_total", "new")
}

fn parked(gateway: &Gateway) -> u64 {
    gateway.figure("tollgate_upstream_connections_parked", "")
}

/// Asks worker number `worker` on a connection of its own, and gives it a second.
fn ask_worker(gateway: &Gateway, worker: usize, request: Request) -> Result<Reply, Failure> {
    let world = gateway.world.clone();
    let replies = gateway.script(async move { Client::default().run(&world, listen(worker), &[request]).await });
    gateway.simulation.run_for(SECOND);
    replies.take().remove(0)
}

#[test]
fn what_one_worker_has_opened_another_uses() {
    let (gateway, origin) = two_workers(Conditions::default());
    for token in 0..10 {
        let request = if token % 3 == 0 { post(token, 100) } else { get(token) };
        assert!(ask_worker(&gateway, token as usize % 2, request).is_ok_and(|reply| reply.head.status() == 200));
        assert_eq!((parked(&gateway), gateway.figure("tollgate_upstream_connections_idle", "")), (1, 1));
    }
    assert_eq!((opened(&gateway), origin.seen().len()), (1, 10));
    gateway.end();
}

#[test]
fn a_connection_in_steady_use_stays_with_its_worker() {
    let (gateway, _origin) = two_workers(Conditions::default());
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let mut answered = 0;
        for token in 0..20 {
            answered += Client::default().run(&world, LISTEN, &[get(token)]).await.iter().flatten().count();
            world.sleep_until(world.now() + SECOND / 40).await;
        }
        answered
    });
    for _ in 0..20 {
        gateway.simulation.run_for(SECOND / 40);
        assert_eq!(parked(&gateway), 0);
    }
    gateway.simulation.run_for(SECOND);
    assert_eq!((client.take(), opened(&gateway), parked(&gateway)), (20, 1, 1));
    gateway.end();
}

#[test]
fn what_is_parked_is_closed_when_its_time_is_over() {
    let settings = Settings { upstream: ", connections: { idle_timeout: 5s }", ..Settings::default() };
    let gateway = Gateway::start_workers(2, settings, 1, Conditions::default(), 1);
    let _origin = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(Vec::new()));
    assert!(ask_worker(&gateway, 0, get(1)).is_ok());
    gateway.simulation.run_for(3 * SECOND);
    assert_eq!(parked(&gateway), 1);
    gateway.simulation.run_for(3 * SECOND);
    assert_eq!((parked(&gateway), gateway.simulation.leftovers().streams), (0, 0));
    assert!(ask_worker(&gateway, 1, get(2)).is_ok());
    assert_eq!(opened(&gateway), 2);
    gateway.end();
}

#[test]
fn what_the_endpoint_closed_while_it_was_parked_is_not_used() {
    let gateway = Gateway::start_workers(2, Settings::default(), 1, Conditions::default(), 1);
    let hang_up = Answer { hang_up_nanos: Some(600_000_000), ..Answer::new(Vec::new()) };
    let _origin = Origin::start(&gateway.world, ORIGINS[0], move |_| hang_up.clone());
    assert!(ask_worker(&gateway, 0, get(1)).is_ok());
    assert_eq!(parked(&gateway), 1);
    assert!(ask_worker(&gateway, 1, post(2, 10)).is_ok_and(|reply| reply.head.status() == 200));
    assert_eq!(opened(&gateway), 2);
    gateway.end();
}

/// One connection for each worker: there is none to spare.
#[test]
fn an_upstream_with_one_idle_connection_parks_none() {
    let settings = Settings { upstream: ", connections: { idle_max: 1 }", ..Settings::default() };
    let gateway = Gateway::start_workers(2, settings, 1, Conditions::default(), 1);
    let _origin = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(Vec::new()));
    for token in 0..4 {
        assert!(ask_worker(&gateway, token as usize % 2, get(token)).is_ok());
        assert_eq!(parked(&gateway), 0);
    }
    assert_eq!(opened(&gateway), 2);
    gateway.end();
}

/// Clients come to either worker over a few seconds, with every fault there is.
#[test]
fn no_connection_is_used_twice_at_once_in_a_storm() {
    let mut reused = 0;
    let all = for_each_seed("uneven::no_connection_is_used_twice_at_once_in_a_storm", 0..200, |seed| {
        let settings = Settings { upstream: ", connections: { idle_timeout: 2s }", ..Settings::default() };
        let gateway = Gateway::start_workers(2, settings, seed, storm(seed.number), 1);
        let _origin = Origin::start(&gateway.world, ORIGINS[0], |head| Answer {
            fields: format!("X-Token: {}\r\n", head.token()),
            pieces: 3,
            ..Answer::new(head.token().to_string().into_bytes())
        });
        let clients: Vec<_> = (0..60)
            .map(|token| {
                let world = gateway.world.clone();
                gateway.script(async move {
                    let random = world.random();
                    world.sleep(random.below(6_000_000_000)).await;
                    Client::default().run(&world, listen(random.index(2)), &[get(token)]).await
                })
            })
            .collect();
        gateway.simulation.run_until_idle();
        for (token, client) in clients.iter().enumerate() {
            for reply in client.take().iter().flatten().filter(|reply| reply.head.status() == 200) {
                assert_eq!(reply.body, token.to_string().into_bytes(), "the answer of another request");
            }
        }
        reused += gateway.figure("tollgate_upstream_connections_total", "reused");
        gateway.end();
    });
    assert!(!all || reused > 1_000, "{reused} reused");
}
