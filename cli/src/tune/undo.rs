//! Who takes a change back that nobody confirms: a process of its own that outlives the terminal.
//!
//! It leaves the session of the terminal (setsid(2)) before it says that it is there, so that neither a lost connection nor
//! a closed window ends it; a reboot takes the change back by itself, since no file is written before the confirmation.
//! `systemd-run` would do the same, but not in containers and not without systemd. Where logind ends what users leave behind
//! (KillUserProcesses=yes), start `apply` itself by `systemd-run --scope`.

use super::Root;
use crate::{exit::Exit, terminal};
use clap::Args;
use std::{
    env,
    io::{self, BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tollgate_tuning::{pending, revert_unconfirmed};

/// What it says once it has left the terminal.
const ARMED: &str = "armed";

/// How often it looks whether it is still needed.
const LOOK: Duration = Duration::from_millis(500);

/// Takes a change back unless it is confirmed in time
#[derive(Args)]
pub(super) struct Arguments {
    /// Which change
    #[arg(long)]
    token: String,
    /// For this long
    #[arg(long)]
    within_ms: u64,
    #[command(flatten)]
    root: Root,
}

/// Starts it; returns when it no longer depends on this process or its terminal.
pub(super) fn start(root: &Path, token: &str, within: Duration) -> io::Result<()> {
    let mut child = Command::new(env::current_exe()?)
        .args(["tune", "undo-unless-confirmed", "--token", token, "--within-ms"])
        .arg(within.as_millis().to_string())
        .arg("--root")
        .arg(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    if line.trim() == ARMED { Ok(()) } else { Err(io::Error::other("it ended at once")) }
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    // Refused only to the leader of a group, which whoever is started by `start` is not.
    if let Err(error) = rustix::process::setsid() {
        terminal::note(format_args!("error: the terminal cannot be left: {error}"));
        return Exit::NotStarted;
    }
    terminal::answer(ARMED);
    let machine = arguments.root.machine();
    let (until, mut was_there) = (Instant::now() + Duration::from_millis(arguments.within_ms), false);
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        thread::sleep(left.min(LOOK));
        let is_there = matches!(pending(&machine), Ok(Some(pending)) if pending.token == arguments.token);
        if was_there && !is_there {
            return Exit::Done;
        }
        was_there |= is_there;
    }
    match revert_unconfirmed(&machine, &arguments.token) {
        Ok(true) => terminal::note("nobody has confirmed it: everything is as it was"),
        Ok(false) => {}
        Err(error) => {
            terminal::note(format_args!("error: {error}"));
            return Exit::Refused;
        }
    }
    Exit::Done
}
