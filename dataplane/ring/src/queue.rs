//! A bounded queue of messages for one receiver, which may end while others send.
//!
//! No message is left in the queue of a receiver that has ended: it is dropped there, or comes back to a sender. Waking the
//! receiver is not done here. Its interleavings are tried by `tests/loom`.

use super::sync::{ArrayQueue, AtomicBool, Ordering, fence};

#[derive(Debug)]
pub(crate) struct Queue<M> {
    messages: ArrayQueue<M>,
    /// Nobody receives any more. Set before the messages that are left are dropped, and looked at behind each one sent.
    is_abandoned: AtomicBool,
}

impl<M> Queue<M> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { messages: ArrayQueue::new(capacity), is_abandoned: AtomicBool::new(false) }
    }

    /// Leaves a message.
    ///
    /// # Errors
    /// The queue is full, or its receiver has ended. A message comes back: this one, or another if the receiver ends just
    /// now.
    pub(crate) fn push(&self, message: M) -> Result<(), M> {
        self.messages.push(message)?;
        // With the one in `abandon`: whoever comes second sees what the other has done.
        fence(Ordering::SeqCst);
        match self.is_abandoned.load(Ordering::Relaxed) {
            true => self.messages.pop().map_or(Ok(()), Err),
            false => Ok(()),
        }
    }

    /// The next message, for the receiver.
    pub(crate) fn pop(&self) -> Option<M> {
        self.messages.pop()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Ends the receiving.
    pub(crate) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        while self.messages.pop().is_some() {}
    }
}
