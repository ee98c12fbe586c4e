//! Hot restart: another process takes over the listening sockets, and this one drains.
//!
//! ```text
//! restart: quotas written -> successor started with the sockets -> it says that it is ready -> handed over: drains
//!                                     `- it ends, or is too late: quotas taken back, this process goes on as before
//! ```
//!
//! Both accept from the same sockets for a moment, so that no connection that waits in one is lost. The successor is the program
//! that this process was started by, looked for again: after an upgrade, the new one. It waits for at most
//! [`limits::SUCCESSOR_PATIENCE`]. docs/decisions/0008-hot-restart.md says why.

use crate::{
    Gateway,
    inheritance::{COUNT, NAMES, PROCESS, READY, WORD},
    limits, service,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    env,
    error::Error,
    ffi::OsString,
    fmt,
    io::{self, PipeReader, Read as _},
    os::fd::{AsFd, OwnedFd},
    path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use tollgate_ring::{FIRST_INHERITED, spawn};
use tollgate_worker::Command;

/// What the service manager tells one process, and not its successor.
const OWN: [&str; 6] = [COUNT, NAMES, PROCESS, READY, "LISTEN_PIDFDID", "WATCHDOG_PID"];

/// How a process was started, to start it again.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program first.
    arguments: Vec<OsString>,
}

/// Why there is no successor. This process goes on as before.
#[derive(Debug)]
pub enum RestartError {
    /// This kind of process cannot be handed over.
    Unsupported,
    /// It is on its way down.
    Draining,
    /// Another restart is in progress.
    Busy,
    /// The sockets cannot be passed on.
    Sockets(io::Error),
    /// The program cannot be started.
    Program(String, io::Error),
    /// The successor has ended before it was ready: how.
    Ended(String),
    /// The successor was not ready in time, and was ended.
    Late(Duration),
}

/// What was heard of a successor.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Ready,
    Ended,
    Late,
    /// Nobody wants to know any more.
    Withdrawn,
}

impl Program {
    /// How this process was started. To be called before anything changes the folder it runs in.
    #[must_use]
    pub fn current() -> Self {
        let mut arguments: Vec<_> = env::args_os().collect();
        // One without a slash was found in PATH, and will be again.
        if let Some(program) = arguments.first_mut().filter(|program| program.as_encoded_bytes().contains(&b'/'))
            && let Ok(absolute) = path::absolute(&program)
        {
            *program = absolute.into_os_string();
        }
        Self { arguments }
    }

