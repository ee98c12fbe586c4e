//! A gateway of its own process, with one candidate's configuration, for one run.
//!
//! The same binary, so that what is measured is what will run. Ended when dropped.

use super::Failure;
use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// For a gateway to say where it listens.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running gateway.
pub(super) struct Gateway {
    child: Child,
    /// Where the listener that is loaded is.
    pub(super) address: SocketAddr,
}

impl Gateway {
    /// Starts it; returns when it listens.
    pub(super) fn start(config: &Path, listener: &str) -> Result<Self, Failure> {
        let failed = |why: String| Failure::not_started("a gateway for the measurement", why);
        let program = env::current_exe().map_err(|error| failed(error.to_string()))?;
        let mut command = Command::new(program);
        command.arg("gateway").arg("--config").arg(config);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| failed(error.to_string()))?;
        let said = child.stderr.take();
        // From here on it is ended whatever happens.
        let mut gateway = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let (tell, told) = mpsc::channel();
        // Reads to the end, so that the gateway never waits for a reader.
        thread::spawn(move || {
            for line in said.into_iter().flat_map(|said| BufReader::new(said).lines()).map_while(Result::ok) {
                // Nobody listens any more once the address is known.
                let _ = tell.send(line);
            }
        });
        let begin = format!("listener {listener} on ");
        let mut lines = Vec::new();
        loop {
            match told.recv_timeout(PATIENCE) {
                Ok(line) => match line.strip_prefix(&begin).map(str::parse) {
                    Some(Ok(address)) => {
                        gateway.address = address;
                        return Ok(gateway);
                    }
                    _ => lines.push(line),
                },
                Err(RecvTimeoutError::Timeout) => {
                    return Err(failed(format!("it does not listen; {}", lines.join("; "))));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(failed(format!("it ended; {}", lines.join("; ")))),
            }
        }
    }

    /// CPU time of all its threads so far.
    pub(super) fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        // The first number: nanoseconds on a CPU (Documentation/scheduler/sched-stats.rst).
        let on_cpu = |task: fs::DirEntry| -> Option<u64> {
            fs::read_to_string(task.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
        };
        Duration::from_nanos(tasks.filter_map(on_cpu).sum())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
