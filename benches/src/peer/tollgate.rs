//! Tollgate: one worker, its metrics on and its access log written to a file.

use super::{Peer, Setup, UPSTREAM_IDLE_MAX};
use crate::{layout::Layout, process::Program};
use anyhow::Result;
use std::{fs, path::PathBuf};

/// The binary, and what it routes.
pub(crate) struct Tollgate {
    pub(crate) binary: PathBuf,
    /// `None` for one route that takes everything.
    pub(crate) layout: Option<Layout>,
    /// A free path for the status socket, if configuration is to be changed.
    pub(crate) socket: Option<PathBuf>,
}

impl Peer for Tollgate {
    fn name(&self) -> &'static str {
        self.layout.map_or("tollgate", |layout| layout.name)
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
access_log: {{ path: {directory}/access.log, format: json }}
listeners:
  - {{ name: public, bind: {listen}{tls} }}
upstreams:
  - name: origin
    endpoints: [ {{ address: {origin} }} ]
    connections: {{ idle_max: {UPSTREAM_IDLE_MAX} }}
routes: {routes}{comma}
  {{ name: all, match: {{ path: \"/{{rest*}}\" }}, upstream: origin }} ]
",
            directory = directory.display(),
        )
    }
}
