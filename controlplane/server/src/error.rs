//! Why a control plane does not start.

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
            Self::Store(error) => error.fmt(f),
            Self::Keys(error) => error.fmt(f),
            Self::Console(error) => error.fmt(f),
            Self::Bind { address, cause } => write!(f, "the admin API cannot listen on {address}: {cause}"),
            Self::Thread(cause) => write!(f, "a thread of the control plane cannot be started: {cause}"),
        }
    }
}

impl StdError for ServerError {}
