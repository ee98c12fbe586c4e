//! What routes cost a request: Tollgate with 100 routes and with 100,000, each asked for at random, beside nginx with 100.

use crate::{
    compare::InTurn,
    layout::Layout,
    peer::{Log, Nginx, Peer, RuleSet, Tollgate},
    process::Program,
    testbed::{Gateway, Testbed},
};
use anyhow::Result;
use std::fs;

/// Measures each layout in turn and prints a table.
///
/// # Errors
/// A program is missing, a gateway does not answer correctly, a request failed, or a signal came.
pub fn run(options: &InTurn) -> Result<()> {
    options.run(Layout::FEW.name, |testbed| {
        let nginx = Nginx { program: Program::find("nginx")?, layout: Some(Layout::FEW) };
        let mut gateways = vec![start(testbed, &nginx, Layout::FEW)?];
        for layout in [Layout::FEW, Layout::ONE_HOST, Layout::MANY_HOSTS] {
            let peer = Tollgate {
                binary: testbed.tollgate()?,
                layout: Some(layout),
                socket: None,
                log: Log::Plain,
                rules: RuleSet::None,
            };
            gateways.push(start(testbed, &peer, layout)?);
        }
        Ok(gateways)
    })
}

/// A gateway that is asked for routes of `layout`.
fn start(testbed: &Testbed, peer: &dyn Peer, layout: Layout) -> Result<Gateway> {
    let script = testbed.directory().join(format!("{}.lua", peer.name()));
    fs::write(&script, layout.script())?;
    let mut gateway = testbed.start(peer, false)?;
    gateway.script = Some(script);
    Ok(gateway)
}
