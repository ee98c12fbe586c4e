//! `tollgate backup` and `tollgate restore`: the store of a data directory into one file, and back.
//!
//! Both work on the directory itself, whether a control plane runs on it or not; neither asks it. What goes wrong is told with
//! its remedy by `tollgate_server`.

use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::Args;
use std::{fs, path::PathBuf};
use tollgate_server::{Restore, ServerError};

/// Writes the store of a control plane into one file, while it runs
///
/// The file is one state of everything that is managed: what was acknowledged before, and no transaction by half. Secrets in
/// it stay sealed. The key that opens them (DIR/seal.key, or TOLLGATE_SEAL_KEY) is NOT in it: keep it separately, as whoever
/// has both has everything, and a backup without its key cannot be restored.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate backup --data /var/lib/tollgate /backups/monday.db\n  \
     tollgate backup --data ./data --force latest.db\n\n"
))]
pub(crate) struct Arguments {
    /// Where to
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the store is
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Replace FILE if it is there
    #[arg(long)]
    force: bool,
}

/// Makes the store of a control plane what is in a backup
///
/// The backup is looked at first: that it is whole, of this version or an older one, and that the sealing key opens it. What
/// is refused changes nothing. A control plane that runs on DIR follows what was restored within seconds.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate restore --data /var/lib/tollgate --seal-key /safe/seal.key /backups/monday.db\n  \
     tollgate restore --data ./data --force latest.db\n\n"
))]
pub(crate) struct RestoreArguments {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the store is to be; made if it is not there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The key that the backup was made with, if neither DIR nor TOLLGATE_SEAL_KEY has it; it is copied into DIR
    #[arg(long, value_name = "FILE")]
    seal_key: Option<PathBuf>,
    /// Replace the store that is there, as a whole; also one that is in use
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let Arguments { file, data, force } = arguments;
    told(tollgate_server::backup(data, file, *force), || {
        let bytes = fs::metadata(file).map_or(0, |file| file.len());
        terminal::answer(format_args!("{}: {bytes} bytes", file.display()));
        terminal::note("the key that opens its secrets is not in it: keep that separately");
    })
}

pub(crate) fn restore(arguments: &RestoreArguments) -> Exit {
    let RestoreArguments { file, data, seal_key, force } = arguments;
    let restore = Restore { data, from: file, seal_key: seal_key.as_deref(), replaces: *force };
    told(restore.run(), || terminal::answer(format_args!("{}: restored from {}", data.display(), file.display())))
}

fn told(done: Result<(), ServerError>, good: impl FnOnce()) -> Exit {
    match done {
        Ok(()) => {
            good();
            Exit::Done
        }
        Err(error) => {
            terminal::note(format_args!("error: {error}"));
            Exit::Refused
        }
    }
}
