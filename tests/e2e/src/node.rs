//! A running gateway, from its start to its end.
//!
//! [`Process`] is the binary with any arguments; [`Node`] is one with a configuration made for the test, in a folder that
//! goes away with it. Both know the gateway only by what it prints, serves and writes.

use crate::{binary::tollgate, client::Connection, wait::until};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};
use tempfile::TempDir;

/// The binary at work. Killed when dropped, and the process that it has handed over to as well.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// The processes that have taken over, one from the other.
    successors: Vec<Pid>,
    output: Arc<Mutex<String>>,
    errors: Arc<Mutex<String>>,
}

impl Process {
    /// Starts the binary with `arguments`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_in(arguments, &[])
    }

    /// The same with more variables in its environment.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start_in(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(tollgate());
        command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null());
        Self::run(command)
    }

    /// Starts a command that becomes the binary.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run(mut command: Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary was just built");
        let output = collect(child.stdout.take());
        let errors = collect(child.stderr.take());
        Self { child, successors: Vec::new(), output, errors }
    }

    /// The number of the process that serves.
    ///
    /// # Panics
    /// Never: numbers of processes fit.
    #[must_use]
    pub fn serving(&self) -> Pid {
        let first = Pid::from_raw(i32::try_from(self.child.id()).expect("process ids fit"));
        self.successors.last().copied().unwrap_or(first)
    }

    /// Has the process that serves hand over to another, and waits for that. The one before drains.
    ///
    /// # Panics
    /// If there is no other in time.
    pub fn restart(&mut self) {
        let is_said = |line: &str| line.strip_prefix("process ")?.split_once(" serves now")?.0.parse().ok();
        kill(self.serving(), Signal::SIGUSR2).expect("it runs");
        let count = self.successors.len();
        let next = until("a process that takes over", || {
            let errors = self.errors();
            assert!(!errors.contains("not restarted"), "{errors}");
            errors.lines().filter_map(is_said).nth(count)
        });
        self.successors.push(Pid::from_raw(next));
    }

    /// What it has written to standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn errors(&self) -> String {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What follows `prefix` on a line of standard error, once there is one.
    ///
    /// # Panics
    /// If there is none in time, or the process ends before.
    pub fn announced(&mut self, prefix: &str) -> String {
        until(&format!("`{prefix}` on standard error"), || {
            let ended = self.child.try_wait().expect("it is our child");
            let errors = self.errors();
            let line = errors.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned);
            assert!(line.is_some() || ended.is_none(), "ended ({ended:?}) before it said `{prefix}`:\n{errors}");
            line
        })
    }

    /// Descriptors it has open.
    ///
    /// # Panics
    /// If the process has ended.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        fs::read_dir(folder).expect("a running child has descriptors").count()
    }

    /// Rings of io_uring it has open.
    ///
    /// # Panics
    /// If the process has ended.
    #[must_use]
    pub fn rings(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        let descriptors = fs::read_dir(folder).expect("a running child has descriptors");
        let links = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links.filter(|link| link.to_string_lossy().contains("[io_uring]")).count()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("process ids fit");
        kill(Pid::from_raw(pid), signal).expect("a child that was not waited for can be signalled");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end in time.
    pub fn ended(&mut self) -> ExitStatus {
        until("the process to end", || self.child.try_wait().expect("it is our child"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // All fail only when it has ended already. Only the last successor is sure to run until now.
        let _ = self.successors.last().map(|last| kill(*last, Signal::SIGKILL));
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- standard error of the process ---\n{}", self.errors());
        }
    }
}

/// Waits for the end of a process that somebody else has started.
///
/// # Panics
/// If it does not end in time.
pub fn gone(process: Pid) {
    until("a process to end", || {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // Ended, though nobody may have asked for its exit code.
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}

/// Keeps what a pipe brings. The thread ends with the pipe.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let kept = text.clone();
    thread::spawn(move || {
        for line in pipe.into_iter().flat_map(|pipe| BufReader::new(pipe).lines()).map_while(Result::ok) {
            let _ = writeln!(kept.lock().unwrap_or_else(PoisonError::into_inner), "{line}");
        }
    });
    text
}

/// A gateway with one listener, `public`, and its status, each on a free port.
#[derive(Debug)]
pub struct Node {
    /// The process, for signals and its end.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its status is served.
    pub status: SocketAddr,
    folder: TempDir,
}

impl Node {
    /// Starts a gateway that sends everything to `upstream`.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(upstream: SocketAddr) -> Self {
        Self::with(&[upstream], "")
    }

    /// Starts a gateway in front of several endpoints, with `more` lines at the end of its configuration.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn with(endpoints: &[SocketAddr], more: &str) -> Self {
        Self::routed(endpoints, "{ path: \"/{rest*}\" }", more)
    }

    /// The same with a `match` of its own on the only route.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn routed(endpoints: &[SocketAddr], matcher: &str, more: &str) -> Self {
        let endpoints: Vec<_> = endpoints.iter().map(|endpoint| format!("{{ address: \"{endpoint}\" }}")).collect();
        let endpoints = endpoints.join(", ");
        Self::of(&format!(
            "upstreams: [ {{ name: origin, endpoints: [ {endpoints} ] }} ]\n\
             routes: [ {{ name: everything, match: {matcher}, upstream: origin }} ]\n{more}\n"
        ))
    }

    /// Starts a gateway whose upstreams, routes and all else are written in `rest`.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn of(rest: &str) -> Self {
        Self::logging("", rest)
    }

    /// The same with `log`, more keys of `access_log`, each behind a comma.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn logging(log: &str, rest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("logs/access.log");
        let text = format!(
            "version: 1\nstatus: {{ bind: 127.0.0.1:0 }}\naccess_log: {{ path: {path:?}{log} }}\n\
             listeners: [ {{ name: public, bind: 127.0.0.1:0 }} ]\n{rest}"
        );
        write(folder.path(), &text);
        Self::run(folder)
    }

    fn run(folder: TempDir) -> Self {
        let mut process = Process::start(&["gateway", "--config", &file(folder.path()).to_string_lossy()]);
        let address = process.announced("listener public on ").parse().expect("it prints an address");
        let status = process.announced("status on ").parse().expect("it prints an address");
        Self { process, address, status, folder }
    }

    /// Kills it, as a crash would end it, and starts it again with the same file.
    ///
    /// # Panics
    /// If it does not start again.
    #[must_use]
    pub fn crashed_and_restarted(self, between: impl FnOnce(&Path)) -> Self {
        let Self { mut process, folder, .. } = self;
        process.signal(Signal::SIGKILL);
        process.ended();
        between(&folder.path().join("logs"));
        Self::run(folder)
    }

    /// Where its access log is, `access.log`.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    /// A new connection to its listener.
    ///
    /// # Panics
    /// If it is refused.
    #[must_use]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// The access log, once it has `count` lines.
    ///
    /// # Panics
    /// If it has not in time.
    #[must_use]
    pub fn access_log(&self, count: usize) -> String {
        until(&format!("{count} access records"), || {
            let text = fs::read_to_string(self.logs().join("access.log")).unwrap_or_default();
            (text.lines().count() >= count).then_some(text)
        })
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("gateway.yaml")
}

fn write(folder: &Path, text: &str) {
    fs::write(file(folder), text).expect("a temporary folder is writable");
}
