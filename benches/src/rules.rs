//! What rules that limit what is admitted cost a request: the same route without, with one and with five.

use crate::{
    compare::Rounds,
    peer::{Log, RuleSet, Tollgate},
    report,
    testbed::{self, Testbed},
};
use anyhow::Result;
use clap::Args;

/// Arguments of `rules`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    testbed: testbed::Options,
    #[command(flatten)]
    rounds: Rounds,
    /// Keep-alive connections of the load.
    #[arg(long, default_value_t = 64)]
    concurrency: u32,
}

/// Measures each in turn and prints a table.
///
/// # Errors
/// A program is missing, a gateway does not answer correctly, a request failed, or a signal came.
pub fn run(options: &Options) -> Result<()> {
    let testbed = Testbed::new(&options.testbed)?;
    let mut gateways = Vec::new();
    for rules in [RuleSet::None, RuleSet::One, RuleSet::Five] {
        let peer = Tollgate { binary: testbed.tollgate()?, layout: None, socket: None, log: Log::Plain, rules };
        gateways.push(testbed.start(&peer, false)?);
    }
    let samples = options.rounds.measure(&testbed, &mut gateways, &[options.concurrency])?;
    let tables = report::tables(&samples, &[options.concurrency], "tollgate");
    println!("\n{}; {}\n\n{tables}", testbed.conditions(), options.rounds.text());
    Ok(())
}
