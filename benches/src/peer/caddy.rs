//! Caddy: one processor for Go, keep-alive on both sides, HTTP/1.1 only, no access log.
//!
//! Its `map` and its routes are searched one after the other, so more than a hundred routes are not natural to it. A reload is
//! the whole configuration posted to its admin API, which answers when it is in use.

use super::{GENERATION, Peer, Setup, Task, UPSTREAM_IDLE_MAX};
use crate::{change, process::Program, testbed::PATH};
use anyhow::Result;
use std::fmt::Write as _;

pub(super) struct Caddy(pub(super) Program);

impl Peer for Caddy {
    fn name(&self) -> &'static str {
        "caddy"
    }

    fn lacks(&self, task: Task, _secure: bool) -> Option<&'static str> {
        match task {
            Task::Routes(layout) if layout.paths > 1000 => Some("it searches routes one after the other"),
            Task::Policies => Some("keys and throttles need modules that it does not come with"),
            _ => None,
        }
    }

    fn prepare(&self, setup: &Setup) -> Result<Program> {
        let path = setup.write("Caddyfile", &configuration(setup))?;
        let program = self.0.clone().env("GOMAXPROCS", "1");
        let home = ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"];
        let program = home.into_iter().fold(program, |program, name| program.env(name, &setup.directory));
        Ok(program.args(["run".into(), "--adapter".into(), "caddyfile".into(), "--config".into(), path]))
    }

    fn version(&self) -> (Program, &'static str) {
        (self.0.clone().args(["version"]), "")
    }

    fn swap(&self, setup: &Setup, _pid: u32) -> Result<()> {
        change::post(setup.status, "/load", "text/caddyfile", &configuration(setup))
    }
}

fn configuration(setup: &Setup) -> String {
    let Setup { listen, status, .. } = setup;
    let (scheme, tls) = setup.certificate.as_ref().map_or_else(
        || ("http", String::new()),
        |certificate| {
            let (chain, key) = (certificate.chain.display(), certificate.key.display());
            ("https", format!("tls {chain} {key} {{\n    protocols tls1.3\n  }}"))
        },
    );
    let extra = match setup.task {
        Task::Routes(layout) => (0..layout.paths).fold(String::new(), |mut text, path| {
            let _ = writeln!(text, "  rewrite /p{path} {PATH}");
            text
        }),
        Task::Swaps => format!("header {GENERATION} {}", setup.generation),
        _ => String::new(),
    };
    let balance = if setup.task == Task::Endpoints { "lb_policy least_conn" } else { "" };
    format!(
        "\
{{
  admin {status}
  auto_https off
  log {{
    level ERROR
  }}
  servers {{
    protocols h1
    timeouts {{
      idle 1h
    }}
  }}
}}
{scheme}://:{port} {{
  bind {address}
  {tls}
  {extra}
  reverse_proxy {endpoints} {{
    {balance}
    transport http {{
      keepalive 1h
      keepalive_idle_conns {UPSTREAM_IDLE_MAX}
      keepalive_idle_conns_per_host {UPSTREAM_IDLE_MAX}
      compression off
    }}
  }}
}}
",
        port = listen.port(),
        address = listen.ip(),
        endpoints = setup.each(" ", ToString::to_string),
    )
}
