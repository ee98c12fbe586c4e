//! Where a configuration gets what is not in its text: environment variables and files.
//!
//! `resolve` asks only through [`Source`], so that a test or the simulator answers without touching the system. It is
//! used while a file is resolved and never by a worker.

use std::{env, fs, io, io::Read as _, path::Path};

use crate::limits;

/// The world outside of the text.
pub trait Source {
    /// The value of an environment variable, `None` when it is undefined or not Unicode.
    fn env(&self, name: &str) -> Option<String>;

    /// The text of a file.
    ///
    /// # Errors
    /// What the system says, and `InvalidData` for a file that is not UTF-8 or larger than
    /// [`FILE_BYTES_MAX`](crate::FILE_BYTES_MAX).
    fn read(&self, path: &Path) -> io::Result<String>;
}

/// Nothing outside of the text: no variable, no file. For configuration that must stand alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSource;

impl Source for NoSource {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn read(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// The real environment and file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSource;

impl Source for SystemSource {
    fn env(&self, name: &str) -> Option<String> {
        env::var(name).ok()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let mut bytes = Vec::new();
        // One byte past the bound tells a file at the bound from a larger (or endless) one.
        fs::File::open(path)?.take(limits::FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > limits::FILE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 256 MiB"));
        }
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text"))
    }
}
