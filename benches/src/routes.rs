//! What very many routes cost a request: Tollgate with 100 routes and with 100,000, each asked for at random.

use crate::{
    compare::Rounds,
    layout::Layout,
    peer::{Log, Tollgate},
    report,
    testbed::{self, Gateway, Testbed},
};
use anyhow::Result;
use clap::Args;
use std::fs;

/// Arguments of `routes`.
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

/// Measures each layout in turn and prints a table.
///
/// # Errors
/// A program is missing, a gateway does not answer correctly, a request failed, or a signal came.
pub fn run(options: &Options) -> Result<()> {
    let testbed = Testbed::new(&options.testbed)?;
    let layouts = [Layout::FEW, Layout::ONE_HOST, Layout::MANY_HOSTS];
    let mut gateways: Vec<Gateway> = Vec::new();
    for layout in layouts {
        let peer = Tollgate { binary: testbed.tollgate()?, layout: Some(layout), socket: None, log: Log::Plain };
        let script = testbed.directory().join(format!("{}.lua", layout.routes()));
        fs::write(&script, layout.script())?;
        let mut gateway = testbed.start(&peer, false)?;
        gateway.script = Some(script);
        gateways.push(gateway);
    }
    let samples = options.rounds.measure(&testbed, &mut gateways, &[options.concurrency])?;
    let tables = report::tables(&samples, &[options.concurrency], Layout::FEW.name);
    println!("\n{}; {}\n\n{tables}", testbed.conditions(), options.rounds.text());
    Ok(())
}
