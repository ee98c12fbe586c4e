//! Child processes that do not outlive this one.
//!
//! A [`Process`] is pinned by `taskset` and ends when dropped: SIGTERM, a bounded wait, then SIGKILL to it and to what it
//! started, each by its pid. Should this process die without dropping, `setpriv --pdeathsig` (where installed) lets the
//! kernel send the SIGTERM.

use crate::{interrupt, machine};
use anyhow::{Context as _, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    env,
    ffi::OsString,
    fs,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a process may take to end by itself.
const STOP_WAIT_MAX: Duration = Duration::from_secs(3);

/// Between two looks at what it has printed.
const LOOK: Duration = Duration::from_millis(2);

/// A program, its arguments, and what it is told by its environment.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
}

impl Program {
    /// An installed program, looked for in `directories`, in PATH and where daemons are. The error says what to install.
    pub(crate) fn find(name: &str, directories: &[PathBuf], install: &str) -> Result<Self> {
        match search(name, directories) {
            Some(path) => Ok(Self::at(path)),
            None => bail!("{name} is not installed; install it with\n    {install}"),
        }
    }

    /// The load.
    pub(crate) fn wrk() -> Result<Self> {
        Self::find("wrk", &[], "apt-get install -y wrk")
    }

    /// The program at `path`.
    pub(crate) const fn at(path: PathBuf) -> Self {
        Self { path, arguments: Vec::new(), environment: Vec::new() }
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Runs it to its end: what it printed to both streams. An error if it ended with one.
    pub(crate) fn output(&self) -> Result<String> {
        let (text, is_success) = self.run()?;
        ensure!(is_success, "{} failed:\n{text}", self.path.display());
        Ok(text)
    }

    /// The same, however it ended.
    pub(crate) fn said(&self) -> Result<String> {
        self.run().map(|(text, _)| text)
    }

    fn run(&self) -> Result<(String, bool)> {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).envs(self.environment.iter().cloned()).stdin(Stdio::null());
        let output = command.output().with_context(|| format!("running {}", self.path.display()))?;
        let text = [output.stdout, output.stderr].concat();
        Ok((String::from_utf8_lossy(&text).into_owned(), output.status.success()))
    }

    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }
}

/// Looks in `directories`, then in PATH and where daemons are.
fn search(name: &str, directories: &[PathBuf]) -> Option<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let daemons = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let places = directories.iter().cloned().chain(env::split_paths(&paths)).chain(daemons);
    places.map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// A running child.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Where its output goes.
    log: PathBuf,
}

impl Process {
    /// Starts `program` pinned to `cpus`; its output goes to a file in `directory`.
    pub(crate) fn start(name: &str, program: &Program, cpus: &[usize], directory: &Path) -> Result<Self> {
        let log = directory.join(format!("{name}.out"));
        let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let cpus = cpus.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let mut words: Vec<OsString> = Vec::new();
        if search("setpriv", &[]).is_some() {
            words.extend(["setpriv", "--pdeathsig", "TERM"].map(Into::into));
        }
        words.extend(["taskset".into(), "-c".into(), cpus.into(), program.path.clone().into()]);
        let child = Command::new(&words[0])
            .args(&words[1..])
            .args(&program.arguments)
            .envs(program.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting {name} with taskset (package util-linux)"))?;
        Ok(Self { child, log })
    }

    /// Its pid: `setpriv` and `taskset` become the program they start.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// What it has printed so far.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What follows `prefix` on a line that it prints, once it is there.
    pub(crate) fn announced(&mut self, prefix: &str, patience: Duration) -> Result<String> {
        let until = Instant::now() + patience;
        loop {
            let running = self.is_running()?;
            let text = self.output();
            // A line is whole once there is something behind it.
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            if let Some(found) = whole.lines().find_map(|line| line.strip_prefix(prefix)) {
                return Ok(found.to_owned());
            }
            if !running || Instant::now() > until {
                bail!("it did not say `{prefix}`:\n{text}");
            }
            interrupt::pause(LOOK)?;
        }
    }

    fn ends_within(&mut self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // A signal fails only when its process has ended already.
        let _ = kill(pid(self.pid()), Signal::SIGTERM);
        if self.ends_within(STOP_WAIT_MAX) {
            return;
        }
        for member in machine::family(self.pid()) {
            let _ = kill(pid(member), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process that this one has started.
pub(crate) fn signal(to: u32, signal: Signal) -> Result<()> {
    kill(pid(to), signal).with_context(|| format!("signalling process {to}"))
}

fn pid(number: u32) -> Pid {
    // Linux pids end at 2^22.
    Pid::from_raw(i32::try_from(number).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_the_package() {
        let error = Program::find("no-such-program", &[], "apt-get install -y it").unwrap_err().to_string();
        assert!(error.contains("apt-get install -y it"), "{error}");
    }

    #[test]
    fn a_dropped_process_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let program = Program::find("sleep", &[], "").unwrap().args(["1000"]);
        let mut process =
            Process::start("sleep", &program, &machine::allowed_cpus().unwrap()[..1], directory.path()).unwrap();
        assert!(process.is_running().unwrap());
        let pid = process.pid();
        drop(process);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}
