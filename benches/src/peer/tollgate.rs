//! Tollgate: one worker, its metrics on and its access log written to a file.
//!
//! In three forms, to see what the access log costs: by the plain writer, by the direct one, and without a log. A change of its
//! configuration is a PATCH of one item over its status socket.

use super::{GENERATION, KEY_FIELD, KEY_SHA256, Peer, Setup, THROTTLE_PER_SECOND, Task, UPSTREAM_IDLE_MAX};
use crate::{change, layout::Layout, process::Program};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// The binary, and what is special about it.
pub(crate) struct Tollgate {
    pub(crate) binary: PathBuf,
    /// Whether the threads that are no workers stay on the gateways' CPU, too.
    pub(crate) is_pinned: bool,
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

    /// What stands in the route's policies.
    fn policies(self) -> String {
        match self {
            Self::None => String::new(),
            Self::One => "throttle: [ { name: per-client, key: client_ip, limit: 10000000, per: second } ]".to_owned(),
            Self::Five => Self::FIVE.join(", "),
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
        match (self.rules, self.log) {
            (RuleSet::One, _) => "1-rule",
            (RuleSet::Five, _) => "5-rules",
            (RuleSet::None, Log::Plain) => "tollgate",
            (RuleSet::None, Log::Direct) => "tollgate-direct",
            (RuleSet::None, Log::Off) => "tollgate-silent",
        }
    }

    fn is_pinned(&self) -> bool {
        self.is_pinned
    }

    fn prepare(&self, setup: &Setup) -> Result<Program> {
        let path = setup.write("tollgate.yaml", &self.configuration(setup))?;
        Ok(Program::at(self.binary.clone()).args(["gateway".into(), "--config".into(), path]))
    }

    fn version(&self) -> (Program, &'static str) {
        (Program::at(self.binary.clone()).args(["--version"]), "tollgate ")
    }

    fn swap(&self, setup: &Setup, _pid: u32) -> Result<()> {
        let route = format!(
            "{{\"name\":\"all\",\"match\":{{\"path\":\"/{{rest*}}\"}},\"upstream\":\"origin\",\"policies\":\
             {{\"response_headers\":{{\"set\":[{{\"name\":\"{GENERATION}\",\"value\":\"{}\"}}]}}}}}}",
            setup.generation
        );
        let body = format!("{{\"base\":{},\"changed\":{{\"routes\":[{route}]}}}}", setup.generation - 1);
        change::patch(&mut change::connect(&socket(setup))?, &body)
    }
}

/// Where the configuration can be changed.
pub(crate) fn socket(setup: &Setup) -> PathBuf {
    setup.directory.join("status.sock")
}

/// The same with a control plane in its process, whose address it prints.
pub(crate) struct Serve {
    pub(crate) name: &'static str,
    /// What its file says, and whether the threads of the control plane stay on the gateways' CPU, too.
    pub(crate) gateway: Tollgate,
}

impl Peer for Serve {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_pinned(&self) -> bool {
        self.gateway.is_pinned
    }

    fn prepare(&self, setup: &Setup) -> Result<Program> {
        let config = setup.write("tollgate.yaml", &self.gateway.configuration(setup))?;
        let arguments = ["serve".into(), "--config".into(), config, "--data".into(), setup.directory.join("data")];
        Ok(Program::at(self.gateway.binary.clone()).args(arguments).args(["--admin", "127.0.0.1:0"]))
    }

    fn version(&self) -> (Program, &'static str) {
        self.gateway.version()
    }
}

impl Tollgate {
    /// Pinned, with its log, without rules.
    pub(crate) const fn at(binary: PathBuf) -> Self {
        Self { binary, is_pinned: true, log: Log::Plain, rules: RuleSet::None }
    }

    fn configuration(&self, setup: &Setup) -> String {
        let Setup { directory, listen, status, cpu, .. } = setup;
        let tls = setup.certificate.as_ref().map_or_else(String::new, |certificate| {
            let (chain, key) = (certificate.chain.display(), certificate.key.display());
            format!(", tls: {{ min_version: 1.3, certificates: [ {{ cert_file: {chain}, key_file: {key} }} ] }}")
        });
        let routes = match setup.task {
            Task::Routes(layout) => Layout::items(layout),
            _ => "[]".to_owned(),
        };
        let routes = routes.trim_end_matches(']');
        let comma = if routes == "[" { "" } else { "," };
        let balance = if setup.task == Task::Endpoints { "balance: least_requests" } else { "" };
        let (policies, applications) = self.policies(setup);
        format!(
            "\
version: 1
workers: [{cpu}]
status: {{ bind: {status}, socket: {socket} }}
access_log: {log}
listeners:
  - {{ name: public, bind: {listen}{tls} }}
upstreams:
  - name: origin
    endpoints: [ {endpoints} ]
    {balance}
    connections: {{ idle_max: {UPSTREAM_IDLE_MAX} }}
routes: {routes}{comma}
  {{ name: all, match: {{ path: \"/{{rest*}}\" }}, upstream: origin, policies: {{ {policies} }} }} ]
{applications}",
            socket = socket(setup).display(),
            log = self.log.value(directory),
            endpoints = setup.each(", ", |endpoint| format!("{{ address: {endpoint} }}")),
        )
    }

    /// Policies of the route that takes everything, and who may call it.
    fn policies(&self, setup: &Setup) -> (String, String) {
        match setup.task {
            Task::Swaps => {
                let set = format!("{{ name: {GENERATION}, value: \"{}\" }}", setup.generation);
                (format!("response_headers: {{ set: [ {set} ] }}"), String::new())
            }
            Task::Policies => (
                format!("identify: [ {{ api_key: {{ header: {KEY_FIELD} }} }} ], authorize: {{ api: bytes@v1 }}"),
                format!(
                    "\
plans:
  - {{ name: gold, throttle: [ {{ name: burst, key: subscription, limit: {THROTTLE_PER_SECOND}, per: second }} ] }}
applications:
  - name: mobile
    tenant: acme
    credentials: [ {{ id: k1, sha256: {KEY_SHA256} }} ]
    subscriptions: [ {{ api: bytes@v1, plan: gold }} ]
"
                ),
            ),
            _ => (self.rules.policies(), String::new()),
        }
    }
}
