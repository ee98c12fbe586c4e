//! `tollgate demo`: both planes in front of two built-in origins, with something to manage, and requests to try.
//!
//! ```text
//! origins, gateway.yaml, ControlPlane -> tenant: through the admin API -> the gateway, as `serve` starts it -> invitation
//! ```
//!
//! Real sockets and the same start as `serve`. Loopback only. Everything is in one folder, a temporary one unless it is named.

mod invitation;
mod tenant;

use crate::{
    exit::{Exit, help},
    run, serve, terminal,
};
use clap::Args;
use invitation::Places;
use std::{
    error::Error,
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;
use tenant::Tenant;
use tollgate_gateway::{Gateway, Startup};
use tollgate_loadtest::{Origin, OriginConfig};
use tollgate_server::{ControlPlane, Options};

/// Runs both planes in front of two built-in origins and prints requests to try
///
/// Two APIs are published, and an application has a key and a plan for them. Everything is on 127.0.0.1, and in a temporary
/// folder unless --data names one. The gateway's access records go to standard output. Ctrl-C stops it.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate demo\n  tollgate demo --port 18080 --data ./demo\n\n"
))]
pub(crate) struct Arguments {
    /// The port the gateway listens on; 0 takes a free one, for the admin API and the status, too
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Where everything is kept: a folder that is empty or not there. Left out: a temporary one, which goes in the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// The ports of the admin API and of the node's status, if they are free.
const ADMIN_PORT: u16 = 8090;
const STATUS_PORT: u16 = 9901;

/// A demo that is prepared. What is first ends first.
struct Demo {
    control: ControlPlane,
    tenant: Tenant,
    _origins: [Origin; 2],
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    match prepare(arguments) {
        Ok((demo, startup)) => run::until_stopped(startup, |gateway| demo.invite(gateway)),
        Err(error) => run::not_started(error.as_ref()),
    }
}

/// Starts the origins and the control plane, and has the tenant made, before the gateway listens.
fn prepare(arguments: &Arguments) -> Result<(Demo, Startup), Box<dyn Error>> {
    let port = arguments.port;
    free(port).map_err(|error| format!("port {port}: {error}; choose another with `--port PORT`"))?;
    let (folder, temporary) = folder(arguments.data.as_deref())?;
    let origins = [start("origin-1")?, start("origin-2")?];
    let file = folder.join("gateway.yaml");
    fs::write(&file, config(port, or_free(port, STATUS_PORT, "the status")))?;
    let startup = Startup::read(&file, None).map_err(|errors| errors.to_string())?;
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, or_free(port, ADMIN_PORT, "the admin API")));
    let options = Options { data: &folder.join("data"), bind, issuer: None, templates: None };
    let control = ControlPlane::start(&options)?;
    let setup = control.setup_token().ok_or("the store of a demo has somebody already")?;
    let url = format!("http://{}", control.address());
    let tenant = tenant::make(&url, setup, origins.each_ref().map(Origin::address), &folder);
    let tenant = tenant.map_err(|failure| failure.to_string())?;
    let startup = serve::with(startup, &control);
    Ok((Demo { control, tenant, _origins: origins, folder, _temporary: temporary }, startup))
}

/// The folder that everything is in, and what removes it.
fn folder(named: Option<&Path>) -> io::Result<(PathBuf, Option<TempDir>)> {
    let Some(path) = named else {
        let made = tempfile::Builder::new().prefix("tollgate-demo-").tempdir()?;
        return Ok((made.path().to_owned(), Some(made)));
    };
    fs::create_dir_all(path)?;
    let path = fs::canonicalize(path)?;
    if fs::read_dir(&path)?.next().is_some() {
        let what = format!("{} is not empty: a demo begins anew, name a folder for it with `--data`", path.display());
        return Err(io::Error::other(what));
    }
    Ok((path, None))
}

/// Whether somebody could listen on `port` now.
fn free(port: u16) -> io::Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop)
}

/// `wanted` if it is free, or else any. Who asks for any free port runs several demos at once; they would race for this one.
fn or_free(asked: u16, wanted: u16, whose: &str) -> u16 {
    if asked == 0 {
        return 0;
    }
    if free(wanted).is_err() {
        terminal::note(format_args!("port {wanted} is taken: {whose} goes to a free one"));
        return 0;
    }
    wanted
}

fn start(name: &str) -> io::Result<Origin> {
    Origin::start(OriginConfig { name: name.to_owned(), ..OriginConfig::default() })
}

fn config(port: u16, status_port: u16) -> String {
    format!(
        "version: 1
status: {{ bind: 127.0.0.1:{status_port} }}
listeners:
  - {{ name: demo, bind: 127.0.0.1:{port} }}
"
    )
}

impl Demo {
    /// Says what is running and what to try.
    fn invite(&self, gateway: &Arc<Gateway>) {
        serve::follow(&self.control, gateway);
        let Some((_, address)) = gateway.listeners().into_iter().next() else {
            return;
        };
        let places = Places {
            gateway: address,
            admin: self.control.address(),
            status: gateway.status_address(),
            folder: &self.folder,
        };
        terminal::note(invitation::text(&places, &self.tenant));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(port: u16, data: Option<PathBuf>) -> String {
        prepare(&Arguments { port, data }).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_taken_port_is_told_with_its_remedy() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let error = prepared(taken.local_addr().unwrap().port(), None);
        assert!(error.contains("--port"), "{error}");
    }

    #[test]
    fn a_folder_that_has_something_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("precious"), "").unwrap();
        let error = prepared(0, Some(folder.path().to_owned()));
        assert!(error.contains("--data"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
