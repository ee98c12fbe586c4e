//! One gateway under one load for some time: what it cost and what came of it.
//!
//! Every sample of every comparison is taken here. CPU times are read before and after the run, not during it, and cover all
//! processes of the gateway. Whether a sample is too disturbed to count is the caller's decision.

use crate::{interrupt, machine, testbed::Gateway, wrk::Outcome};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The figures of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) gateway: String,
    pub(crate) concurrency: u32,
    /// From 1.
    pub(crate) round: u32,
    /// How often it was repeated before this.
    pub(crate) repeats: u32,
    /// Whether other work disturbed it and no repeat was left.
    pub(crate) dirty: bool,
    pub(crate) requests: u64,
    /// Without an answer, or with another status than 2xx and 3xx.
    pub(crate) failed: u64,
    /// CPU time of all of the gateway's processes and threads divided by the requests.
    pub(crate) cpu_us_per_request: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Resident memory after the run.
    pub(crate) rss_mib: f64,
    /// The gateway's CPU time in percent of one CPU.
    pub(crate) gateway_busy_percent: f64,
    /// CPU time of everything on the machine that is no part of the comparison, in percent of one CPU.
    pub(crate) foreign_percent: f64,
    /// What only some scenarios measure, by name and unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) more: BTreeMap<String, f64>,
}

/// Measures `gateway` while `load` runs; `round`, `repeats` and `dirty` are left to the caller.
pub(crate) fn sample(gateway: &Gateway, concurrency: u32, load: impl FnOnce() -> Result<Outcome>) -> Result<Sample> {
    let before = Reading::now(gateway)?;
    let outcome = load()?;
    let spent = Reading::now(gateway)?.since(&before);
    let percent = |seconds: f64| 100.0 * seconds / spent.at.as_secs_f64();
    Ok(Sample {
        gateway: gateway.name.to_owned(),
        concurrency,
        requests: outcome.requests,
        failed: outcome.failed,
        cpu_us_per_request: spent.gateway.as_secs_f64() * 1e6 / outcome.requests as f64,
        requests_per_second: outcome.per_second,
        p50_us: outcome.p50_us,
        p99_us: outcome.p99_us,
        gateway_busy_percent: percent(spent.gateway.as_secs_f64()),
        foreign_percent: percent(spent.foreign.as_secs_f64()),
        rss_mib: machine::resident(gateway.pid()) as f64 / f64::from(1 << 20),
        ..Sample::default()
    })
}

/// Waits until other work takes no more than `foreign_max` percent of one CPU, but for at most `patience_seconds`.
pub(crate) fn wait_for_quiet(foreign_max: f64, patience_seconds: u32) -> Result<()> {
    const LOOK: Duration = Duration::from_millis(500);
    let until = Instant::now() + Duration::from_secs(patience_seconds.into());
    while Instant::now() < until {
        let before = machine::foreign_time()?;
        interrupt::pause(LOOK)?;
        let foreign = machine::foreign_time()?.saturating_sub(before);
        if 100.0 * foreign.as_secs_f64() <= foreign_max * LOOK.as_secs_f64() {
            break;
        }
    }
    Ok(())
}

/// Where the CPU time went up to a moment. Everything counts from some start of its own; differences matter.
struct Reading {
    at: Duration,
    gateway: Duration,
    /// Everything but the gateways, wrk and this process with the origin in it.
    foreign: Duration,
}

impl Reading {
    fn now(gateway: &Gateway) -> Result<Self> {
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        Ok(Self { at: START.elapsed(), gateway: machine::cpu_time(gateway.pid()), foreign: machine::foreign_time()? })
    }

    fn since(&self, earlier: &Self) -> Self {
        Self {
            at: self.at.saturating_sub(earlier.at),
            gateway: self.gateway.saturating_sub(earlier.gateway),
            foreign: self.foreign.saturating_sub(earlier.foreign),
        }
    }
}
