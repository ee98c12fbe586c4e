//! Messages from other threads: a bounded queue, and a socket pair that wakes the worker's ring.
//!
//! Wakers never cross threads: the worker waits for its end of the pair to become readable.

use crate::{Driver, RingIo, system};
use crossbeam::queue::ArrayQueue;
use monoio::net::UnixStream;
use std::{io, io::Write, os::fd::AsRawFd, sync::Arc};
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

impl<M: Send + 'static> Inbox<M> {
    /// Hands the mailbox to the runtime of the calling thread.
    ///
    /// # Errors
    /// The runtime does not take it.
    pub fn into_mailbox(self, io: &RingIo) -> io::Result<impl Mailbox<M> + use<M>> {
        self.bell.set_nonblocking(io.driver() == Driver::Epoll)?;
        Ok(RingMailbox { queue: self.queue, bell: UnixStream::from_std(self.bell)? })
    }
}

struct RingMailbox<M> {
    queue: Arc<ArrayQueue<M>>,
    bell: UnixStream,
}

impl<M: Send + 'static> Mailbox<M> for RingMailbox<M> {
    async fn receive(&self) -> Option<M> {
        let mut open = true;
        loop {
            if let Some(message) = self.queue.pop() {
                return Some(message);
            }
            if !open || self.bell.readable(false).await.is_err() {
                return None;
            }
            open = match system::take_arrived(self.bell.as_raw_fd(), &mut [0; 64]) {
                Ok(count) => count > 0,
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            };
        }
    }
}
