//! `tollgate gateway`: runs a gateway from a file until it is told to stop.
//!
//! Reads the file, starts what it says, hands over to `run`. Standard output is left to the access log.

use crate::{
    exit::{Exit, help},
    run, terminal,
};
use clap::Args;
use std::path::PathBuf;
use tollgate_gateway::NodeSource;
use tollgate_model::load;

/// Runs a gateway from a configuration file
///
/// Says on standard error where it listens; access records go to standard output unless the file names another place.
/// SIGTERM and SIGINT drain: no new connections, and exchanges in progress may end within `timeouts.drain`. The second
/// of them stops at once.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate gateway --config gateway.yaml\n  tollgate gateway --config gateway.yaml > access.log\n\n"
))]
pub(crate) struct Arguments {
    /// The configuration, as YAML or JSON
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    match load(&arguments.config, &NodeSource) {
        Ok(snapshot) => run::until_stopped(snapshot, |_| ()),
        Err(errors) => {
            terminal::note(&errors);
            Exit::Refused
        }
    }
}
