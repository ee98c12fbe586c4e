//! Another process with descriptors of this one, and the descriptors this one was started with.
//!
//! Descriptors are passed as numbers from [`FIRST_INHERITED`] on, in order (sd_listen_fds(3)); all others are closed in the new
//! process. `posix_spawn(3)` moves them there: `Command` has no words for that, and its own pipe could stand in their place.

use rustix::{
    io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd},
    process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid},
};
use std::{
    ffi::{CString, OsString},
    fmt, io, iter,
    mem::MaybeUninit,
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::ffi::OsStringExt,
    },
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};

/// The number of the first descriptor that is passed: those before are standard input, output and error.
pub const FIRST_INHERITED: RawFd = 3;

/// A process that [`spawn`] has started.
#[derive(Debug)]
pub struct Child(Pid);

/// Starts the program `arguments[0]`, looked for in PATH if there is no slash in it, with this environment, and the
/// descriptors as its own from [`FIRST_INHERITED`] on.
///
/// # Errors
/// There is no such program, it cannot be run, or the system has no room for it.
pub fn spawn(
    arguments: Vec<OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<Child> {
    let arguments = arguments.into_iter().map(text).collect::<io::Result<Vec<_>>>()?;
    let environment = environment.into_iter().map(|(name, value)| text([name, value].join("=".as_ref())));
    let environment = environment.collect::<io::Result<Vec<_>>>()?;
    let program = arguments.first().ok_or(io::ErrorKind::InvalidInput)?;
    // Above all numbers they are to have there, so that none is overwritten before it was copied.
    let free = FIRST_INHERITED + descriptors.len() as RawFd;
    let copies = descriptors.iter().map(|descriptor| fcntl_dupfd_cloexec(descriptor, free));
    let copies = copies.collect::<Result<Vec<OwnedFd>, _>>()?;
    let actions = Actions::new(&copies)?;
    let attributes = Attributes::with_no_signal_blocked()?;
    let (arguments, environment) = (pointers(&arguments), pointers(&environment));
    let mut pid = 0;
    // SAFETY: both lists end with a null pointer, and their texts, `actions` and `attributes` are initialized and outlive the
    // call, which keeps nothing of them.
    check(unsafe {
        libc::posix_spawnp(
            &raw mut pid,
            program.as_ptr(),
            &raw const actions.0,
            &raw const attributes.0,
            arguments.as_ptr(),
            environment.as_ptr(),
        )
    })?;
    Pid::from_raw(pid).map(Child).ok_or_else(|| io::Error::other("the process has no number"))
}

impl Child {
    /// Its number.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.0.as_raw_pid()
    }

    /// Ends it by force.
    pub fn kill(&self) {
        // It may have ended by itself; its number is its own until somebody has waited for it.
        let _ = kill_process(self.0, Signal::KILL);
    }

    /// Waits for its end, and says how it has ended.
    pub fn wait(self) -> impl fmt::Display {
        let status = loop {
            match waitpid(Some(self.0), WaitOptions::empty()) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(Some((_, status))) => break Some(status),
                Ok(None) | Err(_) => break None,
            }
        };
        described(status)
    }
}

fn described(status: Option<WaitStatus>) -> String {
    let code = status.and_then(WaitStatus::exit_status);
    let signal = status.and_then(WaitStatus::terminating_signal);
    match (code, signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}

/// The first `count` descriptors that this process was started with behind the standard ones; its own from now on, and of no
/// process that it starts. Whoever asks knows by the environment that they are there. To be called once.
///
/// # Errors
/// One of them is not open, or this was called before.
pub fn inherited(count: usize) -> io::Result<Vec<OwnedFd>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(io::Error::other("they were taken before"));
    }
    let numbers = FIRST_INHERITED..FIRST_INHERITED + RawFd::try_from(count).map_err(io::Error::other)?;
    // All are looked at before the first has an owner, who would close it.
    for number in numbers.clone() {
        // SAFETY: the call changes a flag of a number and is refused if that is not open; the borrow ends with it.
        fcntl_setfd(unsafe { BorrowedFd::borrow_raw(number) }, FdFlags::CLOEXEC)?;
    }
    // SAFETY: they were just seen to be open, and nobody else owns them: whoever started the process has opened them for it and
    // says so, and this is the only place that takes them, once.
    Ok(numbers.map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect())
}

