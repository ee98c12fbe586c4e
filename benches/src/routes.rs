//! What routes cost a request: Tollgate with 100 routes and with 100,000, each asked for at random, beside nginx with 100.

use crate::{
    layout::Layout,
    peer::{Peer, Task, Tollgate},
    rounds::InTurn,
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
        let mut gateways = vec![start(testbed, &testbed.places().nginx()?, Layout::FEW, "nginx-100-routes")?];
        let tollgate = Tollgate::at(testbed.tollgate()?);
        for layout in [Layout::FEW, Layout::ONE_HOST, Layout::MANY_HOSTS] {
            gateways.push(start(testbed, &tollgate, layout, layout.name)?);
        }
        Ok(gateways)
    })
}

/// A gateway that is asked for routes of `layout`.
fn start(testbed: &Testbed, peer: &dyn Peer, layout: Layout, name: &'static str) -> Result<Gateway> {
    let mut gateway = testbed.start(peer, Task::Routes(layout))?;
    let script = gateway.setup.directory.join("routes.lua");
    fs::write(&script, layout.script())?;
    (gateway.name, gateway.script) = (name, Some(script));
    Ok(gateway)
}
