//! Tollgate: one worker, its metrics on and its access log written to a file.
//!
//! In three forms, to see what the access log costs: by the plain writer, by the direct one, and without a log.

use super::{Peer, Setup, UPSTREAM_IDLE_MAX};
use crate::{layout::Layout, process::Program};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The binary, and what it routes.
pub(crate) struct Tollgate {
    pub(crate) binary: PathBuf,
    /// `None` for one route that takes everything.
    pub(crate) layout: Option<Layout>,
    /// A free path for the status socket, if configuration is to be changed.
    pub(crate) socket: Option<PathBuf>,
    pub(crate) log: Log,
    pub(crate) rules: RuleSet,
}

/// Rules that limit what is admitted on the route that takes everything; nothing is refused by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuleSet {
    None,
    /// A bucket for each client.
    One,
    /// Two buckets, a quota, requests in flight, and a shadow that refuses nearly all.
    Five,
}

impl RuleSet {
    const FIVE: [&'static str; 3] = [
        "throttle: [ { name: per-client, key: client_ip, limit: 10000000, per: second }, \
         { name: per-tenant, key: [route, 'header:X-Tenant'], limit: 1000000000, per: hour }, \
         { name: tight, key: node, limit: 10, per: second, shadow: true } ]",
        "quota: [ { name: monthly, key: 'header:X-Tenant', limit: 100000000000, per: month, time_zone: Europe/Berlin } ]",
        "concurrency: [ { name: at-once, key: client_ip, limit: 100000 } ]",
    ];

    /// What stands behind the route's upstream.
    fn policies(self) -> String {
        match self {
            Self::None => String::new(),
            Self::One => {
                ", policies: { throttle: [ { name: per-client, key: client_ip, limit: 10000000, per: second } ] }"
                    .to_owned()
            }
            Self::Five => format!(", policies: {{ {} }}", Self::FIVE.join(", ")),
        }
    }
}

/// What becomes of access records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    Plain,
    Direct,
    Off,
}

impl Log {
    /// The value of `access_log`. Rotated so often that a run closes some.
    fn value(self, directory: &Path) -> String {
        let file =
            format!("path: {}/access.log, rotate: {{ size: 128MiB }}, keep: {{ files: 1 }}", directory.display());
        match self {
            Self::Plain => format!("{{ {file} }}"),
            Self::Direct => format!("{{ {file}, writer: direct }}"),
            Self::Off => "off".to_owned(),
        }
    }
}

impl Peer for Tollgate {
    fn name(&self) -> &'static str {
        let by_log = match self.log {
            Log::Plain => "tollgate",
            Log::Direct => "tollgate-direct",
            Log::Off => "tollgate-silent",
        };
        match self.rules {
            RuleSet::None => self.layout.map_or(by_log, |layout| layout.name),
            RuleSet::One => "1-rule",
            RuleSet::Five => "5-rules",
        }
    }

    fn is_pinned(&self) -> bool {
        self.socket.is_none()
    }

    fn prepare(&self, setup: &Setup<'_>) -> Result<Program> {
        let path = setup.directory.join("tollgate.yaml");
        fs::write(&path, self.configuration(setup))?;
        Ok(Program::at(self.binary.clone()).args(["gateway".into(), "--config".into(), path]))
    }
}

/// The same with a control plane in its process, whose address it prints.
pub(crate) struct Serve {
    pub(crate) name: &'static str,
    /// What its file says.
    pub(crate) gateway: Tollgate,
    /// Whether the threads of the control plane stay on the gateways' CPU, too.
    pub(crate) is_pinned: bool,
}

impl Peer for Serve {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_pinned(&self) -> bool {
        self.is_pinned
    }

    fn prepare(&self, setup: &Setup<'_>) -> Result<Program> {
        let (config, data) = (setup.directory.join("tollgate.yaml"), setup.directory.join("data"));
        fs::write(&config, self.gateway.configuration(setup))?;
        let arguments = ["serve".into(), "--config".into(), config, "--data".into(), data];
        Ok(Program::at(self.gateway.binary.clone()).args(arguments).args(["--admin", "127.0.0.1:0"]))
    }
}

impl Tollgate {
    fn configuration(&self, setup: &Setup<'_>) -> String {
        let Setup { directory, listen, status, origin, cpu, .. } = setup;
        let tls = setup.certificate.map_or_else(String::new, |certificate| {
            let (chain, key) = (certificate.chain.display(), certificate.key.display());
            format!(", tls: {{ min_version: 1.3, certificates: [ {{ cert_file: {chain}, key_file: {key} }} ] }}")
        });
        let socket = self.socket.as_ref().map(|path| format!(", socket: {}", path.display())).unwrap_or_default();
        let routes = self.layout.map_or_else(|| "[]".to_owned(), Layout::items);
        let routes = routes.trim_end_matches(']');
        let comma = if routes == "[" { "" } else { "," };
        format!(
            "\
version: 1
workers: [{cpu}]
status: {{ bind: {status}{socket} }}
access_log: {log}
listeners:
  - {{ name: public, bind: {listen}{tls} }}
upstreams:
  - name: origin
    endpoints: [ {{ address: {origin} }} ]
    connections: {{ idle_max: {UPSTREAM_IDLE_MAX} }}
routes: {routes}{comma}
  {{ name: all, match: {{ path: \"/{{rest*}}\" }}, upstream: origin{policies} }} ]
",
            log = self.log.value(directory),
            policies = self.rules.policies(),
        )
    }
}