fn text(text: OsString) -> io::Result<CString> {
    CString::new(text.into_vec()).map_err(io::Error::other)
}

/// As the kernel takes a list of texts.
fn pointers(texts: &[CString]) -> Vec<*mut libc::c_char> {
    texts.iter().map(|text| text.as_ptr().cast_mut()).chain(iter::once(ptr::null_mut())).collect()
}

/// What is done in the new process before its program.
struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    /// Each of `copies` gets its number.
    fn new(copies: &[OwnedFd]) -> io::Result<Self> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: the call initializes what it is given, and says whether it did.
        let mut actions = unsafe {
            check(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
            Self(actions.assume_init())
        };
        for (number, copy) in (FIRST_INHERITED..).zip(copies) {
            // SAFETY: `actions` is initialized and ours; the numbers are only noted.
            check(unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut actions.0, copy.as_raw_fd(), number) })?;
        }
        Ok(actions)
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: it was initialized, and this is its end.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

/// How the new process begins.
struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    /// The calling thread may block signals; the new process is to get all of them.
    fn with_no_signal_blocked() -> io::Result<Self> {
        let mut attributes = MaybeUninit::uninit();
        let mut none = MaybeUninit::uninit();
        // SAFETY: the first two calls initialize what they are given before the others read it.
        unsafe {
            check(libc::posix_spawnattr_init(attributes.as_mut_ptr()))?;
            let mut attributes = Self(attributes.assume_init());
            libc::sigemptyset(none.as_mut_ptr());
            check(libc::posix_spawnattr_setsigmask(&raw mut attributes.0, none.as_ptr()))?;
            check(libc::posix_spawnattr_setflags(
                &raw mut attributes.0,
                libc::POSIX_SPAWN_SETSIGMASK as libc::c_short,
            ))?;
            Ok(attributes)
        }
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: it was initialized, and this is its end.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

/// These calls give the error instead of setting `errno`.
fn check(error: libc::c_int) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        env,
        io::{Read, Write, pipe},
        os::fd::AsFd,
    };

    fn shell(script: &str) -> Vec<OsString> {
        ["sh", "-c", script].map(OsString::from).to_vec()
    }

    #[test]
    fn a_process_gets_the_descriptors_in_order_and_no_others() {
        let (mut theirs, ours) = pipe().unwrap();
        let (second, mut input) = pipe().unwrap();
        input.write_all(b"asked\n").unwrap();
        // A number that is not passed must not be open there: then `sh` says so by its exit code.
        let script = "read line <&4; echo \"$line $GIVEN\" >&3; ! { true >&5; } 2>/dev/null";
        let environment = env::vars_os().chain([("GIVEN".into(), "too".into())]);
        let child = spawn(shell(script), environment, &[ours.as_fd(), second.as_fd()]).unwrap();
        drop(ours);
        let mut told = String::new();
        theirs.read_to_string(&mut told).unwrap();
        assert_eq!(told, "asked too\n");
        assert_eq!(child.wait().to_string(), "exit code 0");
    }

    #[test]
    fn a_program_that_cannot_be_run_is_an_error() {
        let error = spawn(vec!["/no/such/program".into()], env::vars_os(), &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(spawn(Vec::new(), env::vars_os(), &[]).is_err());
    }

    #[test]
    fn one_that_hangs_is_ended() {
        let (mut theirs, ours) = pipe().unwrap();
        let (silent, _nothing) = pipe().unwrap();
        let script = shell("echo up >&3; read line <&4");
        let child = spawn(script, env::vars_os(), &[ours.as_fd(), silent.as_fd()]).unwrap();
        theirs.read_exact(&mut [0; 3]).unwrap();
        child.kill();
        assert_eq!(child.wait().to_string(), "signal 9");
    }
}
