//! The seam between a worker and what carries its bytes.
//!
//! Everything a worker needs of the outside world is in these traits: streams, listeners, time, entropy, a mailbox. The
//! product implements them on io_uring (crate `ring`), the simulator on a virtual clock and network (`tests/sim`).
//!
//! Completion style: a transfer takes its buffer by value and gives it back. **A future with a transfer in flight is
//! never dropped**; a deadline calls [`Stream::abort`] (or [`Stream::shutdown`]) and the transfer then completes. Only a
//! pending [`Io::connect`] or [`Io::sleep_until`] may be dropped. At most one receive and one send are in flight per
//! stream.
//!
//! Beside them stand the [`Wheel`] that all deadlines of one [`Io::sleep_until`] lie in, and the [`bell`] that tasks wake each
//! other with. There is no `unsafe` here and no I/O.

mod address;
pub mod bell;
mod buffer;
mod clock;
mod send_list;
mod stream;
mod wheel;

pub use address::Address;
pub use buffer::{BUFFER_BYTES, BUFFER_BYTES_RANGE, Buffer, BufferPool, HEADROOM_BYTES};
pub use clock::{Instant, Wall};
pub use send_list::{PIECES_MAX, Piece, SendList};
pub use stream::{Half, Listener, Peek, Stream};
pub use wheel::{TimerId, Wheel};

use std::{future::Future, io};

/// One core's access to the outside world. Cheap to clone: every task of the worker holds one.
pub trait Io: Clone + 'static {
    /// A connected byte stream.
    type Stream: Stream;
    /// A socket that hands out accepted streams.
    type Listener: Listener<Stream = Self::Stream>;

    /// Starts a task on this core. It is never moved to another.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);

    /// Monotonic time.
    fn now(&self) -> Instant;

    /// Wall time of a monotonic instant, for records that people read.
    fn wall(&self, at: Instant) -> Wall;

    /// Completes at or after `at`. May be dropped.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()>;

    /// 64 random bits. Not for keys.
    fn entropy(&self) -> u64;

    /// Connects to `to`. May be dropped, which gives up the attempt.
    ///
    /// # Errors
    /// What the system says: refused, unreachable, out of descriptors.
    fn connect(&self, to: Address<'_>) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Takes in a stream that a worker has detached, this one or another.
    ///
    /// # Errors
    /// Out of memory for it; it is closed then.
    fn adopt(&self, stream: <Self::Stream as Stream>::Detached) -> io::Result<Self::Stream>;

    /// The worker's receive and send buffers.
    fn buffers(&self) -> &BufferPool;
}

/// The sending end of a [`Mailbox`].
pub trait Post<M>: 'static {
    /// Leaves a message and wakes the worker.
    ///
    /// # Errors
    /// The mailbox is full, or its worker has ended; a message comes back, though it need not be this one when the worker ends
    /// just now.
    fn post(&self, message: M) -> Result<(), M>;
}

/// Where other threads leave messages for a worker: a bounded queue that wakes it.
pub trait Mailbox<M>: 'static {
    /// The next message, or `None` once every sender is gone.
    fn receive(&self) -> impl Future<Output = Option<M>>;
}
