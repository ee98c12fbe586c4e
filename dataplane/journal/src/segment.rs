//! A segment: one file that takes blocks, and how it is opened for the only writer or for one of several.
//!
//! A regular file is locked (`flock`), so that a second process at the same path (a successor while this one drains, or a
//! mistake) cannot tear lines: plain writers share a file, the direct writer wants it alone. Whoever is alone with it cuts
//! what a crash left behind its last whole line. Pipes and devices are neither locked nor cut.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    ops::Deref,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use memchr::{memchr_iter, memrchr};

use crate::{closed, limits::TORN_BYTES_MAX};

/// Permissions of a file the journal creates: access records name clients, so they are not for everyone.
const FILE_MODE: u32 = 0o640;

/// Takes blocks to a file. After an error it is of no use any more.
pub(crate) trait Segment {
    /// Appends whole records. They may be held back until [`Segment::flush`] or the next call.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Writes what is held back.
    fn flush(&mut self) -> io::Result<()>;

    /// Bytes that are held back.
    fn held(&self) -> usize;

    /// What has come into the file since it was opened.
    fn written(&self) -> Written;

    /// The file.
    fn file(&self) -> &File;

    /// How long the file must be, for a writer that writes by position; another length means another hand.
    fn length(&self) -> Option<u64>;
}

/// Records and bytes that are in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// The last of the bytes did not end a line.
    pub(crate) is_torn: bool,
}

impl Written {
    /// Counts bytes that have come into the file; a record is counted with the end of its line.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.records += memchr_iter(b'\n', bytes).count() as u64;
        self.bytes += bytes.len() as u64;
        self.is_torn = bytes.last().map_or(self.is_torn, |byte| *byte != b'\n');
    }
}

/// How a writer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// At the end, wherever that is: several writers may.
    Append,
    /// By position: one writer may.
    Position,
}

/// A file that is open for writing.
pub(crate) struct Opened {
    pub(crate) file: Held,
    pub(crate) is_regular: bool,
}

/// A file, and the lock on it if it has one. Dropping it lets go of the lock itself: closing alone would not while a process
/// that is just being started has a copy of the descriptor.
pub(crate) struct Held {
    file: File,
    is_locked: bool,
}

impl Held {
    /// A file without a lock of ours: somebody else's on the same open file stays.
    pub(crate) const fn unlocked(file: File) -> Self {
        Self { file, is_locked: false }
    }
}

impl Deref for Held {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_locked {
            // Where it fails, closing is all there is.
            let _ = self.file.unlock();
        }
    }
}

/// Opens `path`, which is made with its parent folders if it is not there; the end of a regular file is repaired.
///
/// # Errors
/// Besides those of the system, `WouldBlock` if another process writes to the file and the two cannot share it.
pub(crate) fn open(path: &Path, access: Access) -> io::Result<Opened> {
    fs::create_dir_all(closed::folder(path))?;
    let mut options = OpenOptions::new();
    match access {
        Access::Append => options.append(true),
        Access::Position => options.write(true),
    };
    if !fs::metadata(path).map_or(true, |metadata| metadata.is_file()) {
        return Ok(Opened { file: Held::unlocked(options.open(path)?), is_regular: false });
    }
    let file = options.read(true).create(true).mode(FILE_MODE).open(path)?;
    let share = lock(&file, access)?;
    let file = Held { file, is_locked: true };
    if share == Share::Alone {
        repair(&file)?;
    }
    Ok(Opened { file, is_regular: true })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Share {
    Alone,
    WithOthers,
}

fn lock(file: &File, access: Access) -> io::Result<Share> {
    match (file.try_lock(), access) {
        // Alone: others like us may come. Between the two there is a moment without a lock, in which nothing is written.
        (Ok(()), Access::Append) => file.try_lock_shared().map(|()| Share::Alone).map_err(io::Error::from),
        // A file system without locks: trust the configuration.
        (Ok(()), Access::Position) | (Err(TryLockError::Error(_)), _) => Ok(Share::Alone),
        (Err(TryLockError::WouldBlock), Access::Position) => Err(io::ErrorKind::WouldBlock.into()),
        (Err(TryLockError::WouldBlock), Access::Append) => {
            file.try_lock_shared().map(|()| Share::WithOthers).map_err(io::Error::from)
        }
    }
}

/// Cuts what is behind the last whole line. Where none ends within [`TORN_BYTES_MAX`], the line is ended instead.
fn repair(file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TORN_BYTES_MAX);
    let mut end = vec![0; usize::try_from(length - from).unwrap_or_default()];
    file.read_exact_at(&mut end, from)?;
    match memrchr(b'\n', &end) {
        Some(line_feed) if line_feed + 1 == end.len() => Ok(()),
        Some(line_feed) => file.set_len(from + line_feed as u64 + 1),
        None if from == 0 => file.set_len(0),
        None => file.write_all_at(b"\n", length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repaired(text: &[u8]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        fs::write(&path, text).unwrap();
        open(&path, Access::Position).unwrap();
        fs::read(&path).unwrap()
    }

    #[test]
    fn what_a_crash_left_is_cut_to_the_last_whole_line() {
        assert_eq!(repaired(b""), b"");
        assert_eq!(repaired(b"one\ntwo\n"), b"one\ntwo\n");
        assert_eq!(repaired(b"one\ntw"), b"one\n");
        assert_eq!(repaired(b"one\ntw\0\0\0"), b"one\n");
        assert_eq!(repaired(b"on"), b"");
    }

    #[test]
    fn a_line_too_long_to_be_ours_is_ended_and_stays() {
        let mut text = vec![b'x'; TORN_BYTES_MAX as usize + 1];
        let mut expected = text.clone();
        expected.push(b'\n');
        assert_eq!(repaired(&text), expected);
        text[1] = b'\n';
        assert_eq!(repaired(&text), b"x\n");
    }

    #[test]
    fn plain_writers_share_a_file_and_a_direct_one_has_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("of/parents/access.log");
        let first = open(&path, Access::Append).unwrap();
        fs::write(&path, "half a li").unwrap();
        let second = open(&path, Access::Append).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"half a li", "not cut under the other's hands");
        let refused = |access| open(&path, access).map(drop).unwrap_err().kind();
        assert_eq!(refused(Access::Position), io::ErrorKind::WouldBlock);
        // What a process gets that is being started has no part in the lock.
        let copies = [first.file.try_clone().unwrap(), second.file.try_clone().unwrap()];
        drop((first, second));
        let _alone = open(&path, Access::Position).unwrap();
        assert_eq!(refused(Access::Append), io::ErrorKind::WouldBlock);
        drop(copies);
    }
}
