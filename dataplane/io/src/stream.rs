//! Streams and listeners in completion style.
//!
//! A transfer owns its buffers until it is complete and is never dropped before: to end one, [`Stream::abort`] it. At most
//! one receive and one send of a stream are in flight. Who drives them is behind these traits (`ring`, or a simulation).

use crate::{Buffer, SendList};
use std::{future::Future, io, net::SocketAddr};

/// A connected byte stream. Dropping it closes it.
pub trait Stream: Sized + 'static {
    /// The stream while no worker has it. Dropping it closes the connection.
    type Detached: Send + 'static;

    /// Takes the stream out of its worker, so that another can [`crate::Io::adopt`] it. What has arrived and was not received
    /// goes with it.
    ///
    /// # Errors
    /// The driver cannot let go of it, since a transfer is in flight; the stream comes back.
    fn detach(self) -> Result<Self::Detached, Self>;

    /// Receives at least one byte behind what the buffer holds. A buffer that comes back no longer than it went means
    /// that the peer has finished sending. With `None` the driver supplies a pooled buffer once there are bytes, so an
    /// idle stream holds none.
    ///
    /// # Errors
    /// The stream is broken; the buffer has gone back to its pool.
    fn recv(&self, into: Option<Buffer>) -> impl Future<Output = io::Result<Buffer>>;

    /// Sends a prefix of what is left of `list` and says how long it was; the list is already advanced by it.
    fn send(&self, list: SendList) -> impl Future<Output = (io::Result<usize>, SendList)>;

    /// As [`Stream::send`], where the driver can do it now: nothing is in flight behind it. `None` says that it cannot, and
    /// that nothing was sent; [`Stream::send`] waits then. It spares nearly every send the way through the futures, which
    /// costs more than what the send itself does of ours.
    fn try_send(&self, list: &mut SendList) -> Option<io::Result<usize>>;

    /// Completes when a receive would not wait: bytes, end of stream or an error; rarely for nothing. Holds no buffer.
    ///
    /// # Errors
    /// The stream is broken.
    fn readable(&self) -> impl Future<Output = io::Result<()>>;

    /// Whether the driver has been told of bytes, an end or an error since the last receive. Costs no system call, and so
    /// may lag behind [`Stream::peek`] by one turn of the driver; one that is told nothing says yes.
    fn has_news(&self) -> bool;

    /// What a receive would find now, without waiting and without taking it.
    fn peek(&self) -> Peek;

    /// Ends one direction. `Write` tells the peer that no more bytes come; `Read` makes a pending receive end as if the
    /// peer had finished, while answers can still be sent.
    fn shutdown(&self, half: Half);

    /// Breaks both directions: transfers in flight complete, later ones fail.
    fn abort(&self);

    /// As [`Stream::abort`], and the peer learns that what it got is not all: it sees a reset, never the end of the stream.
    /// What was sent and has not arrived may be lost. Too late behind an abort, which may have sent an end.
    fn reset(&self);

    /// The address of the other side; `0.0.0.0:0` when it is none of the network.
    fn peer(&self) -> SocketAddr;
}

/// A direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Bytes from the peer.
    Read,
    /// Bytes to the peer.
    Write,
}

/// What [`Stream::peek`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// Nothing: the peer is silent and connected.
    Silent,
    /// Bytes are waiting.
    Bytes,
    /// The peer has finished sending.
    Finished,
    /// The stream is broken.
    Broken,
}

/// A socket that hands out accepted streams.
pub trait Listener: 'static {
    /// What it accepts.
    type Stream: Stream;

    /// The next connection. This future is kept alive until it completes.
    ///
    /// # Errors
    /// Out of descriptors or memory, or the listener is closed.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>>;

    /// The address it listens on, with the port the system chose if it was asked for port 0.
    fn local(&self) -> SocketAddr;

    /// Stops accepting: the pending [`Listener::accept`] completes with an error.
    fn close(&self);

    /// Stops accepting as [`Listener::close`] does, and leaves every connection that waits to another owner of the socket.
    fn release(&self);
}
