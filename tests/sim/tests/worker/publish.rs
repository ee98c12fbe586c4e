//! Snapshots swapped under a running worker: what has begun ends as it began, what begins runs what was published last, and
//! nothing is lost or left behind.

use crate::gateway::{Gateway, LISTEN, ORIGINS, dial, get, is_over, post, routed};
use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tollgate_sim::{Answer, Client, Conditions, Failure, Framing, Origin, Reader, Seed, payload};
use tollgate_worker::Command;

const SECOND: Duration = Duration::from_secs(1);
const TO_A: &str = r#"match: { path: "/{rest*}" }, upstream: a"#;
const TO_B: &str = r#"match: { path: "/{rest*}" }, upstream: b"#;

/// A gateway whose upstreams `a` and `b` answer their names, after a second.
fn slow_names() -> Gateway {
    let gateway = Gateway::start_routes(&[TO_A], 1, Conditions::default());
    for (at, name) in ORIGINS.into_iter().zip(["a", "b"]) {
        let _ =
            Origin::start(&gateway.world, at, |_| Answer { delay_nanos: 1_000_000_000, ..Answer::new(name.into()) });
    }
    gateway
}

#[test]
fn an_exchange_ends_with_what_it_began_with_and_the_next_runs_the_new() {
    let gateway = slow_names();
    let client = gateway.ask(vec![get(1), get(2)]);
    gateway.simulation.run_for(SECOND / 2);
    let taken = gateway.publish(routed(&[TO_B], ""), Vec::new());
    gateway.simulation.run_for(SECOND / 10);
    assert!(taken.load(Ordering::Relaxed), "before the exchange is over");
    gateway.simulation.run_until_idle();
    let bodies: Vec<_> = client.take().into_iter().map(|reply| reply.expect("an answer").body).collect();
    assert_eq!(bodies, [b"a", b"b"]);
    let records = gateway.end().records;
    assert!(records[0].contains("\"upstream\":\"a\"") && records[1].contains("\"upstream\":\"b\""), "{records:?}");
}

/// What the watchdog lives on.
#[test]
fn a_worker_answers_a_ping_whatever_else_it_does() {
    let gateway = slow_names();
    let client = gateway.ask(vec![get(1)]);
    for command in [None, Some(Command::Drain)] {
        command.into_iter().for_each(|command| gateway.command(command));
        let ping = Arc::new(());
        gateway.command(Command::Ping(Box::new(ping.clone())));
        assert_eq!(Arc::strong_count(&ping), 2, "it is on its way");
        gateway.simulation.run_for(SECOND / 10);
        assert_eq!(Arc::strong_count(&ping), 1, "the worker has dropped it, before the exchange is over");
    }
    gateway.simulation.run_until_idle();
    assert_eq!(client.take().len(), 1);
    gateway.end();
}

