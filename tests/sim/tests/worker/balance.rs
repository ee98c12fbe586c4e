//! Which endpoint gets a request: health, ejection, backups, keys, bounded connections, addresses that change.

use crate::gateway::{Gateway, ORIGINS, Script, dial, get, post, refused_by, silence};
use std::{cell::Cell, rc::Rc, time::Duration};
use tollgate_http::Reason;
use tollgate_sim::{Answer, Conditions, Origin, Owner, Reader, Request, payload};

const SECOND: Duration = Duration::from_secs(1);

fn fine() -> Answer {
    Answer::new(payload(1, 100))
}

/// Both origins, in the order of [`ORIGINS`], with `more` for the second.
fn endpoints(more: &str) -> String {
    format!("{{ address: \"{}\" }}, {{ address: \"{}\"{more} }}", ORIGINS[0], ORIGINS[1])
}

fn start(endpoints: &str, rest: &str) -> Gateway {
    Gateway::start_upstream(endpoints, rest, 1, Conditions::default())
}

/// Asks one after the other and says how many were answered with 200.
fn ask(gateway: &Gateway, requests: Vec<Request>) -> usize {
    let client = gateway.ask(requests);
    gateway.simulation.run_for(SECOND);
    client.take().iter().flatten().filter(|reply| reply.head.status() == 200).count()
}

fn judge(gateway: &Gateway, position: usize, is_healthy: bool) {
    let now = gateway.world.now().nanos().max(1);
    gateway.upstream().endpoints().members()[position].endpoint.judge(is_healthy, now);
}

#[test]
fn an_ejected_endpoint_gets_no_requests_and_then_comes_back() {
    let gateway = start(&endpoints(""), ", outliers: { consecutive: 2, ejection: 10s }");
    let fails = Rc::new(Cell::new(true));
    let failing = fails.clone();
    let bad = Origin::start(&gateway.world, ORIGINS[0], move |_| Answer {
        status: if failing.get() { 500 } else { 200 },
        ..fine()
    });
    let good = Origin::start(&gateway.world, ORIGINS[1], |_| fine());
    assert_eq!(ask(&gateway, (1..=12).map(get).collect()), 10);
    assert_eq!((bad.seen().len(), good.seen().len()), (2, 10));
    fails.set(false);
    gateway.simulation.run_for(10 * SECOND);
    assert_eq!(ask(&gateway, (13..=22).map(get).collect()), 10);
    assert_eq!((bad.seen().len(), good.seen().len()), (7, 15));
    gateway.end();
}

/// One endpoint was ejected when its head began, the other is when it ends: there was always one.
#[test]
fn a_request_that_comes_slowly_finds_the_endpoints_as_they_are_now() {
    let gateway = start(&endpoints(""), ", outliers: { consecutive: 1, ejection: 3s }");
    let failing = Rc::new(Cell::new(0));
    let _origins = [0, 1].map(|at: usize| {
        let failing = failing.clone();
        Origin::start(&gateway.world, ORIGINS[at], move |_| Answer {
            status: if failing.get() == at { 500 } else { 200 },
            ..fine()
        })
    });
    assert_eq!(ask(&gateway, (1..=2).map(get).collect()), 1);
    let world = gateway.world.clone();
    let slow = gateway.script(async move {
        let end = dial(&world, b"GET / HTTP/1.1\r\n").await;
        world.sleep(3_900_000_000).await;
        end.write_all(b"Host: a\r\n\r\n").await.expect("the worker reads");
        Reader::new(&end).head().await.expect("a head").map(|head| head.status())
    });
    gateway.simulation.run_for(5 * SECOND / 2);
    failing.set(1);
    assert_eq!(ask(&gateway, (3..=4).map(get).collect()), 1);
    gateway.simulation.run_for(SECOND);
    assert_eq!(slow.take(), Some(200));
    gateway.end();
}

#[test]
fn a_backup_takes_over_and_gives_back() {
    let gateway = start(&endpoints(", backup: true"), "");
    let (first, backup) =
        (Origin::start(&gateway.world, ORIGINS[0], |_| fine()), Origin::start(&gateway.world, ORIGINS[1], |_| fine()));
    assert_eq!(ask(&gateway, (1..=4).map(get).collect()), 4);
    judge(&gateway, 0, false);
    assert_eq!(ask(&gateway, (5..=8).map(get).collect()), 4);
    judge(&gateway, 0, true);
    assert_eq!(ask(&gateway, (9..=12).map(get).collect()), 4);
    assert_eq!((first.seen().len(), backup.seen().len()), (8, 4));
    gateway.end();
}

#[test]
fn a_backup_is_tried_when_the_others_are_used_up() {
    let gateway = start(&endpoints(", backup: true"), ", outliers: { consecutive: 3, ejection: 1h, ejection_max: 1h }");
    let backup = Origin::start(&gateway.world, ORIGINS[1], |_| fine());
    assert_eq!(ask(&gateway, (1..=8).map(|token| post(token, 10)).collect()), 8);
    assert_eq!(backup.seen().len(), 8);
    let ended = gateway.end();
    let twice = ended.records.iter().filter(|record| record.contains("\"attempts\":2")).count();
    assert_eq!(twice, 3, "until the first is ejected: {:?}", ended.records);
}

