//! Tollgate: one worker, its metrics on and its access log written to a file.
//!
//! In three forms, to see what the access log costs: by the plain writer, by the direct one, and without a log.

use super::{Peer, Setup, UPSTREAM_IDLE_MAX};
use crate::process::Program;
use anyhow::Result;
use std::{fs, path::PathBuf};

pub(super) struct Tollgate {
    pub(super) binary: PathBuf,
    pub(super) log: Log,
}

/// What becomes of access records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    Plain,
    Direct,
    Off,
}

impl Peer for Tollgate {
    fn name(&self) -> &'static str {
        match self.log {
            Log::Plain => "tollgate",
            Log::Direct => "tollgate-direct",
            Log::Off => "tollgate-silent",
        }
    }

    fn prepare(&self, setup: &Setup<'_>) -> Result<Program> {
        let path = setup.directory.join("tollgate.yaml");
        fs::write(&path, configuration(setup, self.log))?;
        Ok(Program::at(self.binary.clone()).args(["gateway".into(), "--config".into(), path]))
    }
}

fn configuration(setup: &Setup<'_>, log: Log) -> String {
    let Setup { directory, listen, status, origin, cpu, .. } = setup;
    // Small enough that a run closes some.
    let file = format!("path: {}/access.log, rotate: {{ size: 128MiB }}, keep: {{ files: 1 }}", directory.display());
    let log = match log {
        Log::Plain => format!("{{ {file} }}"),
        Log::Direct => format!("{{ {file}, writer: direct }}"),
        Log::Off => "off".to_owned(),
    };
    format!(
        "\
version: 1
workers: [{cpu}]
status: {{ bind: {status} }}
access_log: {log}
listeners:
  - {{ name: public, bind: {listen} }}
upstreams:
  - name: origin
    endpoints: [ {{ address: {origin} }} ]
    connections: {{ idle_max: {UPSTREAM_IDLE_MAX} }}
routes:
  - {{ name: all, match: {{ path: \"/{{rest*}}\" }}, upstream: origin }}
"
    )
}
