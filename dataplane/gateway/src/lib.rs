//! Starts the workers, publishes snapshots to them and serves the node's status.
//!
//! The outside of the crate, ahead of what is behind it: starting says that there is nothing to start. It keeps the
//! command line building until the workers arrive.

use std::{fmt, net::SocketAddr};

pub use tollgate_ring::preflight;

/// A running gateway.
#[derive(Debug)]
pub struct Gateway(());

/// Why a gateway did not start.
#[derive(Debug)]
pub struct StartError(());

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are no workers to start yet")
    }
}

impl std::error::Error for StartError {}

impl Gateway {
    /// Starts the workers of `_snapshot`.
    ///
    /// # Errors
    /// Always, for now.
    pub fn start(_snapshot: tollgate_model::Snapshot) -> Result<Self, StartError> {
        Err(StartError(()))
    }

    /// Name and address of every listener.
    #[must_use]
    pub const fn listeners(&self) -> &[(String, SocketAddr)] {
        &[]
    }

    /// Where the node's status is served.
    #[must_use]
    pub const fn status_address(&self) -> Option<SocketAddr> {
        None
    }

    /// Begins to drain; returns at once.
    pub const fn drain(&self) {}

    /// Stops at once.
    pub const fn stop(&self) {}

    /// Waits until all workers have ended.
    pub const fn wait(&self) {}
}
