//! What can go wrong with the store, and whose doing it is.
//!
//! `Conflict` and `Cursor` are the caller's, and expected. The others are the installation's: their text is for logs, and
//! holds no record.

use std::{error::Error as StdError, fmt, io, path::PathBuf};

/// Why something was not read or written.
#[derive(Debug)]
pub enum Error {
    /// The row is not in the state that was expected: somebody else wrote it (412).
    Conflict {
        /// Its etag now; `None`: there is no such row.
        found: Option<u64>,
    },
    /// A cursor that no list gave (422).
    Cursor,
    /// Changes since a mark are not known any more, or the store was restored since: read everything anew.
    Reset,
    /// A row is no record of its kind.
    Damaged {
        /// Kind and key.
        row: String,
        /// What serde says of it.
        cause: serde_json::Error,
    },
    /// A secret cannot be opened: the key is another one, or it was changed.
    Sealed {
        /// What to do.
        remedy: String,
    },
    /// The store was written by a newer version of the program.
    Newer {
        /// What it has and this program has not.
        what: String,
    },
    /// A file cannot be used.
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file is no backup of a store, or is damaged.
    NoBackup {
        /// Which one.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// The database refuses.
    Database(Box<dyn StdError + Send + Sync>),
    /// The caller's own refusal: what was written in the transaction is undone. Never seen outside of this crate.
    Aborted,
}

/// A result of the store.
pub type Result<T> = std::result::Result<T, Error>;

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { found: Some(_) } => f.write_str("the record was changed since it was read"),
            Self::Conflict { found: None } => f.write_str("the record does not exist"),
            Self::Cursor => f.write_str("this cursor is of no list"),
            Self::Reset => f.write_str("changes since then are not known any more"),
            Self::Damaged { row, cause } => write!(f, "{row} is damaged: {cause}"),
            Self::Sealed { remedy } => write!(f, "a secret of the store cannot be opened: {remedy}"),
            Self::Newer { what } => write!(f, "the store belongs to a newer version: {what}"),
            Self::File { path, cause } => write!(f, "{}: {cause}", path.display()),
            Self::NoBackup { path, what } => write!(f, "{} is no whole backup: {what}", path.display()),
            Self::Database(cause) => write!(f, "the database refuses: {cause}"),
            Self::Aborted => f.write_str("undone"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Damaged { cause, .. } => Some(cause),
            Self::File { cause, .. } => Some(cause),
            Self::Database(cause) => Some(cause.as_ref()),
            _ => None,
        }
    }
}
