//! HAProxy: one thread, keep-alive on both sides, upstream connections shared between all clients, no log.

use super::{DOWNSTREAM_MAX, Peer, Setup, UPSTREAM_IDLE_MAX};
use crate::process::Program;
use anyhow::Result;
use std::fs;

pub(super) struct Haproxy(pub(super) Program);

impl Peer for Haproxy {
    fn name(&self) -> &'static str {
        "haproxy"
    }

    fn prepare(&self, setup: &Setup<'_>) -> Result<Program> {
        let path = setup.directory.join("haproxy.cfg");
        fs::write(&path, configuration(setup))?;
        Ok(self.0.clone().args(["-db".into(), "-f".into(), path]))
    }
}

fn configuration(setup: &Setup<'_>) -> String {
    let Setup { listen, origin, .. } = setup;
    let tls = setup
        .certificate
        .map_or_else(String::new, |certificate| format!(" ssl crt {} ssl-min-ver TLSv1.3", certificate.both.display()));
    format!(
        "\
global
  nbthread 1
  maxconn {DOWNSTREAM_MAX}
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
frontend public
  bind {listen}{tls}
  default_backend origin
backend origin
  server origin {origin} pool-max-conn {UPSTREAM_IDLE_MAX} pool-purge-delay 1h
"
    )
}
