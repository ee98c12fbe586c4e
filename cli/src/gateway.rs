//! `tollgate gateway`: runs a gateway from a file until it is told to stop.
//!
//! Reads the file, starts what it says, hands over to `run`; with a control plane, what that has published lies over the
//! file (`node`). Standard output is left to the access log.

use crate::{
    exit::{Exit, help},
    node::{self, Node},
    run, terminal,
};
use clap::Args;
use std::path::PathBuf;
use tollgate_gateway::{Program, Startup};

/// Runs a gateway from a configuration file
///
/// Says on standard error where it listens; access records go to standard output unless the file names another place.
/// SIGHUP reads the file again; a file with a mistake changes nothing. SIGTERM and SIGINT drain: no new connections, and
/// exchanges in progress may end within `timeouts.drain`. The second of them stops at once. SIGUSR2 restarts without a gap: the
/// program is started anew, takes the listening sockets over, and the old process drains.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate gateway --config gateway.yaml\n  tollgate gateway --config gateway.yaml > access.log\n  \
     tollgate gateway --config gateway.yaml --watch --last-good /var/lib/tollgate/last-good.json\n  \
     TOLLGATE_NODE_TOKEN=tgn_... tollgate gateway --config gateway.yaml --control-plane https://control.example.com \\\n    \
     --data /var/lib/tollgate\n\n"
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
    #[command(flatten)]
    node: node::Arguments,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let startup = match Startup::read(&arguments.config, arguments.last_good.as_deref()) {
        Ok(startup) => startup.watched(arguments.watch).restartable(Program::current()),
        Err(errors) => {
            terminal::note(&errors);
            return Exit::Refused;
        }
    };
    match Node::prepare(&arguments.node) {
        Ok(None) => run::as_service(startup, |_| ()),
        Ok(Some(node)) => run::as_service(node.laid_over(startup), |gateway| node.follow(gateway)),
        Err(error) => {
            terminal::note(format_args!("error: {error}"));
            Exit::Refused
        }
    }
}
