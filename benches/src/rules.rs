//! What rules that limit what is admitted cost a request: the same route without, with one and with five.

use crate::{
    peer::{RuleSet, Task, Tollgate},
    rounds::InTurn,
};
use anyhow::Result;

/// Measures each in turn and prints a table.
///
/// # Errors
/// A program is missing, a gateway does not answer correctly, a request failed, or a signal came.
pub fn run(options: &InTurn) -> Result<()> {
    options.run("tollgate", |testbed| {
        let binary = testbed.tollgate()?;
        let peer = |rules| Tollgate { rules, ..Tollgate::at(binary.clone()) };
        let peers = [RuleSet::None, RuleSet::One, RuleSet::Five].map(peer);
        peers.iter().map(|peer| testbed.start(peer, Task::Proxy)).collect()
    })
}
