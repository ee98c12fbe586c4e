//! `tollgate control`: the control plane alone.

use crate::{
    exit::{Exit, help},
    run::not_started,
    terminal,
};
use clap::Args;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{net::SocketAddr, path::PathBuf};
use tollgate_server::{ControlPlane, Options, ServerError};

/// Where the admin API listens if nobody says otherwise.
const BIND: &str = "127.0.0.1:8090";

/// Runs the control plane without a gateway
///
/// The data directory is made if it is not there. The first start prints a setup token for `tollgate login --setup`.
#[derive(Args)]
#[command(after_long_help = help!("Examples:\n  tollgate control --data /var/lib/tollgate\n\n"))]
pub(crate) struct Arguments {
    #[command(flatten)]
    plane: Plane,
}

/// What a control plane is started with, alone or beside a gateway.
#[derive(Args)]
pub(crate) struct Plane {
    /// Where the store is
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where the admin API listens
    #[arg(long, value_name = "ADDRESS", default_value = BIND)]
    admin: SocketAddr,
    /// The issuer of tokens: the URL under which clients find the token endpoint
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Templates of the console's pages, in the place of those that are built in
    #[arg(long, value_name = "DIR")]
    console_templates: Option<PathBuf>,
}

impl Plane {
    pub(crate) fn start(&self) -> Result<ControlPlane, ServerError> {
        let Self { data, admin, issuer, console_templates } = self;
        let (issuer, templates) = (issuer.as_deref(), console_templates.as_deref());
        ControlPlane::start(&Options { data, bind: *admin, issuer, templates })
    }
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    // Before the control plane, so that a signal that comes early is not lost.
    let signals = Signals::new([SIGTERM, SIGINT]);
    match (signals, arguments.plane.start()) {
        (Ok(mut signals), Ok(control)) => {
            if let Err(error) = control.follow(None) {
                return not_started(&error);
            }
            announce(&control);
            let _ = signals.forever().next();
            Exit::Done
        }
        (Err(error), _) => not_started(&error),
        (_, Err(error)) => not_started(&error),
    }
}

/// Says where the admin API is, and how the first one gets in.
pub(crate) fn announce(control: &ControlPlane) {
    let address = control.address();
    terminal::note(format_args!("admin API on {address}"));
    terminal::note(format_args!("console on http://{address}/console"));
    if let Some(token) = control.setup_token() {
        terminal::note(format_args!("setup token {token}"));
        terminal::note(format_args!(
            "nobody can sign in yet: http://{address}/console/setup asks for it, and so does\n\
             `tollgate login --url http://{address} --setup --tenant NAME --member NAME`"
        ));
    }
}
