//! Where a configuration gets what is not in its text: environment variables, files, addresses of names.
//!
//! `resolve` asks only through [`Source`], so that a test or the simulator answers without touching the system. It is
//! used while a file is resolved and never by a worker.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    env, fs, io,
    io::Read as _,
    net::{SocketAddr, ToSocketAddrs as _},
    path::{Path, PathBuf},
};

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

    /// The names of the files in a folder, in any order.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// All addresses of a host name. Blocks.
    ///
    /// # Errors
    /// What the system says: unknown name, no answer.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// Nothing outside of the text: no variable, no file, no name. For configuration that must stand alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSource;

impl Source for NoSource {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn read(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// The real environment, file system and resolver.
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

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            // A name that is not Unicode could not be written into a file either.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }
}

/// A source that remembers which files and folders it was asked for.
pub(crate) struct Recorder<'s> {
    source: &'s dyn Source,
    asked: RefCell<BTreeSet<PathBuf>>,
}

impl<'s> Recorder<'s> {
    pub(crate) fn new(source: &'s dyn Source) -> Self {
        Self { source, asked: RefCell::default() }
    }

    /// What it was asked for since the last call.
    pub(crate) fn take(&self) -> BTreeSet<PathBuf> {
        self.asked.take()
    }
}

impl Source for Recorder<'_> {
    fn env(&self, name: &str) -> Option<String> {
        self.source.env(name)
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        self.asked.borrow_mut().insert(path.to_owned());
        self.source.read(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.asked.borrow_mut().insert(folder.to_owned());
        self.source.list(folder)
    }

    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.source.resolve(host, port)
    }
}
