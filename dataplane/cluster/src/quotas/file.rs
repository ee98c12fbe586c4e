//! The file of quotas on disk: read whole, added to, replaced as a whole.
//!
//! It is mode 0600, since the secret that keys are hashed with stands in it. What is added is synced; a crash while it is
//! replaced ([`crate::replace()`]) leaves the old one or the new one. A node locks a file
//! beside it (`PATH.lock`) for as long as it runs: two that add to one file would each undo what the other counted.

use super::{
    kept::Kept,
    record::{self, Counts, Header, HeaderError},
};
use crate::replace;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A file is read into memory whole.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Nobody else writes the file while this lives.
pub(super) struct Locked {
    file: File,
}

impl Locked {
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        let path = path.with_added_extension("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another node that runs keeps its quotas there: give each its own `quota_store.path`",
            ),
        })?;
        Ok(Self { file })
    }
}

/// Closing alone does not release it while a process that is just being started has a copy of the descriptor.
impl Drop for Locked {
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            eprintln!("tollgate: WARNING: the lock of the quotas is kept until this process ends: {error}");
        }
    }
}

/// What is in the file; nothing if there is none. A file whose header cannot be read is put aside (`PATH.damaged`).
pub(super) fn read(path: &Path) -> io::Result<(Option<Header>, Kept)> {
    let mut kept = Kept::default();
    let bytes = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, kept)),
        Err(error) => return Err(error),
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => return Err(io::ErrorKind::FileTooLarge.into()),
        Ok(_) => fs::read(path)?,
    };
    let refused = |why: String| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let shown = path.display();
    match Header::read(&bytes) {
        Ok((header, rest)) => {
            let left = record::read(rest, |identity, key, usage| kept.note(identity, key, usage));
            if left > 0 {
                eprintln!("tollgate: quotas: the last {left} bytes of {shown} are not whole and are left out");
            }
            Ok((Some(header), kept))
        }
        Err(HeaderError::Foreign) => refused("there is a file that is not one of quotas".to_owned()),
        Err(HeaderError::Version(version)) => refused(format!("it has version {version}, of a later release")),
        Err(HeaderError::Damaged) => {
            eprintln!("tollgate: WARNING: {shown} is damaged: quotas begin anew, it is put aside as {shown}.damaged");
            fs::rename(path, path.with_added_extension("damaged"))?;
            Ok((None, kept))
        }
    }
}

/// The file, open for adding.
pub(super) struct QuotaFile {
    path: PathBuf,
    header: Header,
    file: File,
    bytes: u64,
    /// What it had when it was last replaced.
    bytes_first: u64,
    _lock: Locked,
}

impl QuotaFile {
    /// Writes the file anew.
    pub(super) fn create(path: &Path, header: Header, counts: &[Counts], lock: Locked) -> io::Result<Self> {
        let (file, bytes) = write_anew(path, &header, counts)?;
        Ok(Self { path: path.to_owned(), header, file, bytes, bytes_first: bytes, _lock: lock })
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it has grown by `bytes_min` and to more than `times` what it was.
    pub(super) const fn has_grown(&self, times: u64, bytes_min: u64) -> bool {
        self.bytes > self.bytes_first + bytes_min && self.bytes > self.bytes_first * times
    }

    /// Adds counts, and returns when they are on disk.
    ///
    /// # Errors
    /// What is behind the last whole frame is undefined then, until it is replaced.
    pub(super) fn append(&mut self, counts: &[Counts]) -> io::Result<()> {
        if counts.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        counts.iter().for_each(|counts| counts.write(&mut bytes));
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Puts counts in place of all that is in it.
    pub(super) fn replace(&mut self, counts: &[Counts]) -> io::Result<()> {
        (self.file, self.bytes) = write_anew(&self.path, &self.header, counts)?;
        self.bytes_first = self.bytes;
        Ok(())
    }
}

fn write_anew(path: &Path, header: &Header, counts: &[Counts]) -> io::Result<(File, u64)> {
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    counts.iter().for_each(|counts| counts.write(&mut bytes));
    Ok((replace(path, &bytes)?, bytes.len() as u64))
}
