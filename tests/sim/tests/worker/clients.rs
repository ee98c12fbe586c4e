//! Clients that leave, half or wholly, and clients that do not read.

use crate::gateway::{Gateway, dial, is_over, silence};
use std::time::Duration;
use tollgate_http::Reason;
use tollgate_io::Instant;
use tollgate_sim::{Answer, Conditions, Framing, Reader, payload};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// How soon a client that has left is noticed.
const NOTICED: Duration = Duration::from_millis(200);

#[test]
fn a_client_that_leaves_while_it_waits_takes_its_upstream_connection_along() {
    let (gateway, origin) = Gateway::quiet(|_| silence());
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, GET).await;
        world.sleep_until(Instant::from_nanos(500_000_000)).await;
        end.reset();
    });
    gateway.simulation.run_until(Instant::from_nanos(499_000_000));
    assert_eq!((origin.seen().len(), gateway.simulation.leftovers().streams), (1, 2));
    gateway.simulation.run_until(Instant::from_nanos(500_000_000) + NOTICED);
    client.take();
    assert_eq!(gateway.simulation.leftovers().streams, 0);
    assert_eq!(gateway.simulation.leftovers().buffers, 0);
    gateway.end().failed_by(Reason::ClientClosed);
}

#[test]
fn a_client_that_finished_sending_is_still_answered() {
    let delay_nanos = 1_000_000_000;
    let (gateway, _origin) = Gateway::quiet(move |_| Answer { delay_nanos, ..Answer::new(payload(1, 50_000)) });
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, GET).await;
        end.finish();
        let mut reader = Reader::new(&end);
        let head = reader.head().await.expect("a head").expect("an answer");
        let body = reader.body(head.framing().expect("a length")).await;
        (body, reader.head().await)
    });
    gateway.simulation.run_for(Duration::from_secs(2));
    assert_eq!(client.take(), (Ok(payload(1, 50_000)), Ok(None)), "the answer, then the end");
    gateway.end().record();
}

#[test]
fn a_request_that_ends_early_is_told_so() {
    let (gateway, origin) = Gateway::quiet(|_| Answer::new(Vec::new()));
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123";
        let end = dial(&world, request).await;
        end.finish();
        let head = Reader::new(&end).head().await.expect("a head").expect("an answer");
        head.status()
    });
    gateway.simulation.run_for(Duration::from_secs(2));
    assert_eq!((client.take(), origin.seen().len()), (400, 0));
    gateway.end().failed_by(Reason::RequestIncomplete);
}

#[test]
fn a_client_that_does_not_read_holds_few_buffers_and_is_given_up() {
    let (gateway, _origin) = Gateway::quiet(|_| Answer {
        framing: Framing::Chunked,
        chunk_max: 9_000,
        ..Answer::new(payload(1, 4_000_000))
    });
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let _end = dial(&world, GET).await;
        world.sleep(20_000_000_000).await;
    });
    gateway.simulation.run_for(Duration::from_secs(2));
    let held = gateway.simulation.leftovers();
    // The request's, the response's, and one for the frame of the chunk under way.
    assert!(held.streams == 2 && held.buffers <= 3, "{held:?}");
    gateway.simulation.run_for(Duration::from_secs(2));
    assert_eq!(gateway.simulation.leftovers().streams, 0, "no progress for longer than `idle`");
    gateway.simulation.run_until_idle();
    client.take();
    gateway.end().record();
}

/// Nobody can tell whether its next bytes are the body or another request, so there must be no next bytes.
#[test]
fn a_client_that_waits_for_a_100_and_gets_an_answer_is_closed() {
    const HEAD: &[u8] = b"POST /only HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    for (route, status) in [
        (r#"match: { path: "/other" }, upstream: a"#, 404),
        (r#"match: { path: "/only", methods: [GET] }, upstream: a"#, 405),
        (r#"match: { path: "/only" }, policies: { ip: { deny: ["::/0", "0.0.0.0/0"] } }, upstream: a"#, 403),
        (r#"match: { path: "/only" }, answer: { status: 200 }"#, 200),
        (r#"match: { path: "/only" }, upstream: a"#, 502),
    ] {
        let gateway = Gateway::start_routes(&[route], 1, Conditions::default());
        let world = gateway.world.clone();
        let client = gateway.script(async move {
            let end = dial(&world, HEAD).await;
            let mut reader = Reader::new(&end);
            let head = reader.head().await.expect("a head").expect("an answer");
            let _ = reader.body(head.framing().expect("a length")).await;
            (head.status(), head.closes(), is_over(&reader.head().await))
        });
        gateway.simulation.run_until_idle();
        assert_eq!(client.take(), (status, true, true));
        gateway.end().record();
    }
}
