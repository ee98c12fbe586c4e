//! Whether the origin is fast enough to stand behind a gateway that is measured: its requests per CPU second over the
//! gateway's.
//!
//! Both get the same load on the same CPU in turn, the origin directly and the gateway with an origin behind it.

use crate::{
    peer::{Origin, Task, Tollgate},
    rounds::InTurn,
};
use anyhow::Result;

/// Measures each in turn and prints a table.
///
/// # Errors
/// A program is missing, one does not answer correctly, a request failed, or a signal came.
pub fn run(options: &InTurn) -> Result<()> {
    options.run("tollgate", |testbed| {
        let binary = testbed.tollgate()?;
        let gateway = Tollgate::at(binary.clone());
        Ok(vec![testbed.start(&gateway, Task::Proxy)?, testbed.start(&Origin { binary }, Task::Proxy)?])
    })
}
