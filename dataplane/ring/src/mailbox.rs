//! Messages from other threads: a bounded queue, and a socket pair that wakes the worker's ring.
//!
//! Wakers never cross threads: the worker waits for its end of the pair to become readable. No message is left in the queue
//! of a worker that has ended: it is dropped there, or comes back to its sender.

use crate::{RingIo, queue::Queue, source::Source, system};
use std::{io, io::Write, os::unix::net::UnixStream, sync::Arc};
use tollgate_io::{Mailbox, Post};

/// The sending end; cheap to clone.
#[derive(Debug)]
pub struct Outbox<M> {
    queue: Arc<Queue<M>>,
    bell: Arc<UnixStream>,
}

impl<M> Clone for Outbox<M> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), bell: self.bell.clone() }
    }
}

/// The receiving end, before the worker's thread has taken it.
#[derive(Debug)]
pub struct Inbox<M> {
    queue: Receiving<M>,
    bell: UnixStream,
}

/// The receiver's hold on the queue.
#[derive(Debug)]
struct Receiving<M>(Arc<Queue<M>>);

impl<M> Drop for Receiving<M> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// A mailbox for at most `capacity` messages.
///
/// # Errors
/// Out of descriptors.
pub fn mailbox<M>(capacity: usize) -> io::Result<(Outbox<M>, Inbox<M>)> {
    let (ring, hear) = UnixStream::pair()?;
    ring.set_nonblocking(true)?;
    let queue = Arc::new(Queue::new(capacity));
    Ok((Outbox { queue: queue.clone(), bell: Arc::new(ring) }, Inbox { queue: Receiving(queue), bell: hear }))
}

impl<M> Outbox<M> {
    /// Leaves a message and wakes the worker.
    ///
    /// # Errors
    /// The mailbox is full, or its worker has ended. A message comes back: this one, or another if the worker ends just now.
    pub fn send(&self, message: M) -> Result<(), M> {
        self.queue.push(message)?;
        // "Would block" means that the bell already rings; a broken pair means that the worker is gone.
        let _ = (&*self.bell).write(&[1]);
        Ok(())
    }

    /// Messages that the worker has not taken yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }
}

impl<M: Send + 'static> Post<M> for Outbox<M> {
    fn post(&self, message: M) -> Result<(), M> {
        self.send(message)
    }
}

impl<M: Send + 'static> Inbox<M> {
    /// A message that waits already.
    pub fn take(&self) -> Option<M> {
        self.queue.0.pop()
    }

    /// Hands the mailbox to the runtime of the calling thread.
    ///
    /// # Errors
    /// The kernel does not take it.
    pub fn into_mailbox(self, io: &RingIo) -> io::Result<impl Mailbox<M> + use<M>> {
        Ok(RingMailbox { queue: self.queue, bell: Source::new(io, self.bell)? })
    }
}

struct RingMailbox<M> {
    queue: Receiving<M>,
    bell: Source<UnixStream>,
}

/// Rings taken at a time; they say nothing, so more wait for the next time.
const RINGS: usize = 64;

impl<M: Send + 'static> Mailbox<M> for RingMailbox<M> {
    async fn receive(&self) -> Option<M> {
        let mut open = true;
        loop {
            if let Some(message) = self.queue.0.pop() {
                return Some(message);
            }
            if !open || self.bell.ready_to_read().await.is_err() {
                return None;
            }
            let taken = system::take_arrived(self.bell.inner(), &mut [0; RINGS]);
            if !taken.as_ref().is_ok_and(|count| *count == RINGS) {
                self.bell.note_drained();
            }
            open = match taken {
                Ok(count) => count > 0,
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            };
        }
    }
}
