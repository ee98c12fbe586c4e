//! Latencies that a server caused on purpose, compared with theory and with what the server recorded itself.

use crate::{plan, quiet, servers, servers::Server};
use std::{
    io::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::sleep,
    time::{Duration, Instant},
};
use tollgate_loadtest::load::{Arrivals, Latencies, Plan};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// How many took longer than `time`.
fn longer(latencies: &Latencies, time: Duration) -> f64 {
    (latencies.count() - latencies.histogram().count_between(0, time.as_nanos() as u64)) as f64
}

/// At rate r, a stall of s makes r s requests late: those meant to be sent in it, by what was left of it, so their
/// latencies are spread evenly over 0..s (r (s - x) of them above x). Of those only the few that were on their way when
/// the stall began look late when latency counts from the actual send; the others had not been sent.
#[test]
fn a_stall_shows_as_the_open_loop_theory_predicts() {
    const RATE: f64 = 1000.0;
    const CONNECTIONS: usize = 8;
    let stall = Duration::from_millis(100);
    let (count, until) = (AtomicU64::new(0), Mutex::new(None::<Instant>));
    let server = Server::start(move |mut stream| {
        loop {
            servers::request(&mut stream)?;
            if count.fetch_add(1, Relaxed) == 400 {
                *until.lock().unwrap() = Some(Instant::now() + stall);
            }
            let until = *until.lock().unwrap();
            if let Some(left) = until.and_then(|until| until.checked_duration_since(Instant::now())) {
                sleep(left);
            }
            stream.write_all(ANSWER)?;
        }
    });
    let arrivals = Arrivals::Fixed { rate: RATE };
    let (connections, duration) = (CONNECTIONS, Duration::from_secs(1));
    let recording = quiet(&Plan { arrivals, connections, duration, requests: None, ..plan(&server.url()) });
    assert_eq!((recording.answered, recording.error_count()), (1000, 0));
    for share in [0.25, 0.5, 0.75] {
        let time = stall.mul_f64(share);
        let (wanted, found) = (RATE * (stall - time).as_secs_f64(), longer(&recording.corrected, time));
        // Never fewer. A machine that is busy with other things adds some of its own.
        assert!(found >= wanted * 0.9 && found <= wanted * 1.5 + 10.0, "above {time:?}: {found}, theory {wanted}");
    }
    // The share of late requests is r s / 1000 = 10 %, and the longest of 1000 waited for all of the stall.
    let p999 = recording.corrected.quantile(0.999);
    assert!(p999 >= stall.mul_f64(0.95), "p99.9 {p999:?}");
    let hidden = longer(&recording.uncorrected, stall / 4);
    assert!(hidden <= (2 * CONNECTIONS) as f64, "uncorrected: {hidden} late");
    assert!(longer(&recording.waited, stall / 4) >= RATE * 0.07 - CONNECTIONS as f64);
}

/// The server waits for times of a known distribution (100 to 300 ms, evenly) and records from the request's last byte to
/// the answer's: what the generator adds is loopback and two wake-ups.
#[test]
fn percentiles_agree_with_an_independent_recorder() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (record, count) = (seen.clone(), AtomicU64::new(0));
    let server = Server::start(move |mut stream| {
        loop {
            servers::request(&mut stream)?;
            let begun = Instant::now();
            // Multiples of the golden ratio are spread evenly over 0..1.
            let share = (count.fetch_add(1, Relaxed) as f64 * 0.618_033_988_749_895).fract();
            sleep(Duration::from_millis(100) + Duration::from_millis(200).mul_f64(share));
            stream.write_all(ANSWER)?;
            record.lock().unwrap().push(begun.elapsed());
        }
    });
    let recording = quiet(&Plan { connections: 64, requests: Some(640), ..plan(&server.url()) });
    let mut seen = seen.lock().unwrap().clone();
    seen.sort_unstable();
    assert_eq!((recording.answered, seen.len()), (640, 640));
    for share in [0.1, 0.5, 0.9, 0.99] {
        let theirs = seen[((seen.len() as f64 * share).ceil() as usize).saturating_sub(1)];
        let ours = recording.uncorrected.quantile(share);
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        assert!((0.98..1.02).contains(&ratio), "p{}: {ours:?}, the server says {theirs:?}", share * 100.0);
    }
}
