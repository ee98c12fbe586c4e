//! Where access records go, and how that is opened.
//!
//! Either way the result is a plain file that is written without a buffer of its own: blocks are large already. Nothing is
//! ever truncated or rotated.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Permissions of a file the journal creates: access records name clients, so they are not for everyone.
const FILE_MODE: u32 = 0o640;

/// Where access records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Appended to this file, which is made with its parent folders if it is not there.
    File(PathBuf),
    /// Written to standard output.
    Stdout,
}

impl Destination {
    pub(crate) fn open(&self) -> io::Result<File> {
        match self {
            Self::File(path) => open_file(path),
            // A descriptor of its own: `std::io::Stdout` would look for line ends and buffer what is behind the last.
            Self::Stdout => Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stdout => f.write_str("standard output"),
        }
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)
}