#[test]
fn a_changed_route_is_the_only_one_that_changes() {
    let gateway = Gateway::start_routes(
        &[r#"match: { path: /x }, upstream: a"#, r#"match: { path: /y }, upstream: b"#],
        1,
        Conditions::default(),
    );
    let ask = |gateway: &Gateway, paths: &[&str]| {
        let requests = paths.iter().map(|path| tollgate_sim::Request { target: (*path).into(), ..get(1) }).collect();
        let client = gateway.ask(requests);
        gateway.simulation.run_until_idle();
        client.take().into_iter().map(|reply| reply.expect("an answer").head.status()).collect::<Vec<_>>()
    };
    for (at, status) in ORIGINS.into_iter().zip([201, 202]) {
        let _ = Origin::start(&gateway.world, at, move |_| Answer { status, ..Answer::new(Vec::new()) });
    }
    assert_eq!(ask(&gateway, &["/x", "/y", "/z"]), [201, 202, 404]);
    let other = routed(&[r#"match: { path: /z }, upstream: b"#], "");
    let mut next = gateway.snapshot();
    next.routes.put(other.routes.get(0).expect("r0").clone());
    gateway.publish(next, Vec::new());
    gateway.simulation.run_until_idle();
    assert_eq!(ask(&gateway, &["/x", "/y", "/z"]), [404, 202, 202]);
    let mut next = gateway.snapshot();
    next.routes.remove("r1");
    gateway.publish(next, Vec::new());
    gateway.simulation.run_until_idle();
    assert_eq!(ask(&gateway, &["/x", "/y", "/z"]), [404, 404, 202]);
    gateway.end();
}

#[test]
fn listeners_come_and_go() {
    const OTHER: SocketAddr = SocketAddr::new(LISTEN.ip(), 8081);
    let gateway = Gateway::start_routes(&[TO_A], 1, Conditions::default());
    let _ = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(b"here".to_vec()));
    let world = gateway.world.clone();
    let kept = gateway.script(async move {
        let end = dial(&world, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut reader = Reader::new(&end);
        let first = reader.head().await.ok().flatten().map(|head| head.status());
        let _ = reader.body(Framing::Length(4)).await;
        world.sleep_until(tollgate_io::Instant::default() + 2 * SECOND).await;
        end.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("open");
        let last = reader.head().await.ok().flatten().map(|head| (head.status(), head.closes()));
        let _ = reader.body(Framing::Length(4)).await;
        (first, last, is_over(&reader.head().await))
    });
    gateway.simulation.run_for(SECOND);
    let mut next = gateway.snapshot();
    next.listeners.remove("public");
    let text = "version: 1\nlisteners: [ { name: other, bind: '10.0.0.1:8081' } ]";
    let other = tollgate_model::parse("other", text, &tollgate_model::NoSource).expect("right");
    let slot = next.listeners.put(other.listeners.get(0).expect("other").clone());
    gateway.publish(next, vec![(slot, gateway.nodes[0].listen(OTHER))]);
    gateway.simulation.run_for(SECOND / 2);
    let refused = gateway.ask(vec![get(1)]);
    let world = gateway.world.clone();
    let taken = gateway.script(async move { Client::default().run(&world, OTHER, &[get(1)]).await });
    gateway.simulation.run_until_idle();
    assert_eq!(refused.take(), [Err(Failure::Refused)], "a listener that is gone takes nobody");
    assert_eq!(taken.take()[0].as_ref().expect("an answer").body, b"here");
    let kept = kept.take();
    assert_eq!(kept, (Some(200), Some((200, true)), true), "its connections end with their next exchange");
    gateway.end();
}

#[test]
fn a_thousand_swaps_lose_nothing() {
    for seed in 0..4 {
        let gateway = Gateway::start_routes(&[TO_A], Seed::from(seed), Conditions::default());
        for at in ORIGINS {
            let _ = Origin::start(&gateway.world, at, |_| Answer { pieces: 3, ..Answer::new(payload(7, 5_000)) });
        }
        let clients: Vec<_> = (0..8).map(|_| gateway.ask((0..50).map(get).collect())).collect();
        let mut taken = Vec::new();
        for swap in 0..1_000 {
            taken.push(gateway.publish(routed(&[if swap % 2 == 0 { TO_B } else { TO_A }], ""), Vec::new()));
            gateway.simulation.run_for(Duration::from_micros(300));
        }
        gateway.simulation.run_until_idle();
        assert!(taken.iter().all(|taken| taken.load(Ordering::Relaxed)));
        for client in clients {
            for reply in client.take() {
                let reply = reply.expect("no request fails");
                assert!(reply.head.status() == 200 && reply.body == payload(7, 5_000));
            }
        }
        assert_eq!(gateway.end().records.len(), 8 * 50);
    }
}

/// The node's body limit is part of every chain, and policies of a route that stays may change with the defaults.
#[test]
fn policies_change_with_what_is_inherited() {
    let settings = "limits: { body_bytes: 10 }\n";
    let gateway = Gateway::start_node(settings, &[TO_A]);
    let _ = Origin::start(&gateway.world, ORIGINS[0], |_| Answer::new(b"a".to_vec()));
    let ask = |len: usize| {
        let client = gateway.ask(vec![post(1, len)]);
        gateway.simulation.run_until_idle();
        client.take().into_iter().map(|reply| reply.expect("an answer").head.status()).collect::<Vec<_>>()
    };
    assert_eq!((ask(10), ask(11)), (vec![200], vec![413]));
    gateway.publish(routed(&[TO_A], "limits: { body_bytes: 20 }\n"), Vec::new());
    gateway.simulation.run_until_idle();
    assert_eq!((ask(11), ask(21)), (vec![200], vec![413]));
    let denied = "defaults: { policies: { ip: { deny: [192.0.2.0/24] } } }\n";
    gateway.publish(routed(&[TO_A], denied), Vec::new());
    gateway.simulation.run_until_idle();
    assert_eq!(ask(1), [403]);
    gateway.end();
}
