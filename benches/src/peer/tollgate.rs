//! Tollgate: one worker, its metrics on and its access log written to a file.

use super::{Peer, Setup, UPSTREAM_IDLE_MAX};
use crate::process::Program;
use anyhow::Result;
use std::{fs, path::PathBuf};

pub(super) struct Tollgate(pub(super) PathBuf);

impl Peer for Tollgate {
    fn name(&self) -> &'static str {
        "tollgate"
    }

    fn prepare(&self, setup: &Setup<'_>) -> Result<Program> {
        let path = setup.directory.join("tollgate.yaml");
        fs::write(&path, configuration(setup))?;
        Ok(Program::at(self.0.clone()).args(["gateway".into(), "--config".into(), path]))
    }
}

fn configuration(setup: &Setup<'_>) -> String {
    let Setup { directory, listen, status, origin, cpu, .. } = setup;
    let tls = setup.certificate.map_or_else(String::new, |certificate| {
        let (chain, key) = (certificate.chain.display(), certificate.key.display());
        format!(", tls: {{ min_version: 1.3, certificates: [ {{ cert_file: {chain}, key_file: {key} }} ] }}")
    });
    format!(
        "\
version: 1
workers: [{cpu}]
status: {{ bind: {status} }}
access_log: {{ path: {directory}/access.log, format: json }}
listeners:
  - {{ name: public, bind: {listen}{tls} }}
upstreams:
  - name: origin
    endpoints: [ {{ address: {origin} }} ]
    connections: {{ idle_max: {UPSTREAM_IDLE_MAX} }}
routes:
  - {{ name: all, match: {{ path: \"/{{rest*}}\" }}, upstream: origin }}
",
        directory = directory.display(),
    )
}
