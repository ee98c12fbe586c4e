//! One gateway, one concurrency, one run of wrk: what it cost and what came of it.
//!
//! Called by `compare` for every sample. CPU times are read before and after the run, not during it, and cover all
//! processes of the gateway. Whether a sample is too disturbed to count is the caller's decision.

use crate::{
    interrupt, machine,
    testbed::{Gateway, Testbed},
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
    /// CPU time of everything on the machine that is no part of the comparison, in percent of one CPU.
    pub(crate) foreign_percent: f64,
}

/// Warms `gateway` up, then measures it for `seconds`.
pub(crate) fn sample(testbed: &Testbed, gateway: &Gateway, concurrency: u32, seconds: u32) -> Result<Sample> {
    let load = |seconds| {
        let (directory, cpu) = (testbed.directory(), testbed.load_cpu());
        wrk::run(directory, cpu, gateway, concurrency, seconds)
    };
    load(WARM_UP_SECONDS)?;
    let before = Reading::now(gateway)?;
    let outcome = load(seconds)?;
    let spent = Reading::now(gateway)?.since(&before);
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
        foreign_percent: percent(spent.foreign.as_secs_f64()),
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
