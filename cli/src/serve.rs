//! `tollgate serve`: both planes in one process, a gateway from a file and what is published over it.
//!
//! The file says what the node is (listeners, status, limits); the control plane adds what its tenants publish, and keeps
//! adding it while both run.

use crate::{
    control::{Plane, announce},
    exit::{Exit, help},
    run::{self, not_started},
    terminal,
};
use clap::Args;
use std::{path::PathBuf, sync::Arc};
use tollgate_gateway::{Gateway, Startup};
use tollgate_server::ControlPlane;

/// Runs the gateway and the control plane together
///
/// The configuration file says what the node is, the data directory holds what is managed; it is made if it is not there. The
/// first start prints a setup token for `tollgate login --setup`. Signals mean what they mean to `tollgate gateway`.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate serve --config gateway.yaml --data /var/lib/tollgate\n  \
     tollgate serve --config gateway.yaml --data ./data --admin 127.0.0.1:0\n\n"
))]
pub(crate) struct Arguments {
    /// The configuration of the node, as YAML or JSON
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    plane: Plane,
    /// Read FILE again when it, a file it includes or a certificate changes
    #[arg(long)]
    watch: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let startup = match Startup::read(&arguments.config, None) {
        Ok(startup) => startup.watched(arguments.watch),
        Err(errors) => {
            terminal::note(&errors);
            return Exit::Refused;
        }
    };
    let control = match arguments.plane.start() {
        Ok(control) => control,
        Err(error) => return not_started(&error),
    };
    let startup = with(startup, &control);
    run::as_service(startup, |gateway| {
        follow(&control, gateway);
        announce(&control);
    })
}

/// What a gateway is started with, and what is published over it.
pub(crate) fn with(startup: Startup, control: &ControlPlane) -> Startup {
    control.lend_to(startup).laid_over(control.overlay()).unwrap_or_else(|refused| {
        let (startup, error) = *refused;
        terminal::note(format_args!(
            "error: what is published does not run with the file, and is not served:\n{error}"
        ));
        control.disown();
        startup
    })
}

/// Has every change reach the gateway.
pub(crate) fn follow(control: &ControlPlane, gateway: &Arc<Gateway>) {
    if let Err(error) = control.follow(Some(gateway.clone())) {
        terminal::note(format_args!("error: changes do not reach the gateway: {error}"));
    }
}
