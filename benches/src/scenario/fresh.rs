//! A connection for every request, and the clients that make them.
//!
//! wrk would resume TLS sessions, so these are clients of our own: blocking ones on threads of the load's CPU, each connecting,
//! asking once, checking the answer and closing. They, not the gateway, may be the limit: what counts is CPU time per request.

use super::{Scenario, Stage};
use crate::{
    interrupt,
    measure::{self, Sample},
    peer::Peer,
    testbed::Gateway,
    wrk::Outcome,
};
use anyhow::{Result, anyhow, ensure};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Clients beside each other.
pub(super) const CLIENTS: u32 = 16;

/// Failures in a row after which a client gives up.
const FAILURES_MAX: u64 = 100;

pub(super) struct Fresh;

impl Scenario for Fresh {
    fn name(&self) -> String {
        "fresh".to_owned()
    }

    fn about(&self) -> String {
        format!("A connection for each GET of 1 KiB, {CLIENTS} clients.")
    }

    fn prepare(&self, gateway: &mut Gateway) -> Result<()> {
        gateway.connect()?.download(1024, |_| {})
    }

    fn measure(&self, stage: &Stage<'_>, _peer: &dyn Peer, gateway: &mut Gateway) -> Result<Sample> {
        measure::sample(gateway, CLIENTS, || load(gateway, stage.seconds))
    }
}

/// [`CLIENTS`] clients for some seconds; latencies are from connecting to the last byte.
pub(super) fn load(gateway: &Gateway, seconds: u32) -> Result<Outcome> {
    let begun = Instant::now();
    let until = begun + Duration::from_secs(seconds.into());
    let (mut micros, mut failed) = (Vec::new(), 0);
    thread::scope(|scope| -> Result<()> {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| client(gateway, until))).collect();
        for client in clients {
            let (own, failures) = client.join().map_err(|_| anyhow!("a client panicked"))??;
            micros.extend(own);
            failed += failures;
        }
        Ok(())
    })?;
    ensure!(!micros.is_empty(), "not one request completed");
    micros.sort_by(f64::total_cmp);
    let quantile = |share: f64| micros[((micros.len() - 1) as f64 * share).round() as usize];
    Ok(Outcome {
        requests: micros.len() as u64,
        failed,
        per_second: micros.len() as f64 / begun.elapsed().as_secs_f64(),
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
    })
}

/// Microseconds of each request, and how many failed.
fn client(gateway: &Gateway, until: Instant) -> Result<(Vec<f64>, u64)> {
    let (mut micros, mut failed, mut in_a_row) = (Vec::new(), 0, 0);
    while Instant::now() < until {
        interrupt::check()?;
        let begun = Instant::now();
        match gateway.connect().and_then(|mut client| client.download(1024, |_| {})) {
            Ok(()) => {
                micros.push(begun.elapsed().as_secs_f64() * 1e6);
                in_a_row = 0;
            }
            Err(error) => {
                (failed, in_a_row) = (failed + 1, in_a_row + 1);
                ensure!(in_a_row < FAILURES_MAX, "nothing but failures: {error:#}");
            }
        }
    }
    Ok((micros, failed))
}
