//! Upgraded connections: bytes both ways, each end passed on, and deadlines of their own.

use crate::gateway::{Gateway, ORIGINS, Script, dial, is_over};
use std::{rc::Rc, time::Duration};
use tollgate_http::Reason;
use tollgate_io::Instant;
use tollgate_sim::{Answer, Conditions, Endpoint, Failure, Fault, Faults, Framing, Origin, Reader, payload};
use tollgate_worker::Command;

const UPGRADE: &[u8] = b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
const BODY_BYTES: usize = 100_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// An origin that switches protocols.
fn switching(gateway: &Gateway) -> Rc<Origin> {
    Origin::start(&gateway.world, ORIGINS[0], |_| Answer {
        status: 101,
        fields: "Connection: Upgrade\r\nUpgrade: echo\r\n".into(),
        ..Answer::new(Vec::new())
    })
}

/// A tunnel that an hour has passed over, and what comes through it when `then` has been done at the client's end.
fn tunnel(conditions: Conditions, seed: u64, then: fn(&Endpoint)) -> (Gateway, Script<Result<Vec<u8>, Failure>>) {
    let gateway = Gateway::start(seed, conditions, 1);
    let _origin = switching(&gateway);
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, UPGRADE).await;
        let mut reader = Reader::new(&end);
        let head = reader.head().await.expect("a head").expect("an answer");
        assert_eq!((head.status(), head.field("upgrade")), (101, Some("echo")));
        world.sleep_until(Instant::default() + HOUR).await;
        end.write_all(&payload(1, BODY_BYTES)).await.expect("the worker reads");
        then(&end);
        reader.body(Framing::UntilClose).await
    });
    (gateway, client)
}

#[test]
fn bytes_pass_both_ways_and_each_end_by_itself() {
    for seed in 0..50 {
        let faults = Faults::NONE.with(Fault::ShortReceive, 0.3).with(Fault::ShortSend, 0.3);
        let conditions = Conditions { faults, ..Conditions::default() };
        let (gateway, client) = tunnel(conditions, seed, Endpoint::finish);
        gateway.simulation.run_until_idle();
        let came = client.take().map(|bytes| (bytes.len(), bytes == payload(1, BODY_BYTES)));
        assert_eq!(came, Ok((BODY_BYTES, true)), "seed {seed}");
        let counters = gateway.simulation.counters();
        assert_eq!((counters.body_bytes_in_place, counters.body_bytes_copied), (2 * BODY_BYTES as u64, 0));
        assert!(gateway.end().record().contains("\"status\":101"));
    }
}

#[test]
fn a_client_that_leaves_takes_the_other_half_along() {
    let (gateway, client) = tunnel(Conditions::default(), 1, Endpoint::reset);
    gateway.simulation.run_for(HOUR / 2);
    assert_eq!(gateway.simulation.leftovers().streams, 2);
    gateway.simulation.run_for(HOUR / 2 + Duration::from_secs(1));
    assert_eq!(client.take(), Err(Failure::Reset));
    assert_eq!((gateway.simulation.leftovers().streams, gateway.simulation.leftovers().buffers), (0, 0));
    gateway.end().record();
}

/// `timeouts.tunnel` of the worker.
const SILENCE: Duration = Duration::from_secs(5_400);

#[test]
fn a_silent_tunnel_is_ended_and_one_byte_each_way_prolongs_it() {
    const PAUSE: Duration = Duration::from_secs(5_000);
    for speaks in ["client", "origin", "nobody"] {
        let gateway = Gateway::start(1, Conditions::default(), 1);
        let world = gateway.world.clone();
        let upstream = gateway.script(async move {
            let backlog = world.serve(ORIGINS[0]);
            let end = backlog.accept().await.expect("the worker connects");
            let mut reader = Reader::new(&end);
            reader.head().await.expect("a head");
            end.write_all(SWITCHING).await.expect("the worker reads");
            speak(&end, speaks == "origin", PAUSE).await;
            reader.body(Framing::UntilClose).await
        });
        let world = gateway.world.clone();
        let client = gateway.script(async move {
            let end = dial(&world, UPGRADE).await;
            speak(&end, speaks == "client", PAUSE).await;
            Reader::new(&end).body(Framing::UntilClose).await
        });
        gateway.simulation.run_until_idle();
        let spoken = if speaks == "nobody" { Duration::ZERO } else { 3 * PAUSE };
        for at in [client.take_timed().0, upstream.take_timed().0] {
            let silent = at - Instant::default() - spoken;
            assert!((SILENCE..=SILENCE * 9 / 8).contains(&silent), "{speaks}: ended after {silent:?}");
        }
        gateway.end().failed_by(Reason::TunnelTimeout);
    }
}

/// Says a byte after each of three pauses, if at all.
async fn speak(end: &Endpoint, speaks: bool, pause: Duration) {
    for _ in 0..if speaks { 3 } else { 0 } {
        end.world().sleep_until(end.world().now() + pause).await;
        end.write_all(b"x").await.expect("the tunnel stands");
    }
}

#[test]
fn a_drain_ends_a_tunnel_in_the_end() {
    let gateway = Gateway::start(1, Conditions::default(), 1);
    let _origin = switching(&gateway);
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, UPGRADE).await;
        let mut reader = Reader::new(&end);
        assert_eq!(reader.head().await.ok().flatten().map(|head| head.status()), Some(101));
        reader.head().await
    });
    gateway.simulation.run_for(HOUR);
    gateway.command(Command::Drain);
    gateway.simulation.run_for(Duration::from_secs(10));
    assert!(!gateway.has_returned());
    gateway.simulation.run_for(Duration::from_secs(2));
    assert!(gateway.has_returned() && is_over(&client.take()));
    gateway.end().record();
}
