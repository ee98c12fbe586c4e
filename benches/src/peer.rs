//! The gateways that are compared. Each is one file: its name, its configuration, its command.
//!
//! All of them proxy everything to one origin over keep-alive connections, on one thread, and are given what the field
//! recommends for that. Tollgate alone keeps its metrics and its access log on.

mod haproxy;
mod nginx;
mod origin;
mod tollgate;

pub(crate) use nginx::Nginx;
pub(crate) use origin::Origin;
pub(crate) use tollgate::{Log, RuleSet, Serve, Tollgate};

use crate::{process::Program, secure::Certificate};
use anyhow::{Result, ensure};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// What a gateway is configured for.
pub(crate) struct Setup<'a> {
    /// Where its files go.
    pub(crate) directory: &'a Path,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// A second address, for those with a status listener.
    pub(crate) status: SocketAddr,
    pub(crate) origin: SocketAddr,
    /// The CPU it will be pinned to.
    pub(crate) cpu: usize,
    /// Pass bodies on as they arrive instead of collecting them first, where that is a choice.
    pub(crate) streaming: bool,
    /// What to serve with in TLS 1.3; without it, plain HTTP.
    pub(crate) certificate: Option<&'a Certificate>,
}

/// Idle upstream connections each gateway may keep.
const UPSTREAM_IDLE_MAX: usize = 512;

/// Downstream connections each gateway must be able to hold.
const DOWNSTREAM_MAX: usize = 9_000;

/// A gateway that can be measured.
pub(crate) trait Peer {
    fn name(&self) -> &'static str;

    /// Whether all of its threads stay on the gateways' CPU; otherwise those that it does not pin itself may run anywhere.
    fn is_pinned(&self) -> bool {
        true
    }

    /// Writes its configuration and says how to start it in the foreground.
    fn prepare(&self, setup: &Setup<'_>) -> Result<Program>;
}

/// The gateways called `names`, in that order.
pub(crate) fn select(names: &[String], tollgate: &Path) -> Result<Vec<Box<dyn Peer>>> {
    let mut peers: Vec<Box<dyn Peer>> = Vec::new();
    for name in names {
        peers.push(match name.as_str() {
            "nginx" => Box::new(Nginx { program: Program::find("nginx")?, layout: None }),
            "haproxy" => Box::new(haproxy::Haproxy(Program::find("haproxy")?)),
            "tollgate" => ours(tollgate, Log::Plain)?,
            "tollgate-direct" => ours(tollgate, Log::Direct)?,
            "tollgate-silent" => ours(tollgate, Log::Off)?,
            _ => anyhow::bail!(
                "unknown gateway {name:?}: there are nginx, haproxy, tollgate, tollgate-direct and tollgate-silent"
            ),
        });
    }
    ensure!(!peers.is_empty(), "no gateway was chosen");
    Ok(peers)
}

fn ours(binary: &Path, log: Log) -> Result<Box<dyn Peer>> {
    Ok(Box::new(Tollgate { binary: executable(binary)?, layout: None, socket: None, log, rules: RuleSet::None }))
}

/// The path, if there is a file.
pub(crate) fn executable(path: &Path) -> Result<PathBuf> {
    ensure!(path.is_file(), "{} is missing; build it with\n    cargo build --release", path.display());
    Ok(path.to_owned())
}
