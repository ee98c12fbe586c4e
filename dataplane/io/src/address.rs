//! Where a connection goes: an address of the network, or a socket in the file system.

use std::{net::SocketAddr, path::Path};

/// Where a stream is connected to. As cheap to copy as what it points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// TCP.
    Socket(SocketAddr),
    /// A stream socket in the file system (unix(7)).
    Unix(&'a Path),
}

impl From<SocketAddr> for Address<'_> {
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}
