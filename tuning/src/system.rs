//! The one way to the machine: files below a root folder.
//!
//! `/` is the machine itself; a test gives a folder with a `proc`, a `sys` and an `etc` of its own, and nothing else is
//! read or written. What is kept is written whole or not at all: a file beside it, fsync, rename, fsync of the folder.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Bytes of a file that are read: those of the kernel are small.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a machine is asked and told. Paths begin with `/`.
pub trait System {
    /// The text of a file.
    ///
    /// # Errors
    /// It is not there, or may not be read.
    fn read(&self, path: &str) -> io::Result<String>;

    /// Names in a folder, sorted; empty if there is none.
    fn list(&self, path: &str) -> Vec<String>;

    /// Whether a value could be given there; nothing is written.
    ///
    /// # Errors
    /// Why not.
    fn may_set(&self, path: &str) -> io::Result<()>;

    /// Gives a value to a file of the kernel.
    ///
    /// # Errors
    /// The kernel does not take it.
    fn set(&self, path: &str, value: &str) -> io::Result<()>;

    /// Writes a file that is kept, whole or not at all, with its folders.
    ///
    /// # Errors
    /// It could not be written; the one before it stands.
    fn keep(&self, path: &str, text: &str, mode: u32) -> io::Result<()>;

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// It may not be removed.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Removes a folder if it is there and empty.
    fn remove_empty(&self, path: &str);

    /// The permissions of a file or folder; `None` if it is not there.
    fn mode(&self, path: &str) -> Option<u32>;

    /// Waits until nobody else has this file locked; whoever has it unlocks it by dropping it.
    ///
    /// # Errors
    /// It could not be made or locked.
    fn lock(&self, path: &str) -> io::Result<File>;
}

/// Files below a root folder.
#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
}

impl Machine {
    /// Below `root`; `/` is the machine itself.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Whether it is the machine itself.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.root == Path::new("/")
    }

    fn place(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn make_folders(&self, folder: &Path) -> io::Result<()> {
        // Each folder's own folder is synced, or a crash could take the file away with it.
        let missing: Vec<_> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
        for folder in missing.into_iter().rev() {
            fs::create_dir(folder)?;
            sync_folder(folder.parent().unwrap_or(folder))?;
        }
        Ok(())
    }
}

impl System for Machine {
    fn read(&self, path: &str) -> io::Result<String> {
        let mut text = String::new();
        io::Read::read_to_string(&mut io::Read::take(File::open(self.place(path))?, FILE_BYTES_MAX), &mut text)?;
        Ok(text)
    }

    fn list(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.place(path)).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    fn may_set(&self, path: &str) -> io::Result<()> {
        // A value is only given by writing; opening alone changes nothing.
        OpenOptions::new().write(true).open(self.place(path)).map(drop)
    }

    fn set(&self, path: &str, value: &str) -> io::Result<()> {
        // One write with the whole value, as the kernel wants it; an ordinary file is cut first.
        let mut file = OpenOptions::new().write(true).truncate(true).open(self.place(path))?;
        file.write_all(format!("{value}\n").as_bytes())
    }

    fn keep(&self, path: &str, text: &str, mode: u32) -> io::Result<()> {
        let path = self.place(path);
        let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
        self.make_folders(folder)?;
        let beside = path.with_added_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| {
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            file.sync_all()
        });
        if let Err(error) = written.and_then(|()| fs::rename(&beside, &path)) {
            // What is half written is of no use to anybody; the error is told.
            let _ = fs::remove_file(&beside);
            return Err(error);
        }
        sync_folder(folder)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let path = self.place(path);
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(path.parent().unwrap_or(&path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn remove_empty(&self, path: &str) {
        // One that is not empty has become somebody else's, and stays.
        let _ = fs::remove_dir(self.place(path));
    }

    fn mode(&self, path: &str) -> Option<u32> {
        fs::metadata(self.place(path)).ok().map(|found| found.mode() & 0o7777)
    }

    fn lock(&self, path: &str) -> io::Result<File> {
        let path = self.place(path);
        self.make_folders(path.parent().ok_or(ErrorKind::InvalidInput)?)?;
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.lock()?;
        Ok(file)
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_with_its_folders() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::at(root.path());
        machine.keep("/etc/a/b/file", "text", 0o640).unwrap();
        assert_eq!(
            (machine.read("/etc/a/b/file").unwrap().as_str(), machine.mode("/etc/a/b/file")),
            ("text", Some(0o640))
        );
        assert_eq!(machine.list("/etc/a/b"), ["file"], "nothing is left beside it");
        machine.remove_empty("/etc/a/b");
        assert_eq!(machine.mode("/etc/a/b"), Some(0o755), "a folder with something in it stays");
        machine.remove("/etc/a/b/file").unwrap();
        machine.remove("/etc/a/b/file").unwrap();
        machine.remove_empty("/etc/a/b");
        assert!(machine.list("/etc/a").is_empty());
    }

    #[test]
    fn a_value_replaces_a_longer_one() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::at(root.path());
        machine.keep("/proc/sys/x", "4096 131072 6291456\n", 0o644).unwrap();
        assert!(machine.may_set("/proc/sys/x").is_ok() && machine.may_set("/proc/sys/y").is_err());
        machine.set("/proc/sys/x", "7").unwrap();
        assert_eq!(machine.read("/proc/sys/x").unwrap(), "7\n");
        assert!(machine.set("/proc/sys/y", "7").is_err(), "the kernel's files are never made");
    }
}
