//! Messages from other threads: a bounded queue, and a socket pair that wakes the worker's ring.
//!
//! Wakers never cross threads: the worker waits for its end of the pair to become readable.

use crossbeam::queue::ArrayQueue;
use std::{io, io::Write, sync::Arc};
use tollgate_io::Mailbox;

/// The sending end; cheap to clone.
#[derive(Debug)]
pub struct Outbox<M> {
    queue: Arc<ArrayQueue<M>>,
    bell: Arc<std::os::unix::net::UnixStream>,
}

impl<M> Clone for Outbox<M> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), bell: self.bell.clone() }
    }
}

/// The receiving end, before the worker's thread has taken it.
#[derive(Debug)]
pub struct Inbox<M> {
    queue: Arc<ArrayQueue<M>>,
    bell: std::os::unix::net::UnixStream,
}

/// A mailbox for at most `capacity` messages.
///
/// # Errors
/// Out of descriptors.
pub fn mailbox<M>(capacity: usize) -> io::Result<(Outbox<M>, Inbox<M>)> {
    let (ring, hear) = std::os::unix::net::UnixStream::pair()?;
    ring.set_nonblocking(true)?;
    let queue = Arc::new(ArrayQueue::new(capacity));
    Ok((Outbox { queue: queue.clone(), bell: Arc::new(ring) }, Inbox { queue, bell: hear }))
}

impl<M> Outbox<M> {
    /// Leaves a message and wakes the worker.
    ///
    /// # Errors
    /// The mailbox is full; the message comes back.
    pub fn send(&self, message: M) -> Result<(), M> {
        self.queue.push(message)?;
        // "Would block" means that the bell already rings; a broken pair means that the worker is gone.
        let _ = (&*self.bell).write(&[1]);
        Ok(())
    }
}

impl<M> Inbox<M> {
    /// The queue, and the socket that becomes readable when it may have messages.
    pub(crate) fn into_parts(self) -> (Arc<ArrayQueue<M>>, std::os::unix::net::UnixStream) {
        (self.queue, self.bell)
    }
}

/// The socket that wakes the receiving thread, on whatever runtime that has.
pub(crate) trait Bell: 'static {
    /// Completes when [`Bell::silence`] would find something.
    fn rung(&self) -> impl Future<Output = io::Result<()>>;

    /// Takes up to `into.len()` rings that have arrived, without waiting. Zero: every sender is gone.
    fn silence(&self, into: &mut [u8]) -> io::Result<usize>;
}

/// The receiving end on a runtime.
pub(crate) struct Receiver<M, B> {
    queue: Arc<ArrayQueue<M>>,
    bell: B,
}

impl<M, B> Receiver<M, B> {
    pub(crate) const fn new(queue: Arc<ArrayQueue<M>>, bell: B) -> Self {
        Self { queue, bell }
    }
}

impl<M: 'static, B: Bell> Mailbox<M> for Receiver<M, B> {
    async fn receive(&self) -> Option<M> {
        let mut open = true;
        loop {
            if let Some(message) = self.queue.pop() {
                return Some(message);
            }
            if !open || self.bell.rung().await.is_err() {
                return None;
            }
            open = match self.bell.silence(&mut [0; 64]) {
                Ok(count) => count > 0,
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            };
        }
    }
}