#[test]
fn without_an_available_endpoint_the_client_is_told() {
    let gateway = start(&endpoints(""), "");
    let _origin = Origin::start(&gateway.world, ORIGINS[0], |_| fine());
    (0..2).for_each(|position| judge(&gateway, position, false));
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(SECOND);
    refused_by(&client.take(), Reason::NoEndpoint);
    gateway.end().failed_by(Reason::NoEndpoint);
}

#[test]
fn one_key_goes_to_one_endpoint_until_that_is_gone() {
    let gateway = start(&endpoints(""), ", balance: { consistent_hash: { key: 'header:X-User' } }");
    let origins = ORIGINS.map(|at| Origin::start(&gateway.world, at, |_| fine()));
    let of = |user: u64, token: u64| Request { fields: format!("X-User: {user}\r\n"), ..get(token) };
    for user in 0..8 {
        let before = origins.each_ref().map(|origin| origin.seen().len());
        assert_eq!(ask(&gateway, (0..5).map(|token| of(user, token)).collect()), 5);
        let more = [0, 1].map(|at: usize| origins[at].seen().len() - before[at]);
        assert!(more.contains(&5), "{user}: {more:?}");
    }
    assert!(origins.iter().all(|origin| !origin.seen().is_empty()), "eight users and one endpoint");
    judge(&gateway, 0, false);
    let before = origins[1].seen().len();
    assert_eq!(ask(&gateway, (0..8).map(|user| of(user, user)).collect()), 8);
    assert_eq!(origins[1].seen().len(), before + 8);
    gateway.end();
}

#[test]
fn the_fewest_requests_in_progress_win() {
    let gateway = start(&endpoints(""), ", balance: least_requests");
    // Whoever gets the first request never answers it.
    let origins =
        ORIGINS.map(|at| Origin::start(&gateway.world, at, |head| if head.token() == 1 { silence() } else { fine() }));
    let waiting = gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(SECOND / 10);
    assert_eq!(ask(&gateway, (2..=9).map(get).collect()), 8);
    let mut seen = origins.each_ref().map(|origin| origin.seen().len());
    seen.sort_unstable();
    assert_eq!(seen, [1, 8], "whoever is busy gets no more");
    gateway.simulation.run_for(5 * SECOND);
    waiting.take();
    gateway.end();
}

#[test]
fn connections_in_use_are_bounded() {
    let gateway = start(&endpoints(""), ", connections: { max: 1 }");
    let _origins = ORIGINS.map(|at| Origin::start(&gateway.world, at, |_| silence()));
    let clients: Vec<_> = (1..=3).map(|token| gateway.ask(vec![get(token)])).collect();
    gateway.simulation.run_for(SECOND);
    assert_eq!(gateway.simulation.counters().opened[Owner::Node as usize], 3 + 2, "one to each endpoint");
    gateway.simulation.run_for(5 * SECOND);
    let replies: Vec<_> = clients.iter().flat_map(Script::take).collect();
    let busy = replies.iter().flatten().filter(|reply| reply.head.status() == 503).count();
    assert_eq!(busy, 1, "{replies:?}");
    let records = gateway.end().records;
    assert_eq!(records.iter().filter(|record| record.contains("upstream_busy")).count(), 1);
}

#[test]
fn a_connection_is_closed_after_its_exchanges_and_at_its_age() {
    for (rest, opened) in [(", connections: { requests_max: 2 }", 3), (", connections: { age_max: 3s }", 2), ("", 1)] {
        let at = format!("{{ address: \"{}\" }}", ORIGINS[0]);
        let gateway = start(&at, rest);
        let _origin = Origin::start(&gateway.world, ORIGINS[0], |_| fine());
        // A second passes with each.
        (1..=5).for_each(|token| assert_eq!(ask(&gateway, vec![get(token)]), 1));
        let counters = gateway.simulation.counters();
        assert_eq!(counters.opened[Owner::Node as usize] - 5, opened, "{rest}");
        gateway.end();
    }
}

#[test]
fn a_socket_in_the_file_system_is_an_endpoint() {
    let gateway = start("{ address: \"unix:/run/origin.sock\" }", "");
    gateway.world.name("/run/origin.sock", ORIGINS[0]);
    let origin = Origin::start(&gateway.world, ORIGINS[0], |_| fine());
    assert_eq!(ask(&gateway, vec![get(1), post(2, 10)]), 2);
    assert_eq!(origin.seen().len(), 2);
    let ended = gateway.end();
    assert!(ended.records.iter().all(|record| record.contains("\"endpoint\":\"unix:/run/origin.sock\"")));
}

#[test]
fn requests_follow_the_addresses_of_a_name() {
    let gateway = start("{ address: \"origin.test:9000\" }", "");
    let origins = ORIGINS.map(|at| Origin::start(&gateway.world, at, |_| fine()));
    let client = gateway.ask(vec![get(1)]);
    gateway.simulation.run_for(SECOND);
    refused_by(&client.take(), Reason::NoEndpoint);
    let move_to = |at: usize| gateway.upstream().set_addresses(0, &[ORIGINS[at].ip()], gateway.world.now().nanos());
    assert!(move_to(0));
    assert_eq!(ask(&gateway, (2..=4).map(get).collect()), 3);
    assert!(move_to(1));
    assert_eq!(ask(&gateway, (5..=9).map(get).collect()), 5);
    assert_eq!(origins.each_ref().map(|origin| origin.seen().len()), [3, 5]);
    // Two connections to origins were opened, and the one to the address that is gone is closed.
    assert_eq!(gateway.simulation.leftovers().streams, 1);
    gateway.end();
}
