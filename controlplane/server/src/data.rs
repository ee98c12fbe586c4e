//! The data directory: the store, the key its secrets are sealed with, and who has it open.
//!
//! ```text
//! DIR/tollgate.db  the store        DIR/seal.key  64 hexadecimal digits, for its owner alone
//! DIR/lock         held by the control plane that runs, for its whole life
//! ```
//!
//! With `TOLLGATE_SEAL_KEY` in the environment there is no file for the key, so that the directory alone opens nothing. The
//! lock is the system's: a process that is killed holds it no more.

use crate::ServerError;
use std::{
    env,
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};
use tollgate_keys::KeyRing;
use tollgate_store::{SealKey, Sealer, Sqlite, Store, Transactions as _};

/// The environment variable that may have the key.
pub(crate) const SEAL_KEY: &str = "TOLLGATE_SEAL_KEY";

/// A data directory, whether anything is in it or not.
pub(crate) struct Data<'d>(pub(crate) &'d Path);

impl Data<'_> {
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("tollgate.db")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.0.join("seal.key")
    }

    /// Holds the directory, which is made if it is not there; `None`: another process holds it.
    pub(crate) fn hold(&self) -> Result<Option<File>, ServerError> {
        let failed = |cause| ServerError::Data { path: self.0.to_owned(), cause };
        fs::create_dir_all(self.0).map_err(failed)?;
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).mode(0o600).open(self.0.join("lock"));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(failed(cause)),
        }
    }

    /// Opens the store, with the key of the environment or the file; both are made if they are not there.
    pub(crate) fn open(&self) -> Result<Arc<dyn Store>, ServerError> {
        let key = match env::var_os(SEAL_KEY) {
            Some(_) => SealKey::from_environment(SEAL_KEY)?,
            None => SealKey::from_file(&self.key())?,
        };
        Ok(Arc::new(Sqlite::open(&self.store(), Sealer::new(key, Vec::new()))?))
    }
}

/// The keys that tokens are signed with; the first ones are made.
pub(crate) fn key_ring(store: &dyn Store, now_s: u64) -> Result<KeyRing, ServerError> {
    store.write(|rows| Ok(KeyRing::open(rows, now_s)?))
}
