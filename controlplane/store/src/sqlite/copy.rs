//! Backups while others write, and restores into a store that runs, or to where none is.
//!
//! A backup is one state of the store in one file that needs nothing beside it. A restore prepares a copy of the backup
//! first (whole? ours? the right key?), gives it a new epoch and etags that were never given, and then replaces the
//! content of the running store by it in one transaction, or takes its place by a rename.

use super::migrate::{self, new_epoch, number, set_fact};
use crate::{
    error::{Error, Result},
    row::Mark,
    seal::Sealer,
};
use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Pages that are copied at a time.
const STEP_PAGES: i32 = 1024;
/// Changes that are left out between two epochs: more than are made while a restore is prepared.
const EPOCH_GAP: u64 = 1 << 32;
/// Between attempts while another process holds the file.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
const BUSY_ATTEMPTS: u32 = 1000;

/// Copies all of `from` into `to`.
fn copy(from: &Connection, to: &mut Connection) -> Result<()> {
    let copying = Backup::new(from, to)?;
    let mut busy = 0;
    loop {
        match copying.step(STEP_PAGES)? {
            StepResult::Done => return Ok(()),
            StepResult::More => busy = 0,
            _ if busy < BUSY_ATTEMPTS => {
                busy += 1;
                thread::sleep(BUSY_PAUSE);
            }
            _ => return Err(Error::Database("another process holds the store".into())),
        }
    }
}

/// Writes what `from` sees now into the file `to`, which is new unless it `replaces` one.
pub(super) fn backup(from: &Connection, to: &Path, replaces: bool) -> Result<()> {
    let failed = |cause| Error::File { path: to.to_owned(), cause };
    if to.exists() && !replaces {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let partial = beside(to, "partial");
    remove(&partial);
    let written = write(from, &partial).and_then(|()| {
        File::open(&partial).and_then(|file| file.sync_all()).map_err(failed)?;
        if replaces {
            return fs::rename(&partial, to).map_err(failed);
        }
        // A link fails where a rename would replace what came meanwhile.
        fs::hard_link(&partial, to).map_err(failed)
    });
    remove(&partial);
    written?;
    sync_folder(to).map_err(failed)
}

/// Makes the name `path` outlive the power.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn write(from: &Connection, partial: &Path) -> Result<()> {
    let failed = |cause| Error::File { path: partial.to_owned(), cause };
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(partial).map_err(failed)?;
    let mut to = Connection::open(partial)?;
    // One read transaction around all steps: writers go on, and the copy does not begin anew with each of them.
    let transaction = from.unchecked_transaction()?;
    migrate::mark(&transaction)?;
    copy(&transaction, &mut to)?;
    // So that the file needs no other beside it.
    to.pragma_update(None, "journal_mode", "delete")?;
    to.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// A backup that was looked at, ready to replace what is there.
pub(super) struct Staged {
    connection: Connection,
    path: Option<PathBuf>,
}

/// A copy of the backup `from`, beside the store at `store` or in memory.
pub(super) fn stage(from: &Path, store: Option<&Path>, sealer: &Sealer) -> Result<Staged> {
    let path = store.map(|store| beside(store, "restore"));
    let connection = match &path {
        Some(path) => {
            remove(path);
            let failed = |cause| Error::File { path: path.clone(), cause };
            OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map_err(failed)?;
            Connection::open(path)?
        }
        None => Connection::open_in_memory()?,
    };
    let mut staged = Staged { connection, path };
    let no_backup = |what: String| Error::NoBackup { path: from.to_owned(), what };
    let refused = |error: rusqlite::Error| no_backup(error.to_string());
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(refused)?;
    let verdict: String = source.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(refused)?;
    if verdict != "ok" {
        return Err(no_backup(verdict.lines().next().unwrap_or_default().to_owned()));
    }
    number(&source, "change").map_err(|_| no_backup("it is a database of something else".to_owned()))?;
    copy(&source, &mut staged.connection)?;
    migrate::prepare(&mut staged.connection, sealer)?;
    Ok(staged)
}

impl Staged {
    /// Begins an epoch in which every etag is higher than any that was given before, or is given until `replace` while
    /// writers go on.
    pub(super) fn begin_epoch(&mut self, given: u64) -> Result<Mark> {
        let transaction = self.connection.transaction()?;
        let change = number(&transaction, "change")?;
        // Higher than any in the backup too, so that each stays unique while they are changed one by one.
        let offset = given.max(change) + EPOCH_GAP;
        transaction.execute("UPDATE rows SET change = change + ?1", [offset])?;
        transaction.execute("DELETE FROM removed", [])?;
        set_fact(&transaction, "epoch", &new_epoch()?)?;
        for name in ["change", "floor"] {
            set_fact(&transaction, name, &(offset + change + 1).to_string())?;
        }
        let mark = migrate::mark(&transaction)?;
        transaction.commit()?;
        Ok(mark)
    }

    /// Replaces everything in `live`.
    pub(super) fn replace(&self, live: &mut Connection) -> Result<()> {
        // `live` is written to in one transaction, from the first page to the last.
        copy(&self.connection, live)
    }

    /// Becomes the store at `to`, where none is.
    pub(super) fn settle(self, to: &Path) -> Result<()> {
        let failed = |cause| Error::File { path: to.to_owned(), cause };
        // Its content is on the disk since the commit; what is left is its name.
        if let Some(path) = &self.path {
            fs::rename(path, to).map_err(failed)?;
        }
        sync_folder(to).map_err(failed)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            remove(path);
        }
    }
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(what);
    path.with_file_name(name)
}

/// Removes what an attempt before has left, or this one leaves; what is not there is no error.
fn remove(path: &Path) {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        drop(fs::remove_file(name));
    }
}
