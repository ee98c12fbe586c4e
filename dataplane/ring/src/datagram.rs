//! A UDP socket that talks to one peer: what a DNS client needs.
//!
//! Not part of the seam: no worker uses it. Receives and sends one datagram per call, and takes only what the peer sent.
//! Both futures may be dropped.

use crate::{RingIo, source::Source};
use socket2::{Domain, Protocol, Socket, Type};
use std::{io, net::SocketAddr};

/// A connected UDP socket.
pub struct RingDatagram {
    source: Source<Socket>,
}

impl RingDatagram {
    /// A socket at a port of the system's choice that talks to `to`.
    ///
    /// # Errors
    /// Out of descriptors, or no way to the network of `to`.
    pub fn connect(io: &RingIo, to: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
        socket.connect(&to.into())?;
        let datagram = Self { source: Source::new(io, socket)? };
        datagram.source.assume_writable();
        Ok(datagram)
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// What the system says; an earlier datagram that nobody took counts.
    pub async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        loop {
            self.source.ready_to_write().await?;
            match self.source.inner().send(datagram) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.source.note_unwritable(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Receives one datagram of at most `bytes_max` bytes; what is longer is cut.
    ///
    /// # Errors
    /// What the system says: the peer has refused a datagram.
    pub async fn recv(&self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut storage = vec![0; bytes_max];
        loop {
            self.source.ready_to_read().await?;
            match receive(self.source.inner(), &mut storage) {
                Ok(count) => {
                    storage.truncate(count);
                    return Ok(storage);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.source.note_unreadable(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn receive(mut socket: &Socket, into: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut socket, into)
}
