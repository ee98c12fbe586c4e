//! The load generator itself: its CPU time per request beside wrk's, and how late it sends.
//!
//! Both load the same origin with the same number of keep-alive connections from the same CPU, in turns that change their
//! order from round to round; ratios are taken within a round. Then an open loop runs at half of the highest rate seen,
//! and the generator tells its own lateness. Its percentiles beside an independent recorder, and what a stall looks like,
//! are tests of `loadtest`.

use crate::{
    interrupt, machine,
    statistics::Spread,
    testbed::PATH,
    wrk::{self, Target},
};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use nix::sys::resource::{UsageWho, getrusage};
use std::time::Duration;
use tempfile::TempDir;
use tollgate_loadtest::{
    Origin, OriginConfig,
    load::{self, Arrivals, Mix, Plan, Recording, Request, Stop},
};

/// Arguments of `generator`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Options {
    /// Rounds; each measures both generators once.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 4)]
    seconds: u32,
    /// Keep-alive connections.
    #[arg(long, default_value_t = 64)]
    connections: u32,
}

/// One generator in one round.
#[derive(Clone, Copy, Debug)]
struct Sample {
    cpu_us: f64,
    per_second: f64,
}

struct Bench<'a> {
    options: &'a Options,
    origin: Origin,
    load_cpu: usize,
    directory: TempDir,
}

/// Measures in rounds and prints ratios and lateness.
///
/// # Errors
/// There is one CPU only, wrk is missing, a request failed, or a signal came.
pub fn run(options: &Options) -> Result<()> {
    let cpus = machine::allowed_cpus()?;
    let &[origin_cpu, load_cpu, ..] = cpus.as_slice() else {
        anyhow::bail!("two CPUs are needed: one for the origin, one for the generators");
    };
    let origin = Origin::start(OriginConfig { cpu: Some(origin_cpu), ..OriginConfig::default() })?;
    let directory = TempDir::with_prefix("tollgate-benches-")?;
    let bench = Bench { options, origin, load_cpu, directory };
    println!(
        "{} connections, {} rounds of {} s, origin on CPU {origin_cpu}, generator on CPU {load_cpu}",
        options.connections, options.rounds, options.seconds
    );
    let rates = bench.compare()?;
    let half = rates.iter().copied().fold(0.0, f64::max) / 2.0;
    for arrivals in [Arrivals::Fixed { rate: half }, Arrivals::Poisson { rate: half }] {
        bench.lateness(&arrivals)?;
    }
    Ok(())
}

impl Bench<'_> {
    /// Our rates of all rounds.
    fn compare(&self) -> Result<Vec<f64>> {
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        for round in 0..self.options.rounds {
            interrupt::check()?;
            if round % 2 == 0 {
                ours.push(self.ours()?);
                others.push(self.wrk()?);
            } else {
                others.push(self.wrk()?);
                ours.push(self.ours()?);
            }
        }
        let show = |name: &str, samples: &[Sample]| -> Result<()> {
            let cpu = Spread::of(samples.iter().map(|sample| sample.cpu_us)).context("no round")?;
            let rate = Spread::of(samples.iter().map(|sample| sample.per_second)).context("no round")?;
            println!("{name:>14}: CPU {} us per request, {} requests per second", cpu.text(2), rate.text(0));
            Ok(())
        };
        show("tollgate load", &ours)?;
        show("wrk", &others)?;
        let ratios = ours.iter().zip(&others).map(|(ours, other)| ours.cpu_us / other.cpu_us);
        println!("{:>14}: {}", "ratio", Spread::of(ratios).context("no round")?.text(3));
        Ok(ours.iter().map(|sample| sample.per_second).collect())
    }

    fn plan(&self) -> Result<Plan> {
        let (mut target, path) = load::Target::parse(&format!("http://{}{PATH}", self.origin.address()))?;
        target.resolve()?;
        let mut plan = Plan::new(target, Mix::one(Request::new("GET", &path)));
        plan.connections = self.options.connections as usize;
        plan.workers = Some(vec![self.load_cpu]);
        plan.duration = Duration::from_secs(self.options.seconds.into());
        plan.warmup = Duration::from_millis(500);
        Ok(plan)
    }

    fn load(plan: &Plan) -> Result<Recording> {
        let recording = load::run(plan, &|_| {}, &Stop::default())?;
        ensure!(recording.error_count() == 0, "requests failed: {:?}", recording.errors);
        ensure!(recording.completed > 0, "not one request completed");
        Ok(recording)
    }

    fn ours(&self) -> Result<Sample> {
        let recording = Self::load(&self.plan()?)?;
        let cpu_us = recording.cpu.as_secs_f64() * 1e6 / recording.completed as f64;
        Ok(Sample { cpu_us, per_second: recording.requests_per_second() })
    }

    fn wrk(&self) -> Result<Sample> {
        let before = children_cpu_us()?;
        let target = Target { url: format!("http://{}{PATH}", self.origin.address()), script: None, field: None };
        let Options { connections, seconds, .. } = *self.options;
        let outcome = wrk::ask(self.directory.path(), self.load_cpu, &target, connections, seconds)?;
        let cpu_us = (children_cpu_us()? - before) / outcome.requests as f64;
        Ok(Sample { cpu_us, per_second: outcome.per_second })
    }

    fn lateness(&self, arrivals: &Arrivals) -> Result<()> {
        let plan = Plan { arrivals: arrivals.clone(), ..self.plan()? };
        let recording = Self::load(&plan)?;
        let of = |share| recording.slip.quantile(share).as_nanos() as f64 / 1e3;
        println!(
            "{arrivals:?}: slip p50 {:.1} us, p99 {:.1} us, p99.9 {:.1} us, longest {:.1} us; busy {:.0} %, waiting {:.0} %; {}",
            of(0.5),
            of(0.99),
            of(0.999),
            of(1.0),
            recording.busy() * 100.0,
            recording.spun.as_secs_f64() / recording.elapsed.as_secs_f64() * 100.0,
            load::limit(&recording, &plan).unwrap_or_else(|| "the generator was not the limit".to_owned())
        );
        Ok(())
    }
}

/// CPU time of all children that have ended, in microseconds.
fn children_cpu_us() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let times = [usage.user_time(), usage.system_time()];
    Ok(times.iter().map(|time| time.tv_sec() as f64 * 1e6 + time.tv_usec() as f64).sum())
}
