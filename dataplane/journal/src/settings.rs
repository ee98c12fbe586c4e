//! What a journal is told: where records go, how they are written, when a segment is closed and how many are kept.
//!
//! Plain values; what they mean is decided by `rotation` and `retention`.

use std::{fmt, path::PathBuf, time::Duration};

/// Where access records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Into a series of segments.
    File(LogFile),
    /// Written to standard output, by plain writes.
    Stdout,
}

/// A series of segments: the current one under `path`, the closed ones beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// The current segment. It is made with its parent folders if it is not there.
    pub path: PathBuf,
    /// How blocks get into it.
    pub writer: Writer,
    /// When it is closed and a new one begun.
    pub rotation: Rotation,
    /// Which closed ones are kept.
    pub retention: Retention,
}

impl LogFile {
    /// One file that grows without end, written by plain writes.
    #[must_use]
    pub fn plain(path: impl Into<PathBuf>) -> Self {
        let (rotation, retention) = (Rotation::default(), Retention::default());
        Self { path: path.into(), writer: Writer::Plain, rotation, retention }
    }
}

/// How blocks get into a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writer {
    /// `write(2)`, through the page cache.
    #[default]
    Plain,
    /// Direct I/O, past the page cache. **Whoever asks for it has made sure that the kernel grants io_uring**: where it
    /// does not, the library behind it ends the process.
    Direct,
    /// [`Writer::Direct`], or [`Writer::Plain`] where the file system or the limit of locked memory forbids it; with the
    /// same duty.
    Auto,
}

/// When the current segment is closed. Neither: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Before it would be larger than this, in bytes. One block may be larger alone.
    pub size: Option<u64>,
    /// At each multiple of this since 1970-01-01T00:00Z, if it holds anything. At least a second.
    pub every: Option<Duration>,
}

/// Which closed segments are kept: those within all bounds, the newest first. No bound: all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// So many.
    pub files: Option<usize>,
    /// So many bytes, all of them together.
    pub bytes: Option<u64>,
    /// For so long after the last record was written to them.
    pub age: Option<Duration>,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "{}", file.path.display()),
            Self::Stdout => f.write_str("standard output"),
        }
    }
}
