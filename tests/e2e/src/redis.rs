//! A Redis of the test's own: on a Unix socket in a folder that goes away with it, ended by its process id.

use crate::wait::until;
use std::{
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A `redis-server`; killed when dropped.
#[derive(Debug)]
pub struct Redis {
    child: Option<Child>,
    folder: TempDir,
}

impl Redis {
    /// Starts one. `None` where there is no `redis-server`, which Debian's package of that name brings: that is told, and
    /// `.ci/run` goes nowhere without it.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            eprintln!("not tested: redis-server is not installed");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut redis = Self { child: None, folder };
        redis.again();
        Some(redis)
    }

    /// Starts it again, with nothing in it.
    ///
    /// # Panics
    /// If it does not start.
    pub fn again(&mut self) {
        let socket = self.socket();
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        self.child = Some(child.expect("redis-server is installed"));
        until("redis to listen", || UnixStream::connect(&socket).ok());
    }

    /// Kills it.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Where it is reached.
    #[must_use]
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
