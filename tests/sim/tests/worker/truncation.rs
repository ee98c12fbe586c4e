//! A response that is cut short never looks complete to the client, whatever tells its end.

use crate::gateway::{Gateway, ORIGINS, dial};
use std::time::Duration;
use tollgate_sim::{Answer, Conditions, Failure, Framing, Origin, Reader, payload};
use tollgate_worker::Command;

const BODY_BYTES: usize = 50_000;
const OLD: &[u8] = b"GET / HTTP/1.0\r\n\r\n";
const NEW: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Seeds enough for an end that is by chance a reset to be something else once.
const SEEDS: u64 = 20;

fn answer(framing: Framing) -> Answer {
    Answer {
        framing,
        chunk_max: 5_000,
        pieces: 10,
        pause_nanos_max: 400_000_000,
        ..Answer::new(payload(1, BODY_BYTES))
    }
}

/// What a client reads that sends `request` and begins to read after `pause`, while `disturb` happens to the worker.
fn read(
    seed: u64,
    request: &'static [u8],
    answer: Answer,
    pause: Duration,
    disturb: impl Fn(&Gateway),
) -> Result<Vec<u8>, Failure> {
    let gateway = Gateway::start(seed, Conditions::default(), 1);
    let _origin = Origin::start(&gateway.world, ORIGINS[0], move |_| answer.clone());
    let world = gateway.world.clone();
    let client = gateway.script(async move {
        let end = dial(&world, request).await;
        world.sleep_until(world.now() + pause).await;
        let mut reader = Reader::new(&end);
        let head = reader.head().await?.expect("an answer has begun");
        assert_eq!(head.status(), 200);
        reader.body(head.framing().unwrap_or(Framing::UntilClose)).await
    });
    disturb(&gateway);
    gateway.simulation.run_until_idle();
    gateway.end().record();
    client.take()
}

const FRAMINGS: [Framing; 3] = [Framing::UntilClose, Framing::Chunked, Framing::Length(BODY_BYTES)];

#[test]
fn a_whole_response_ends_well() {
    for (seed, framing) in (0..SEEDS).flat_map(|seed| FRAMINGS.map(|framing| (seed, framing))) {
        for request in [OLD, NEW] {
            let body = read(seed, request, answer(framing), Duration::ZERO, |_| ());
            assert_eq!(body.map(|body| body.len()), Ok(BODY_BYTES), "seed {seed}, {framing:?}");
        }
    }
}

#[test]
fn a_response_the_endpoint_breaks_off_is_no_whole_one() {
    for (seed, framing) in (0..SEEDS).flat_map(|seed| FRAMINGS.map(|framing| (seed, framing))) {
        let cut = Answer { cut_at: Some(40_000), ..answer(framing) };
        let old = read(seed, OLD, cut.clone(), Duration::ZERO, |_| ());
        let by_length = matches!(framing, Framing::Length(_));
        assert!(old == Err(Failure::Reset) || by_length && old.is_err(), "seed {seed}, {framing:?}");
        assert!(read(seed, NEW, cut, Duration::ZERO, |_| ()).is_err(), "seed {seed}, {framing:?}");
    }
}

#[test]
fn a_response_that_a_stop_cuts_short_is_no_whole_one() {
    for seed in 0..SEEDS {
        let stop = |gateway: &Gateway| {
            gateway.simulation.run_for(Duration::from_millis(500));
            gateway.command(Command::Stop);
        };
        let body = read(seed, OLD, answer(Framing::UntilClose), Duration::ZERO, stop);
        assert_eq!(body.map(|body| body.len()), Err(Failure::Reset), "seed {seed}");
    }
}

#[test]
fn a_response_that_a_deadline_cuts_short_is_no_whole_one() {
    for seed in 0..SEEDS {
        let large = Answer { pieces: 1, ..Answer { body: payload(1, 1_000_000), ..answer(Framing::UntilClose) } };
        // It does not read for longer than `timeouts.idle`.
        let body = read(seed, OLD, large, Duration::from_secs(20), |_| ());
        assert_eq!(body.map(|body| body.len()), Err(Failure::Reset), "seed {seed}");
        // The endpoint says nothing for longer than that.
        let silent = Answer { pieces: 2, pause_nanos_max: 3_600_000_000_000, ..answer(Framing::UntilClose) };
        let body = read(seed, OLD, silent, Duration::ZERO, |_| ());
        assert_eq!(body.map(|body| body.len()), Err(Failure::Reset), "seed {seed}");
    }
}
