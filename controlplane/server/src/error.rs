//! Why a control plane does not start, or its data directory is not backed up or restored.
//!
//! Each says where and what to do instead. No text has a record or a secret in it.

use std::{error::Error as StdError, fmt, io, net::SocketAddr, path::PathBuf};
use tollgate_console::ConsoleError;
use tollgate_keys::RingError;
use tollgate_store::Error;

/// Why a control plane does not start.
#[derive(Debug)]
pub enum ServerError {
    /// The data directory cannot be made.
    Data {
        /// Which one.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The data directory is that of another control plane, which runs.
    InUse(PathBuf),
    /// The data directory has a store, which was not to be replaced.
    Occupied(PathBuf),
    /// The data directory has none.
    NoStore(PathBuf),
    /// The backup cannot be written.
    Backup {
        /// Where to.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The backup was sealed with another key.
    OtherKey(PathBuf),
    /// There is no key where it was looked for.
    NoKey(PathBuf),
    /// A key was named, and this has one already.
    TwoKeys(PathBuf),
    /// The store cannot be opened, or read.
    Store(Error),
    /// There are no keys to sign tokens with.
    Keys(RingError),
    /// The pages cannot be made.
    Console(ConsoleError),
    /// The address cannot be had.
    Bind {
        /// Which one.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// There are no threads left.
    Thread(io::Error),
}

impl From<Error> for ServerError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<RingError> for ServerError {
    fn from(error: RingError) -> Self {
        Self::Keys(error)
    }
}

impl From<ConsoleError> for ServerError {
    fn from(error: ConsoleError) -> Self {
        Self::Console(error)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data { path, cause } => write!(f, "the data directory {} cannot be used: {cause}", path.display()),
            Self::InUse(path) => write!(
                f,
                "the data directory {} is in use by a control plane that runs: stop it, or choose another with `--data`",
                path.display()
            ),
            Self::Occupied(path) => write!(
                f,
                "the data directory {} has a store: choose another with `--data`, or replace all of it with `--force`",
                path.display()
            ),
            Self::NoStore(path) => write!(
                f,
                "there is no store in {}: name the data directory of a control plane with `--data`",
                path.display()
            ),
            Self::Backup { path, cause } if cause.kind() == io::ErrorKind::AlreadyExists => {
                write!(f, "{} is there already: choose another name, or replace it with `--force`", path.display())
            }
            Self::Backup { path, cause } => write!(f, "{} cannot be written: {cause}", path.display()),
            Self::OtherKey(path) => write!(
                f,
                "the secrets in {} are sealed with another key: name the one that was `seal.key` beside the store when the \
                 backup was made, with `--seal-key FILE` or in TOLLGATE_SEAL_KEY",
                path.display()
            ),
            Self::NoKey(path) => write!(
                f,
                "there is no sealing key in {}: a backup is restored with the key it was made with, from `--seal-key FILE` or \
                 TOLLGATE_SEAL_KEY",
                path.display()
            ),
            Self::TwoKeys(path) => write!(
                f,
                "{} has a sealing key already: leave `--seal-key` out, or take that one away first",
                path.display()
            ),
            Self::Store(error) => error.fmt(f),
            Self::Keys(error) => error.fmt(f),
            Self::Console(error) => error.fmt(f),
            Self::Bind { address, cause } => write!(f, "the admin API cannot listen on {address}: {cause}"),
            Self::Thread(cause) => write!(f, "a thread of the control plane cannot be started: {cause}"),
        }
    }
}

impl StdError for ServerError {}
