//! nginx: a master and one worker, unlimited keep-alive on both sides, no access log.
//!
//! Up to a thousand routes are exact locations; more are a `map`, which is a hash table. A reload is SIGHUP to the master.

use super::{DOWNSTREAM_MAX, GENERATION, KEY, Peer, Setup, THROTTLE_PER_SECOND, Task, UPSTREAM_IDLE_MAX};
use crate::{layout::Layout, process, process::Program, testbed::PATH};
use anyhow::Result;
use nix::{sys::signal::Signal, unistd::Uid};
use std::fmt::Write as _;

const LOCATIONS_MAX: u32 = 1000;

/// Long bodies in pieces of 64 KiB and never in files. With its buffers of 4 KiB, or without buffering, nginx takes five times the
/// CPU time for 64 KiB.
const STREAM: &str = "proxy_max_temp_file_size 0; proxy_buffer_size 16k; proxy_buffers 8 64k; \
                      proxy_busy_buffers_size 128k; proxy_request_buffering off; client_body_buffer_size 64k;";

/// The program.
pub(crate) struct Nginx(pub(crate) Program);

impl Peer for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn prepare(&self, setup: &Setup) -> Result<Program> {
        let path = setup.write("nginx.conf", &configuration(setup))?;
        let log = setup.directory.join("nginx.err");
        Ok(self.0.clone().args(["-p".into(), setup.directory.clone(), "-e".into(), log, "-c".into(), path]))
    }

    fn version(&self) -> (Program, &'static str) {
        (self.0.clone().args(["-v"]), "nginx/")
    }

    fn swap(&self, setup: &Setup, pid: u32) -> Result<()> {
        self.prepare(setup)?;
        process::signal(pid, Signal::SIGHUP)
    }
}

fn configuration(setup: &Setup) -> String {
    let Setup { directory, listen, .. } = setup;
    let directory = directory.display();
    // Started by root, the worker would take another user's identity and could not use the directory.
    let user = if Uid::effective().is_root() { "user root;" } else { "" };
    let Part { http, locations, target, location } = Part::of(setup);
    let tls = setup.certificate.as_ref().map_or_else(
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
    let proxy = "proxy_http_version 1.1; proxy_set_header Connection \"\";";
    let balance = if setup.task == Task::Endpoints { "least_conn;" } else { "" };
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
{temporary}
  sendfile on;
  tcp_nodelay on;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  {http}
  upstream origin {{
    {balance}
    {servers}
    keepalive {UPSTREAM_IDLE_MAX};
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }}
  server {{
    listen {listen}{tls}
{locations}
    location / {{ {location} proxy_pass http://origin{target}; {proxy} }}
  }}
}}
",
        files = DOWNSTREAM_MAX + 8_000,
        servers = setup.each(" ", |endpoint| format!("server {endpoint};")),
    )
}

/// What a task adds.
#[derive(Default)]
struct Part {
    http: String,
    locations: String,
    /// Behind the upstream's name.
    target: &'static str,
    /// In the location that takes everything.
    location: String,
}

impl Part {
    fn of(setup: &Setup) -> Self {
        let silent = || "access_log off;".to_owned();
        match setup.task {
            Task::Proxy | Task::Endpoints => Self { http: silent(), ..Self::default() },
            Task::Stream => Self { http: silent(), location: STREAM.to_owned(), ..Self::default() },
            Task::Routes(layout) if layout.paths <= LOCATIONS_MAX => {
                Self { http: silent(), locations: locations(layout), ..Self::default() }
            }
            Task::Routes(layout) => Self { http: silent() + &map(layout), target: "$rewritten", ..Self::default() },
            Task::Swaps => Self {
                http: silent(),
                location: format!("add_header {GENERATION} {};", setup.generation),
                ..Self::default()
            },
            Task::Policies => Self {
                http: format!(
                    "access_log {}/access.log combined buffer=64k flush=1s;
  map $http_x_api_key $caller {{ default \"\"; {KEY} mobile; }}
  limit_req_zone $caller zone=callers:1m rate={THROTTLE_PER_SECOND}r/s;",
                    setup.directory.display()
                ),
                locations: "    location = /status { stub_status; }".to_owned(),
                location: "if ($caller = \"\") { return 401; } limit_req zone=callers burst=10000 nodelay;".to_owned(),
                ..Self::default()
            },
        }
    }
}

fn locations(layout: Layout) -> String {
    (0..layout.paths).fold(String::new(), |mut text, path| {
        let _ = writeln!(
            text,
            "    location = /p{path} {{ proxy_pass http://origin{PATH}; proxy_http_version 1.1; \
             proxy_set_header Connection \"\"; }}"
        );
        text
    })
}

fn map(layout: Layout) -> String {
    let entries: String = (0..layout.paths).fold(String::new(), |mut text, path| {
        let _ = writeln!(text, "    /p{path} {PATH};");
        text
    });
    format!(
        "
  map_hash_max_size 262144;
  map_hash_bucket_size 128;
  map $uri $rewritten {{
    default $request_uri;
{entries}  }}"
    )
}
