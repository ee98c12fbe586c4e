//! nginx: a master and one worker, unlimited keep-alive on both sides, no access log.

use super::{DOWNSTREAM_MAX, Peer, Setup, UPSTREAM_IDLE_MAX};
use crate::{layout::Layout, process::Program, testbed::PATH};
use anyhow::Result;
use nix::unistd::Uid;
use std::fs;

/// The program, and what it routes.
pub(crate) struct Nginx {
    pub(crate) program: Program,
    /// Paths of any host besides the one location that takes everything.
    pub(crate) layout: Option<Layout>,
}

impl Peer for Nginx {
    fn name(&self) -> &'static str {
        if self.layout.is_some() { "nginx-100-routes" } else { "nginx" }
    }

    fn prepare(&self, setup: &Setup<'_>) -> Result<Program> {
        let path = setup.directory.join("nginx.conf");
        fs::write(&path, configuration(setup, self.layout))?;
        let log = setup.directory.join("nginx.err");
        Ok(self.program.clone().args(["-p".into(), setup.directory.into(), "-e".into(), log, "-c".into(), path]))
    }
}

fn configuration(setup: &Setup<'_>, layout: Option<Layout>) -> String {
    let Setup { directory, listen, origin, .. } = setup;
    let directory = directory.display();
    // Started by root, the worker would take another user's identity and could not use the directory.
    let user = if Uid::effective().is_root() { "user root;" } else { "" };
    let streaming = if setup.streaming { "proxy_buffering off; proxy_request_buffering off;" } else { "" };
    let tls = setup.certificate.map_or_else(
        || ";".to_owned(),
        |certificate| {
            let (chain, key) = (certificate.chain.display(), certificate.key.display());
            format!(" ssl; ssl_certificate {chain}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;")
        },
    );
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("  {kind}_temp_path {directory}/nginx_{kind};\n"))
        .collect();
    let proxy = format!("proxy_http_version 1.1; proxy_set_header Connection \"\"; {streaming}");
    let locations: String = (0..layout.map_or(0, |layout| layout.paths))
        .map(|path| format!("    location = /p{path} {{ proxy_pass http://origin{PATH}; {proxy} }}\n"))
        .collect();
    format!(
        "\
{user}
daemon off;
master_process on;
worker_processes 1;
worker_rlimit_nofile {files};
pid {directory}/nginx.pid;
events {{ worker_connections {files}; }}
http {{
  access_log off;
{temporary}
  sendfile on;
  tcp_nodelay on;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  upstream origin {{
    server {origin};
    keepalive {UPSTREAM_IDLE_MAX};
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }}
  server {{
    listen {listen}{tls}
{locations}
    location / {{ proxy_pass http://origin; {proxy} }}
  }}
}}
",
        files = 2 * DOWNSTREAM_MAX,
    )
}
