//! Varnish: everything passed, nothing looked up or kept; one thread pool.
//!
//! Its log in shared memory is part of it and stays on; nobody reads it. It speaks no TLS to clients, and its language has
//! neither throttles nor tables. A reload compiles the new program with the C compiler and puts it to use.

use super::{GENERATION, Peer, Setup, Task};
use crate::{process::Program, testbed::PATH};
use anyhow::Result;
use nix::unistd::Uid;
use std::fmt::Write as _;

pub(super) struct Varnish {
    pub(super) daemon: Program,
    pub(super) control: Program,
}

impl Peer for Varnish {
    fn name(&self) -> &'static str {
        "varnish"
    }

    fn lacks(&self, task: Task, secure: bool) -> Option<&'static str> {
        match task {
            _ if secure => Some("it speaks no TLS to clients"),
            Task::Routes(layout) if layout.paths > 1000 => Some("its language has no tables, only conditions"),
            Task::Policies => Some("keys and throttles need modules that it does not come with"),
            _ => None,
        }
    }

    fn prepare(&self, setup: &Setup) -> Result<Program> {
        let program = setup.write("default.vcl", &program(setup))?;
        let working = setup.directory.join("varnish");
        let parameters = [
            // One pool of threads, each with one request: as many as there are busy connections, and some.
            "thread_pools=1",
            "thread_pool_min=100",
            "thread_pool_max=1000",
            "timeout_idle=3600",
            "backend_idle_timeout=3600",
        ];
        let mut daemon = self.daemon.clone();
        if Uid::effective().is_root() {
            // The jail's user could not use the directory.
            daemon = daemon.args(["-j", "none"]);
        }
        let daemon = daemon.args(["-F".into(), "-n".into(), working, "-f".into(), program]);
        let daemon = daemon.args(["-a", &setup.listen.to_string(), "-s", "malloc,16m"]);
        Ok(parameters.iter().fold(daemon, |daemon, parameter| daemon.args(["-p", parameter])))
    }

    fn version(&self) -> (Program, &'static str) {
        (self.daemon.clone().args(["-V"]), "varnish-")
    }

    fn swap(&self, setup: &Setup, _pid: u32) -> Result<()> {
        let path = setup.write("next.vcl", &program(setup))?;
        let name = format!("g{}", setup.generation);
        let control = |words: &[&str]| {
            let working = ["-n".into(), setup.directory.join("varnish")];
            self.control.clone().args(working).args(words).output().map(drop)
        };
        control(&["vcl.load", &name, &path.to_string_lossy()])?;
        control(&["vcl.use", &name])
    }
}

fn program(setup: &Setup) -> String {
    let backends = setup.each("\n", |endpoint| {
        let (host, port) = (endpoint.ip(), endpoint.port());
        format!("backend s{port} {{ .host = \"{host}\"; .port = \"{port}\"; }}")
    });
    let members = setup.each(" ", |endpoint| format!("d.add_backend(s{});", endpoint.port()));
    let (before, after) = match setup.task {
        Task::Routes(layout) => {
            let rules = (0..layout.paths).fold(String::new(), |mut text, path| {
                let word = if path == 0 { "if" } else { "elsif" };
                let _ = writeln!(text, "  {word} (req.url == \"/p{path}\") {{ set req.url = \"{PATH}\"; }}");
                text
            });
            (rules, String::new())
        }
        Task::Swaps => (String::new(), format!("set resp.http.{GENERATION} = \"{}\";", setup.generation)),
        _ => Default::default(),
    };
    format!(
        "\
vcl 4.1;
import directors;
{backends}
sub vcl_init {{
  new d = directors.round_robin();
  {members}
}}
sub vcl_recv {{
{before}
  set req.backend_hint = d.backend();
  return (pass);
}}
sub vcl_deliver {{
  {after}
}}
"
    )
}
