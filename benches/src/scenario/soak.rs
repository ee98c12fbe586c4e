//! The same load for a long time, and whether memory grows with the requests.
//!
//! Resident memory is read a few hundred times; its slope over the requests (least squares) is told in KiB per million. The
//! first tenth, in which pools and tables fill, does not count.

use super::{Scenario, Stage};
use crate::{
    interrupt, machine,
    measure::{self, Sample},
    peer::Peer,
    statistics::slope,
    testbed::{Gateway, PATH},
};
use anyhow::{Context as _, Result, anyhow};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Readings of memory in a run.
const READINGS: u32 = 300;

pub(super) struct Soak;

impl Scenario for Soak {
    fn name(&self) -> String {
        "soak".to_owned()
    }

    fn about(&self) -> String {
        "GET of 1 KiB, 64 keep-alive connections, for ten minutes, or as many `--soak-seconds` as the command above says. The slope is \
         that of resident memory over the requests."
            .to_owned()
    }

    fn is_long(&self) -> bool {
        true
    }

    fn is_once(&self) -> bool {
        true
    }

    fn prepare(&self, _gateway: &mut Gateway) -> Result<()> {
        Ok(())
    }

    fn measure(&self, stage: &Stage<'_>, _peer: &dyn Peer, gateway: &mut Gateway) -> Result<Sample> {
        let mut readings = Vec::new();
        let mut sample = measure::sample(gateway, super::CONNECTIONS, || {
            thread::scope(|scope| {
                let load = scope.spawn(|| stage.load(gateway, PATH, stage.soak_seconds));
                readings = watch(stage, gateway, &|| load.is_finished())?;
                load.join().map_err(|_| anyhow!("the load panicked"))?
            })
        })?;
        let slope = slope(&readings).context("too short to see memory grow")?;
        sample.more.insert("rss_kib_per_million_requests".to_owned(), slope);
        Ok(sample)
    }
}

/// Millions of requests and KiB of resident memory, until the load has ended.
fn watch(stage: &Stage<'_>, gateway: &Gateway, ended: &dyn Fn() -> bool) -> Result<Vec<(f64, f64)>> {
    let whole = Duration::from_secs(stage.soak_seconds.into());
    let (begun, first) = (Instant::now(), stage.testbed.origin_counts().requests);
    let mut readings = Vec::new();
    while !ended() {
        interrupt::pause(whole / READINGS)?;
        if begun.elapsed() > whole / 10 {
            let requests = stage.testbed.origin_counts().requests - first;
            readings.push((requests as f64 / 1e6, machine::resident(gateway.pid()) as f64 / 1024.0));
        }
    }
    Ok(readings)
}
