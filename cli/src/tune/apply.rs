//! `tollgate tune apply`, `confirm` and `revert`: changing the machine and taking that back.
//!
//! With `--confirm-within`, who takes it back (`undo`) is started and has said so before the first value changes, so that a
//! machine which its operator can reach no more comes back by itself.

use super::{For, Root, plan, undo};
use crate::{
    exit::{Exit, help},
    terminal, time,
};
use clap::Args;
use std::{
    io::{IsTerminal, stdin},
    process,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tollgate_tuning::{Applied, Pending, apply};

/// Changes kernel settings and limits for a profile, as root; asks first
///
/// Writes down what there is, sets the values of the running kernel, and writes files for sysctl.d, tmpfiles.d and the
/// service's unit, so that they come back after a reboot. What fails half-way is undone. A value that is already better
/// stays. `tollgate tune revert` takes everything back.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  sudo tollgate tune apply\n  sudo tollgate tune apply --profile latency --yes --confirm-within 60s\n\n"
))]
pub(super) struct Arguments {
    #[command(flatten)]
    wanted: For,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Take it back unless `tollgate tune confirm` comes within this time; no file is written before
    #[arg(long, value_name = "TIME", value_parser = time::span)]
    confirm_within: Option<Duration>,
    #[command(flatten)]
    root: Root,
}

/// Keeps what `apply --confirm-within` has changed, and writes its files
#[derive(Args)]
pub(super) struct ConfirmArguments {
    #[command(flatten)]
    root: Root,
}

/// Takes back everything that `apply` has changed, exactly
#[derive(Args)]
pub(super) struct RevertArguments {
    #[command(flatten)]
    root: Root,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let plan = plan::make(&arguments.wanted, &arguments.root);
    terminal::answer(plan::shown(&plan));
    if plan.is_empty() {
        return Exit::Done;
    }
    if !arguments.root.may_change() || !(arguments.yes || is_wanted()) {
        return Exit::Refused;
    }
    let pending = match arguments.confirm_within.map(|within| arm(&arguments.root, within)).transpose() {
        Ok(pending) => pending,
        Err(error) => {
            terminal::note(format_args!(
                "error: who would take it back cannot be started, so nothing was changed: {error}"
            ));
            return Exit::NotStarted;
        }
    };
    match apply(&arguments.root.machine(), &plan, pending) {
        Ok(applied) => {
            terminal::answer(said(applied, arguments.confirm_within));
            Exit::Done
        }
        Err(error) => refused(&error),
    }
}

pub(super) fn confirm(arguments: &ConfirmArguments) -> Exit {
    if !arguments.root.may_change() {
        return Exit::Refused;
    }
    match tollgate_tuning::confirm(&arguments.root.machine()) {
        Ok(applied) => {
            terminal::answer(said(applied, None));
            Exit::Done
        }
        Err(error) => refused(&error),
    }
}

pub(super) fn revert(arguments: &RevertArguments) -> Exit {
    if !arguments.root.may_change() {
        return Exit::Refused;
    }
    match tollgate_tuning::revert(&arguments.root.machine()) {
        Ok(reverted) => {
            reverted.notes.iter().for_each(terminal::note);
            terminal::answer(format_args!("{} values and files are as they were. {RESTART}", reverted.count));
            Exit::Done
        }
        Err(error) => refused(&error),
    }
}

const RESTART: &str = "Limits hold from the next start: systemctl daemon-reload && systemctl restart tollgate";

fn said(applied: Applied, within: Option<Duration>) -> String {
    let Applied { values, files, waiting } = applied;
    match within {
        None => format!("{values} values are set and {files} files written. {RESTART}"),
        Some(within) => format!(
            "{values} values are set. `tollgate tune confirm` within {} s keeps them and writes {waiting} files; else they are \
             taken back.",
            within.as_secs_f64()
        ),
    }
}

fn refused(error: &dyn std::error::Error) -> Exit {
    terminal::note(format_args!("error: {error}"));
    Exit::Refused
}

/// Asks whether to go on.
fn is_wanted() -> bool {
    if stdin().is_terminal() {
        terminal::note("Do this? [y/N]");
    }
    let mut answer = String::new();
    let is_yes = stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes");
    if !is_yes {
        terminal::note("nothing was changed; `--yes` does it without a question");
    }
    is_yes
}

/// Starts who takes it back.
fn arm(root: &Root, within: Duration) -> std::io::Result<Pending> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Nobody else has this process number at this moment.
    let token = format!("{}-{}", process::id(), now.as_nanos());
    undo::start(&root.root, &token, within)?;
    Ok(Pending { token, until_s: (now + within).as_secs() })
}
