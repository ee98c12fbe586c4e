//! `tollgate gateway`: runs a gateway from a file until it is told to stop.
//!
//! Reads the file, starts what it says, hands over to `run`. Standard output is left to the access log.

use crate::{
    exit::{Exit, help},
    run, terminal,
};
use clap::Args;
use std::path::PathBuf;
use tollgate_gateway::Startup;

/// Runs a gateway from a configuration file
///
/// Says on standard error where it listens; access records go to standard output unless the file names another place.
/// SIGHUP reads the file again; a file with a mistake changes nothing. SIGTERM and SIGINT drain: no new connections, and
/// exchanges in progress may end within `timeouts.drain`. The second of them stops at once.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate gateway --config gateway.yaml\n  tollgate gateway --config gateway.yaml > access.log\n  \
     tollgate gateway --config gateway.yaml --watch --last-good /var/lib/tollgate/last-good.json\n\n"
))]
pub(crate) struct Arguments {
    /// The configuration, as YAML or JSON
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Read FILE again when it, a file it includes or a certificate changes
    #[arg(long)]
    watch: bool,
    /// Keep the last configuration that all workers took in FILE, and start from it when that of `--config` is no good
    #[arg(long, value_name = "FILE")]
    last_good: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    match Startup::read(&arguments.config, arguments.last_good.as_deref()) {
        Ok(startup) => run::until_stopped(startup.watched(arguments.watch), |_| ()),
        Err(errors) => {
            terminal::note(&errors);
            Exit::Refused
        }
    }
}