    fn name(&self) -> String {
        self.arguments.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

impl Gateway {
    /// Starts the program anew, waits until it serves, hands the listening sockets over to it and begins to drain; gives the
    /// number of the new process.
    ///
    /// # Errors
    /// Why this process goes on as before.
    pub fn restart(&self) -> Result<i32, RestartError> {
        let program = self.program.as_ref().ok_or(RestartError::Unsupported)?;
        if self.publisher.is_draining() {
            return Err(RestartError::Draining);
        }
        if self.restarting.swap(true, Ordering::Relaxed) {
            return Err(RestartError::Busy);
        }
        self.survival.hand_over();
        let result = self.succeed(program);
        match &result {
            Ok(process) => self.hand_over(*process),
            Err(_) => self.survival.take_back(),
        }
        self.restarting.store(false, Ordering::Relaxed);
        result
    }

    /// Starts a successor and waits until it is ready.
    #[expect(clippy::disallowed_methods, reason = "the seam's clock is a worker's, and this is another thread")]
    fn succeed(&self, program: &Program) -> Result<i32, RestartError> {
        let sockets = self.sockets().map_err(RestartError::Sockets)?;
        let (mut ready, theirs) = io::pipe().map_err(RestartError::Sockets)?;
        let names: Vec<_> = sockets.iter().map(|(name, _)| name.as_str()).collect();
        let told = [
            (COUNT, sockets.len().to_string()),
            (NAMES, names.join(":")),
            (READY, (FIRST_INHERITED as usize + sockets.len()).to_string()),
        ];
        let environment = env::vars_os().filter(|(name, _)| OWN.iter().all(|own| name != own));
        let environment = environment.chain(told.map(|(name, value)| (name.into(), value.into())));
        let descriptors = sockets.iter().map(|(_, socket)| socket.as_fd()).chain([theirs.as_fd()]);
        let child = spawn(program.arguments.clone(), environment, &descriptors.collect::<Vec<_>>());
        let child = child.map_err(|error| RestartError::Program(program.name(), error))?;
        drop((sockets, theirs));
        let patience = limits::SUCCESSOR_PATIENCE;
        let word = listen(&mut ready, Instant::now() + patience, || self.publisher.is_draining());
        if word == Word::Ready {
            return Ok(child.id());
        }
        child.kill();
        let how = child.wait().to_string();
        Err(match word {
            Word::Late => RestartError::Late(patience),
            Word::Withdrawn => RestartError::Draining,
            Word::Ready | Word::Ended => RestartError::Ended(how),
        })
    }

    /// Every listening socket with its name, those of a listener in the order of the workers.
    fn sockets(&self) -> io::Result<Vec<(String, OwnedFd)>> {
        let status = self.status_handles.iter().map(|(name, handle)| ((*name).to_owned(), handle.clone()));
        let all = self.publisher.handles().into_iter().chain(status);
        all.filter_map(|(name, handle)| Some(handle.duplicate()?.map(|socket| (name, socket)))).collect()
    }

    /// Drains behind a process that serves.
    fn hand_over(&self, process: i32) {
        service::handed_to(process);
        self.publisher.leave();
        self.control.load().iter().for_each(|control| control.release_status());
        self.publisher.tell(|| Command::HandOver);
    }
}

/// Waits for what the successor says.
#[expect(clippy::disallowed_methods, reason = "the seam's clock is a worker's, and this is another thread")]
fn listen(pipe: &mut PipeReader, deadline: Instant, is_withdrawn: impl Fn() -> bool) -> Word {
    const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    let mut said = Vec::new();
    while !is_withdrawn() {
        if Instant::now() >= deadline {
            return Word::Late;
        }
        let mut polled = [PollFd::new(pipe, PollFlags::IN)];
        if !matches!(poll(&mut polled, Some(&LOOK)), Ok(1..)) {
            continue;
        }
        let mut bytes = [0; WORD.len()];
        match pipe.read(&mut bytes) {
            Ok(0) | Err(_) => return Word::Ended,
            Ok(count) => said.extend_from_slice(&bytes[..count]),
        }
        if said.starts_with(WORD) {
            return Word::Ready;
        }
    }
    Word::Withdrawn
}

impl fmt::Display for RestartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported => f.write_str(
                "this process cannot be handed over, since its store belongs to one process at a time: run `tollgate control` \
                 and `tollgate gateway --control-plane URL` to restart the gateway without a gap",
            ),
            Self::Draining => f.write_str("it is on its way down"),
            Self::Busy => f.write_str("another restart is in progress"),
            Self::Sockets(error) => write!(f, "the listening sockets cannot be passed on: {error}"),
            Self::Program(name, error) => write!(f, "{name} cannot be started: {error}"),
            Self::Ended(how) => write!(f, "the new process ended before it was ready ({how}); what it said stands above"),
            Self::Late(patience) => write!(f, "the new process was not ready within {patience:?}, and was ended"),
        }
    }
}

impl Error for RestartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Sockets(error) | Self::Program(_, error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the deadline is that of a thread outside of the seam")]
mod tests {
    use super::*;
    use std::io::{Write as _, pipe};

    fn heard(said: &[u8], deadline: Duration, is_withdrawn: bool) -> Word {
        let (mut ours, mut theirs) = pipe().unwrap();
        theirs.write_all(said).unwrap();
        let is_silent = said.is_empty();
        let theirs = is_silent.then_some(theirs);
        let word = listen(&mut ours, Instant::now() + deadline, || is_withdrawn);
        drop(theirs);
        word
    }

    #[test]
    fn a_successor_is_ready_when_it_has_said_so() {
        const LONG: Duration = Duration::from_secs(20);
        assert_eq!(heard(WORD, LONG, false), Word::Ready);
        assert_eq!(heard(b"rea", LONG, false), Word::Ended, "it died in the middle of the word");
        assert_eq!(heard(b"", Duration::ZERO, false), Word::Late);
        assert_eq!(heard(b"", LONG, true), Word::Withdrawn);
    }
}
