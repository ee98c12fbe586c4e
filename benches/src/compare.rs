//! The comparison by number of connections: answers of 1 KiB, rounds of interleaved runs, a table per concurrency.
//!
//! The quick look while the data plane changes; `scenarios` compares all gateways in everything.

use crate::{
    peer::Task,
    report,
    rounds::Rounds,
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

/// Runs the comparison and prints its tables.
///
/// # Errors
/// A program is missing, a gateway does not answer correctly, a request failed, or a signal came.
pub fn run(options: &Options) -> Result<()> {
    ensure!(options.concurrency.iter().all(|&connections| connections > 0), "at least one connection");
    let testbed = Testbed::new(&options.testbed)?;
    let mut gateways =
        testbed.peers().map(|peer| testbed.start(peer, Task::Proxy)).collect::<Result<Vec<Gateway>>>()?;
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
