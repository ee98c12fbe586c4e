//! An installation for one run: `tollgate serve` and `tollgate origin` as children, in a folder that goes with them.
//!
//! Ports are free ones; the children say which. They are ended by their process ids when this is dropped.

use crate::{admin::Admin, place::Place};
use reqwest::Method;
use serde_json::json;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// How long a child may take to say a line.
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = "version: 1
status: { bind: 127.0.0.1:0 }
access_log: off
listeners:
  - { name: public, bind: 127.0.0.1:0 }
";

/// What was started. Dropping it ends it.
pub(crate) struct Spawned {
    _serve: Process,
    _origin: Process,
    _folder: TempDir,
}

impl Spawned {
    /// Starts both, and sets a tenant up.
    pub(crate) async fn start(tollgate: &Path) -> Result<(Self, Place), String> {
        let folder =
            tempfile::Builder::new().prefix("tollgate-journeys-").tempdir().map_err(|error| error.to_string())?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (config, data) = (path("gateway.yaml"), path("data"));
        fs::write(&config, CONFIG).map_err(|error| format!("{config}: {error}"))?;
        let origin = Process::start(tollgate, &["origin", "--bind", "127.0.0.1:0"])?;
        let serve = ["serve", "--config", &config, "--data", &data, "--admin", "127.0.0.1:0"];
        let serve = Process::start(tollgate, &serve)?;
        let upstream = origin.said("origin on http://")?;
        let upstream = upstream.parse().map_err(|_| format!("the origin is on {upstream}, which is no address"))?;
        let gateway = format!("http://{}", serve.said("listener public on ")?);
        let control_plane = format!("http://{}", serve.said("admin API on ")?);
        let setup = json!({ "token": serve.said("setup token ")?, "tenant": "journeys", "member": "ann" });
        let answer = Admin::new(&control_plane, "")?.ask(Method::POST, "/setup", Some(&setup)).await?;
        let admin = Admin::new(&control_plane, answer["secret"].as_str().unwrap_or_default())?;
        let spawned = Self { _serve: serve, _origin: origin, _folder: folder };
        Ok((spawned, Place { gateway, admin, origin: upstream }))
    }
}

/// A child whose standard error is read.
struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    fn start(path: &Path, arguments: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // A Ctrl-C ends the run in order, which needs them to the end.
        let mut child = command.process_group(0).spawn().map_err(|error| format!("{}: {error}", path.display()))?;
        let (tell, lines) = channel();
        if let Some(said) = child.stderr.take() {
            // Read to the end, so that the child never waits for its reader.
            thread::spawn(move || {
                BufReader::new(said).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
            });
        }
        Ok(Self { child, lines })
    }

    /// What follows `prefix` on the next line that begins with it.
    fn said(&self, prefix: &str) -> Result<String, String> {
        let mut heard = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if let Some(said) = line.strip_prefix(prefix) {
                return Ok(said.to_owned());
            }
            heard.push(line);
        }
        Err(format!("the child did not say `{prefix}`, but:\n{}", heard.join("\n")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
