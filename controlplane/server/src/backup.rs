//! Backups of a data directory, and what is made of one again.
//!
//! ```text
//! backup:  DIR/tollgate.db, whoever has it open -> FILE          (never the key)
//! restore: FILE -> whole? ours? does the key open it? -> DIR/tollgate.db, replaced as a whole
//! ```
//!
//! A control plane that runs goes on during both, and follows what was restored within seconds. Nothing is changed by what
//! is refused.

use crate::{
    ServerError,
    data::{Data, SEAL_KEY},
};
use std::{
    env,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};
use tollgate_store::{Error, SealKey, Sealer, Sqlite};

/// Writes one state of the store in the data directory `data` into the file `to`, which is new unless it `replaces` one.
///
/// # Errors
/// There is no store, or a file already, or it cannot be written.
pub fn backup(data: &Path, to: &Path, replaces: bool) -> Result<(), ServerError> {
    let store = Data(data).store();
    if !store.exists() {
        return Err(ServerError::NoStore(data.to_owned()));
    }
    match Sqlite::backup_of(&store, to, replaces) {
        Err(Error::File { path, cause }) if path == to => Err(ServerError::Backup { path, cause }),
        done => Ok(done?),
    }
}

/// What is restored, and where to.
#[derive(Clone, Copy, Debug)]
pub struct Restore<'r> {
    /// The data directory; made if it is not there.
    pub data: &'r Path,
    /// The backup.
    pub from: &'r Path,
    /// The key of the backup, for a directory that has none. It is copied there.
    pub seal_key: Option<&'r Path>,
    /// Whether a store that is there is replaced, one that is in use too.
    pub replaces: bool,
}

impl Restore<'_> {
    /// Restores.
    ///
    /// # Errors
    /// The directory is in use or has a store, and nobody said that it is replaced; there is no key, or it is another one;
    /// the file is no whole backup. Nothing is changed then.
    pub fn run(&self) -> Result<(), ServerError> {
        let data = Data(self.data);
        let lock = data.hold()?;
        if !self.replaces {
            if lock.is_none() {
                return Err(ServerError::InUse(self.data.to_owned()));
            }
            if data.store().exists() {
                return Err(ServerError::Occupied(self.data.to_owned()));
            }
        }
        let (key, copied) = self.key(&data)?;
        let done = Sqlite::restore_at(&data.store(), self.from, &Sealer::new(key, Vec::new()));
        if let (Err(_), Some(copied)) = (&done, copied) {
            // It was not there before.
            drop(fs::remove_file(copied));
        }
        done.map_err(|error| match error {
            Error::Sealed { .. } => ServerError::OtherKey(self.from.to_owned()),
            error => error.into(),
        })
    }

    /// The key, and the file it was copied to for the control plane to find it.
    fn key(&self, data: &Data<'_>) -> Result<(SealKey, Option<PathBuf>), ServerError> {
        let own = data.key();
        match (env::var_os(SEAL_KEY), self.seal_key) {
            (Some(_), None) => Ok((SealKey::from_environment(SEAL_KEY)?, None)),
            (None, None) if own.exists() => Ok((SealKey::from_file(&own)?, None)),
            (None, Some(from)) if from.exists() && !own.exists() => {
                let key = SealKey::from_file(from)?;
                // For its owner alone, whoever may read what it is copied from.
                let private = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&own);
                fs::read(from)
                    .and_then(|text| {
                        let mut file = private()?;
                        file.write_all(&text)?;
                        file.sync_all()
                    })
                    .map_err(|cause| ServerError::Data { path: own.clone(), cause })?;
                Ok((key, Some(own)))
            }
            (None, Some(from)) if from.exists() => Err(ServerError::TwoKeys(own)),
            (Some(_), Some(_)) => Err(ServerError::TwoKeys(SEAL_KEY.into())),
            (None, from) => Err(ServerError::NoKey(from.map_or(own, Path::to_owned))),
        }
    }
}
