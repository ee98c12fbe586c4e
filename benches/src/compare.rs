//! The comparison: rounds of interleaved runs, dirty ones repeated, a table per concurrency.
//!
//! In a round every gateway is measured once, in an order that rotates from round to round; ratios are taken within a
//! round only, since absolute figures drift on any machine.

use crate::{
    interrupt,
    measure::{self, Sample},
    process::Program,
    report,
    testbed::{self, Gateway, Testbed},
};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use std::{fs, path::PathBuf};

/// Arguments of `compare`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    testbed: testbed::Options,
    #[command(flatten)]
    rounds: Rounds,
    /// Keep-alive connections of the load.
    #[arg(long, value_delimiter = ',', default_value = "1,64,256")]
    concurrency: Vec<u32>,
    /// Also writes the tables to FILE.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Also writes every sample to FILE, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// How often and how long gateways are measured in turn.
#[derive(Args, Clone, Debug)]
pub(crate) struct Rounds {
    /// Measured rounds.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: u32,
    /// Seconds of load per gateway, concurrency and round.
    #[arg(long, default_value_t = 4)]
    pub(crate) seconds: u32,
    /// A round with more foreign CPU time than this, in percent of one CPU, is dirty and repeated.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    foreign_max: f64,
    /// How often a dirty round is repeated before it is kept and marked.
    #[arg(long, value_name = "TIMES", default_value_t = 3)]
    repeats: u32,
    /// How many seconds to wait for other work on the machine to end before a round.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    patience: u32,
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

/// Runs the comparison and prints its tables.
///
/// # Errors
/// A program is missing, a gateway does not answer correctly, a request failed, or a signal came.
pub fn run(options: &Options) -> Result<()> {
    ensure!(options.concurrency.iter().all(|&connections| connections > 0), "at least one connection");
    let testbed = Testbed::new(&options.testbed)?;
    let mut gateways = testbed.peers().map(|peer| testbed.start(peer, false)).collect::<Result<Vec<Gateway>>>()?;
    let samples = options.rounds.measure(&testbed, &mut gateways, &options.concurrency)?;
    let tables = report::tables(&samples, &options.concurrency, "nginx");
    let tables = format!("{}; {}\n\n{tables}", testbed.conditions(), options.rounds.text());
    println!("\n{tables}");
    if let Some(path) = &options.markdown {
        fs::write(path, &tables).with_context(|| format!("writing {}", path.display()))?;
    }
    if let Some(path) = &options.json {
        fs::write(path, report::lines(&samples)?).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

impl Rounds {
    /// What was measured and how it is shown.
    pub(crate) fn text(&self) -> String {
        format!("{} rounds of {} s, median (min..max)", self.rounds, self.seconds)
    }

    /// Measures every gateway in every round, in an order that rotates.
    pub(crate) fn measure(
        &self,
        testbed: &Testbed,
        gateways: &mut [Gateway],
        concurrencies: &[u32],
    ) -> Result<Vec<Sample>> {
        ensure!(self.rounds > 0 && self.seconds > 0, "at least one round of one second");
        Program::find("wrk")?;
        let mut samples = Vec::new();
        for round in 1..=self.rounds {
            for &concurrency in concurrencies {
                samples.extend(self.clean(testbed, gateways, round, concurrency)?);
            }
            gateways.rotate_left(1);
        }
        Ok(samples)
    }

    /// One sample of every gateway, repeated while other work on the machine disturbs it. Without a clean one the least
    /// disturbed is kept.
    fn clean(&self, testbed: &Testbed, gateways: &[Gateway], round: u32, concurrency: u32) -> Result<Vec<Sample>> {
        let mut best: Option<Vec<Sample>> = None;
        for repeats in 0..=self.repeats {
            measure::wait_for_quiet(self.foreign_max, self.patience)?;
            let mut samples = Vec::new();
            for gateway in gateways {
                interrupt::check()?;
                let sample = measure::sample(testbed, gateway, concurrency, self.seconds)?;
                samples.push(Sample { round, repeats, dirty: sample.foreign_percent > self.foreign_max, ..sample });
            }
            let dirty = samples.iter().any(|sample| sample.dirty);
            let verdict = if dirty { "dirty" } else { "clean" };
            eprintln!("round {round} c={concurrency} {verdict}: {}", report::line(&samples));
            if best.as_deref().is_none_or(|best| disturbance(&samples) < disturbance(best)) {
                best = Some(samples);
            }
            if !dirty {
                break;
            }
        }
        best.context("a round without a sample")
    }
}

/// The worst foreign CPU time of a round, in percent of one CPU.
fn disturbance(samples: &[Sample]) -> f64 {
    samples.iter().map(|sample| sample.foreign_percent).fold(0.0, f64::max)
}
