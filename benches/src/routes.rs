//! What routes cost a request: Tollgate with 100 routes and with 100,000, each asked for at random, beside nginx with 100.

use crate::{
    compare::Rounds,
    layout::Layout,
    peer::{Log, Nginx, Peer, RuleSet, Tollgate},
    process::Program,
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
    let nginx = Nginx { program: Program::find("nginx")?, layout: Some(Layout::FEW) };
    let mut gateways = vec![start(&testbed, &nginx, Layout::FEW)?];
    for layout in [Layout::FEW, Layout::ONE_HOST, Layout::MANY_HOSTS] {
        let peer = Tollgate {
            binary: testbed.tollgate()?,
            layout: Some(layout),
            socket: None,
            log: Log::Plain,
            rules: RuleSet::None,
        };
        gateways.push(start(&testbed, &peer, layout)?);
    }
    let samples = options.rounds.measure(&testbed, &mut gateways, &[options.concurrency])?;
    let tables = report::tables(&samples, &[options.concurrency], Layout::FEW.name);
    println!("\n{}; {}\n\n{tables}", testbed.conditions(), options.rounds.text());
    Ok(())
}

/// A gateway that is asked for routes of `layout`.
fn start(testbed: &Testbed, peer: &dyn Peer, layout: Layout) -> Result<Gateway> {
    let script = testbed.directory().join(format!("{}.lua", peer.name()));
    fs::write(&script, layout.script())?;
    let mut gateway = testbed.start(peer, false)?;
    gateway.script = Some(script);
    Ok(gateway)
}
