//! The embedded store: one SQLite file in WAL, one connection that writes, a few that read.
//!
//! A commit is synced before it is acknowledged (`synchronous=FULL`). Readers see the state their transaction began with
//! and never wait for the writer. In memory, for tests and trials, one connection does both and they take turns. Writes
//! of other processes are seen at once, and heard of by `wait` with the next look (`LOOK`).

mod copy;
mod migrate;
mod pool;
mod query;
mod rows;
mod usage;

use crate::{
    error::{Error, Result},
    row::Mark,
    seal::Sealer,
    store::{Reading, Store, Writing},
};
use pool::Pool;
use rows::Session;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::{
    fs::{self, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Connections that read at the same time.
const READERS: usize = 4;
/// How long a writer waits for one of another process.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// Pages of each connection's cache, in KiB.
const CACHE_KIB: i64 = 4096;
/// What is left of the WAL after a checkpoint, in bytes.
const WAL_BYTES_MAX: i64 = 64 << 20;
/// How often who waits looks for what other processes have written.
const LOOK: Duration = Duration::from_secs(2);
/// Removals that are remembered for those who follow changes.
const REMOVED_MAX: u64 = 100_000;

/// A store in a file, or in memory.
pub struct Sqlite {
    path: Option<PathBuf>,
    sealer: Sealer,
    writer: Mutex<Connection>,
    /// `None`: in memory, where the writer reads too.
    readers: Option<Pool>,
    /// Where the store is after the last commit, and whether nobody is to wait for another any more.
    mark: Mutex<(Mark, bool)>,
    committed: Condvar,
}

impl Sqlite {
    /// Opens the store in the file `path`; makes it, for its owner alone, if there is none.
    ///
    /// # Errors
    /// `File`, `Newer`, `Sealed` if its secrets have another key, or those of the database.
    pub fn open(path: &Path, sealer: Sealer) -> Result<Self> {
        let failed = |cause| Error::File { path: path.to_owned(), cause };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        // SQLite would make it for everybody; what it puts beside it has the same permissions.
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(failed)?;
        let mut writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        writer.pragma_update(None, "journal_mode", "wal")?;
        let mark = migrate::prepare(&mut writer, &sealer)?;
        let readers = (0..READERS).map(|_| connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)).collect::<Result<_>>()?;
        Ok(Self::new(Some(path.to_owned()), sealer, writer, Some(Pool::new(readers)), mark))
    }

    /// A store that is gone when it is dropped.
    ///
    /// # Errors
    /// Those of the database.
    pub fn in_memory(sealer: Sealer) -> Result<Self> {
        let mut writer = Connection::open_in_memory()?;
        let mark = migrate::prepare(&mut writer, &sealer)?;
        Ok(Self::new(None, sealer, writer, None, mark))
    }

    /// Writes one state of the store in the file `path` into the file `to`, whoever has it open, and without its key. `to`
    /// is a new file, unless it `replaces` one.
    ///
    /// # Errors
    /// `File`, if there is no store, or there is a file already, or it cannot be written; `Database`, if it is no store.
    pub fn backup_of(path: &Path, to: &Path, replaces: bool) -> Result<()> {
        fs::metadata(path).map_err(|cause| Error::File { path: path.to_owned(), cause })?;
        copy::backup(&connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, to, replaces)
    }

    /// Makes the store in the file `path` what is in the backup `from`: as a whole, or nothing is changed. A process that
    /// has the store open goes on with what was restored. The key is that of the backup; the store there was may have had
    /// another.
    ///
    /// # Errors
    /// `NoBackup`, `Newer`; `Sealed`, if the secrets of the backup have another key; `File`; `Database`, if what is there
    /// is no store.
    pub fn restore_at(path: &Path, from: &Path, sealer: &Sealer) -> Result<()> {
        let mut staged = copy::stage(from, Some(path), sealer)?;
        if !path.exists() {
            staged.begin_epoch(0)?;
            return staged.settle(path);
        }
        let mut live = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let given = migrate::number(&live, "change")?;
        staged.begin_epoch(given)?;
        staged.replace(&mut live)
    }

    fn new(path: Option<PathBuf>, sealer: Sealer, writer: Connection, readers: Option<Pool>, mark: Mark) -> Self {
        Self {
            path,
            sealer,
            writer: Mutex::new(writer),
            readers,
            mark: Mutex::new((mark, false)),
            committed: Condvar::new(),
        }
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        // A panic inside a transaction has rolled it back.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_on(&self, connection: &Connection, work: &mut Reading<'_>) -> Result<()> {
        let transaction = connection.unchecked_transaction()?;
        let session = Session::reading(&transaction, &self.sealer);
        work(&session)
    }

    /// Tells what other processes have written.
    fn look(&self) -> Result<()> {
        let writer = self.writer();
        self.tell(migrate::mark(&writer)?);
        Ok(())
    }

    fn tell(&self, mark: Mark) {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).0 = mark;
        self.committed.notify_all();
    }
}

/// A connection as all of them are.
fn connect(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_MAX)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_MAX)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

impl Store for Sqlite {
    fn run(&self, work: &mut Reading<'_>) -> Result<()> {
        match &self.readers {
            Some(readers) => self.read_on(&readers.take(), work),
            None => self.read_on(&self.writer(), work),
        }
    }

    fn run_mut(&self, work: &mut Writing<'_>) -> Result<()> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut session = Session::writing(&transaction, &self.sealer)?;
        work(&mut session)?;
        let mark = session.finish()?;
        transaction.commit()?;
        // While the writer is held, so that marks are told in their order.
        self.tell(mark);
        Ok(())
    }

    fn wait(&self, mark: &Mark, most: Duration) -> Result<Mark> {
        let begun = Instant::now();
        loop {
            let left = most.saturating_sub(begun.elapsed());
            let now = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
            let waited =
                self.committed.wait_timeout_while(now, left.min(LOOK), |(now, is_over)| now == mark && !*is_over);
            let (now, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if !waited.timed_out() || left <= LOOK {
                return Ok(now.0.clone());
            }
            drop(now);
            self.look()?;
        }
    }

    fn end_waits(&self) {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.committed.notify_all();
    }

    fn backup(&self, to: &Path) -> Result<()> {
        match &self.path {
            Some(path) => copy::backup(&connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, to, false),
            None => copy::backup(&self.writer(), to, false),
        }
    }

    fn restore(&self, from: &Path) -> Result<()> {
        let mut staged = copy::stage(from, self.path.as_deref(), &self.sealer)?;
        let given = migrate::number(&self.writer(), "change")?;
        let mark = staged.begin_epoch(given)?;
        let mut writer = self.writer();
        staged.replace(&mut writer)?;
        self.tell(mark);
        Ok(())
    }
}
