//! One gateway, one concurrency, one run of wrk: what it cost and what came of it.

use crate::{
    machine,
    testbed::{Gateway, PATH, Testbed},
    wrk,
};
use anyhow::Result;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Seconds of load before what is measured.
const WARM_UP_SECONDS: u32 = 1;

/// The figures of one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) gateway: &'static str,
    pub(crate) concurrency: u32,
    /// From 1.
    pub(crate) round: u32,
    /// How often the round was repeated before this.
    pub(crate) repeats: u32,
    /// Whether other work disturbed it and no repeat was left.
    pub(crate) dirty: bool,
    pub(crate) requests: u64,
    /// CPU time of all of the gateway's processes and threads divided by the requests.
    pub(crate) cpu_us_per_request: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// The gateway's CPU time in percent of one CPU.
    pub(crate) gateway_busy_percent: f64,
    /// Busy time of the machine that neither the gateway nor the load explains, in percent of one CPU.
    pub(crate) foreign_percent: f64,
}

/// Warms `gateway` up, then measures it for `seconds`.
pub(crate) fn sample(testbed: &Testbed, gateway: &Gateway, concurrency: u32, seconds: u32) -> Result<Sample> {
    let load = |seconds| {
        let (directory, cpu) = (testbed.directory(), testbed.load_cpu());
        wrk::run(directory, cpu, gateway.address, PATH, concurrency, seconds)
    };
    load(WARM_UP_SECONDS)?;
    let before = Reading::now(gateway)?;
    let outcome = load(seconds)?;
    let spent = Reading::now(gateway)?.since(&before);
    let foreign = spent.machine.as_secs_f64() - (spent.gateway + spent.load).as_secs_f64();
    let percent = |seconds: f64| 100.0 * seconds / spent.at.as_secs_f64();
    Ok(Sample {
        gateway: gateway.name,
        concurrency,
        round: 0,
        repeats: 0,
        dirty: false,
        requests: outcome.requests,
        cpu_us_per_request: spent.gateway.as_secs_f64() * 1e6 / outcome.requests as f64,
        requests_per_second: outcome.per_second,
        p50_us: outcome.p50_us,
        p99_us: outcome.p99_us,
        gateway_busy_percent: percent(spent.gateway.as_secs_f64()),
        foreign_percent: percent(foreign),
    })
}

/// Where the CPU time went up to a moment. Everything counts from some start of its own; differences matter.
struct Reading {
    at: Duration,
    gateway: Duration,
    /// This process, with the origin in it, and wrk.
    load: Duration,
    machine: Duration,
}

impl Reading {
    fn now(gateway: &Gateway) -> Result<Self> {
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        Ok(Self {
            at: START.elapsed(),
            gateway: machine::cpu_time(gateway.pid()),
            load: machine::own_cpu_time() + machine::ended_children_cpu_time()?,
            machine: machine::busy_time()?,
        })
    }

    fn since(&self, earlier: &Self) -> Self {
        Self {
            at: self.at.saturating_sub(earlier.at),
            gateway: self.gateway.saturating_sub(earlier.gateway),
            load: self.load.saturating_sub(earlier.load),
            machine: self.machine.saturating_sub(earlier.machine),
        }
    }
}
