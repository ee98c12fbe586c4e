//! Measuring gateways in turn: rounds of interleaved runs, disturbed ones repeated.
//!
//! In a round every gateway is measured once, in an order that rotates from round to round; ratios are taken within a
//! round only, since absolute figures drift on any machine.

use crate::{
    interrupt,
    measure::{self, Sample},
    process::Program,
    report,
    testbed::{self, Gateway, Testbed},
    wrk,
};
use anyhow::{Context as _, Result, ensure};
use clap::Args;

/// Seconds of load before what is measured.
const WARM_UP_SECONDS: u32 = 1;

/// How often and how long gateways are measured in turn.
#[derive(Args, Clone, Debug)]
pub(crate) struct Rounds {
    /// Measured rounds.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: u32,
    /// Seconds of load per gateway, concurrency and round.
    #[arg(long, default_value_t = 4)]
    pub(crate) seconds: u32,
    #[command(flatten)]
    pub(crate) quiet: Quiet,
}

/// What is done about other work on the machine.
#[derive(Args, Clone, Debug)]
pub(crate) struct Quiet {
    /// A sample with more foreign CPU time than this, in percent of one CPU, is dirty and repeated.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    pub(crate) foreign_max: f64,
    /// How often a dirty sample is repeated before it is kept and marked.
    #[arg(long, value_name = "TIMES", default_value_t = 3)]
    pub(crate) repeats: u32,
    /// How many seconds to wait for other work on the machine to end before a sample.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) patience: u32,
}

impl Quiet {
    /// For who only wants to see that it works.
    pub(crate) const NEVER_MIND: Self = Self { foreign_max: f64::INFINITY, repeats: 0, patience: 0 };

    /// One sample, repeated while other work disturbs it. Without a clean one the least disturbed is kept.
    pub(crate) fn sample(&self, mut measure: impl FnMut() -> Result<Sample>) -> Result<Sample> {
        let mut best: Option<Sample> = None;
        for repeats in 0..=self.repeats {
            measure::wait_for_quiet(self.foreign_max, self.patience)?;
            let sample = measure()?;
            let dirty = sample.foreign_percent > self.foreign_max;
            if best.as_ref().is_none_or(|best| sample.foreign_percent < best.foreign_percent) {
                best = Some(Sample { repeats, dirty, ..sample });
            }
            if !dirty {
                break;
            }
        }
        best.context("a round without a sample")
    }
}

impl Rounds {
    /// What was measured and how it is shown.
    pub(crate) fn text(&self) -> String {
        format!("{} rounds of {} s, median (min..max)", self.rounds, self.seconds)
    }

    /// Measures every gateway in every round, in an order that rotates. No request may fail.
    pub(crate) fn measure(
        &self,
        testbed: &Testbed,
        gateways: &mut [Gateway],
        concurrencies: &[u32],
    ) -> Result<Vec<Sample>> {
        ensure!(self.rounds > 0 && self.seconds > 0, "at least one round of one second");
        Program::wrk()?;
        let mut samples = Vec::new();
        for round in 1..=self.rounds {
            for &concurrency in concurrencies {
                let mut these = Vec::new();
                for gateway in gateways.iter() {
                    interrupt::check()?;
                    let sample = self.quiet.sample(|| self.once(testbed, gateway, concurrency))?;
                    these.push(Sample { round, ..sample });
                }
                eprintln!("round {round} c={concurrency}: {}", report::line(&these));
                samples.extend(these);
            }
            gateways.rotate_left(1);
        }
        Ok(samples)
    }

    fn once(&self, testbed: &Testbed, gateway: &Gateway, concurrency: u32) -> Result<Sample> {
        let load = |seconds| {
            let outcome = wrk::run(testbed.directory(), testbed.load_cpu(), gateway, concurrency, seconds)?;
            outcome.flawless().with_context(|| gateway.name.to_owned())
        };
        load(WARM_UP_SECONDS)?;
        measure::sample(gateway, concurrency, || load(self.seconds))
    }
}

/// Arguments of what measures gateways of its own choice at one concurrency.
#[derive(Args, Clone, Debug)]
pub struct InTurn {
    #[command(flatten)]
    pub(crate) testbed: testbed::Options,
    #[command(flatten)]
    pub(crate) rounds: Rounds,
    /// Keep-alive connections of the load.
    #[arg(long, default_value_t = 64)]
    pub(crate) concurrency: u32,
}

impl InTurn {
    /// Measures what `start` starts and prints a table, with ratios to the gateway `base`.
    ///
    /// # Errors
    /// A program is missing, a gateway does not answer correctly, a request failed, or a signal came.
    pub(crate) fn run(&self, base: &str, start: impl FnOnce(&Testbed) -> Result<Vec<Gateway>>) -> Result<()> {
        let testbed = Testbed::new(&self.testbed)?;
        let mut gateways = start(&testbed)?;
        let samples = self.rounds.measure(&testbed, &mut gateways, &[self.concurrency])?;
        let tables = report::tables(&samples, &[self.concurrency], base);
        println!("\n{}; {}\n\n{tables}", testbed.conditions(), self.rounds.text());
        Ok(())
    }
}
