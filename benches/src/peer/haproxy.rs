//! HAProxy: one thread, keep-alive on both sides, upstream connections shared between all clients, no log.
//!
//! Routes are a map file. For reloads it runs as master and worker, is told to `reload` over its own socket, and passes its listening sockets on.

use super::{DOWNSTREAM_MAX, GENERATION, KEY, KEY_FIELD, Peer, Setup, THROTTLE_PER_SECOND, Task, UPSTREAM_IDLE_MAX};
use crate::{interrupt, process::Program, testbed::PATH};
use anyhow::{Context as _, Result};
use std::{
    fmt::Write as _,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long the master may be away, starting itself again after a reload.
const AWAY_MAX: Duration = Duration::from_secs(5);

pub(super) struct Haproxy(pub(super) Program);

impl Peer for Haproxy {
    fn name(&self) -> &'static str {
        "haproxy"
    }

    fn prepare(&self, setup: &Setup) -> Result<Program> {
        if let Task::Routes(layout) = setup.task {
            let map = (0..layout.paths).fold(String::new(), |mut text, path| {
                let _ = writeln!(text, "/p{path} {PATH}");
                text
            });
            setup.write("routes.map", &map)?;
        }
        let path = setup.write("haproxy.cfg", &configuration(setup))?;
        let mut program = self.0.clone();
        if setup.task == Task::Swaps {
            program = program.args(["-W".into(), "-S".into(), master(setup)]);
        }
        Ok(program.args(["-db".into(), "-f".into(), path]))
    }

    fn version(&self) -> (Program, &'static str) {
        (self.0.clone().args(["-v"]), "version ")
    }

    fn swap(&self, setup: &Setup, _pid: u32) -> Result<()> {
        setup.write("haproxy.cfg", &configuration(setup))?;
        let until = Instant::now() + AWAY_MAX;
        // A signal that comes while the master starts itself again would be lost; a connection is refused and can be repeated.
        while let Err(error) = reload(&master(setup)) {
            if Instant::now() > until {
                return Err(error).context("asking the master to reload");
            }
            interrupt::pause(Duration::from_millis(2))?;
        }
        Ok(())
    }
}

/// The master's socket.
fn master(setup: &Setup) -> PathBuf {
    setup.directory.join("master.sock")
}

/// Asks for a reload; the master closes the connection when it begins.
fn reload(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(AWAY_MAX))?;
    stream.write_all(b"reload\n")?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

fn configuration(setup: &Setup) -> String {
    let Setup { listen, directory, .. } = setup;
    let directory = directory.display();
    let tls = setup
        .certificate
        .as_ref()
        .map_or_else(String::new, |certificate| format!(" ssl crt {} ssl-min-ver TLSv1.3", certificate.both.display()));
    let (global, frontend, balance) = match setup.task {
        Task::Proxy | Task::Stream => Default::default(),
        Task::Endpoints => (String::new(), String::new(), "balance leastconn"),
        Task::Routes(_) => {
            let rewrite = format!("http-request set-path %[path,map_str({directory}/routes.map)] if {{ path_beg /p }}");
            (String::new(), rewrite, "")
        }
        Task::Swaps => (
            format!("stats socket {directory}/haproxy.sock mode 600 level admin expose-fd listeners"),
            format!("http-response set-header {GENERATION} {}", setup.generation),
            "",
        ),
        Task::Policies => (
            "log stdout format raw local0".to_owned(),
            format!(
                "log global
  option httplog
  acl known req.hdr({KEY_FIELD}) -m str {KEY}
  http-request deny deny_status 401 unless known
  stick-table type string len 64 size 1m expire 10s store http_req_rate(1s)
  http-request track-sc0 req.hdr({KEY_FIELD})
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {THROTTLE_PER_SECOND} }}
  http-request use-service prometheus-exporter if {{ path /metrics }}"
            ),
            "",
        ),
    };
    format!(
        "\
global
  nbthread 1
  maxconn {DOWNSTREAM_MAX}
  # Twice the connections are more descriptors than there may be; the upstream side needs far fewer.
  no strict-limits
  {global}
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
  {frontend}
  default_backend origin
backend origin
  {balance}
  {servers}
",
        servers = setup.each("\n  ", |endpoint| {
            format!("server s{} {endpoint} pool-max-conn {UPSTREAM_IDLE_MAX} pool-purge-delay 1h", endpoint.port())
        }),
    )
}
