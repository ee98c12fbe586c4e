//! Runs by the thousand, each with a mix of its own: features, faults, mishaps and their rates, all drawn from its seed.
//!
//! ```text
//! seed -> Mix -> run (a gateway, the model around it, an operator) -> Tally | Breach -> shrink -> the command to replay it
//! ```
//!
//! `cargo run --release -p tollgate-sim -- swarm` runs as many as it can; a test runs the first 256. TLS and active health
//! checks have no part in it.

mod mix;
mod operator;
mod report;
mod run;
mod shrink;

pub use mix::{Kind, Mix, Trim};
pub use report::{Progress, explain};
pub use run::{Breach, Tally, attempt, run};
pub use shrink::{last_events, shrink};
