//! Two queues between many writers and one reader: filled blocks one way, empty ones back.
//!
//! A writer never waits; the reader is parked while there is nothing to read, and is woken once per block. The reader's end
//! makes writers keep what they have; the writers' end is told to the reader behind their last block. Its interleavings are
//! tried by `tests/loom`.

use super::sync::{
    ArrayQueue, AtomicBool, AtomicUsize, OnceLock,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
    Thread, fence, thread,
};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct BlockQueue<B> {
    filled: ArrayQueue<B>,
    empty: ArrayQueue<B>,
    /// Those who may still put something into it.
    writers: AtomicUsize,
    /// The thread that takes blocks, once it has begun to.
    reader: OnceLock<Thread>,
    /// Nobody will take blocks any more.
    is_abandoned: AtomicBool,
}

/// What the reader has found.
#[derive(Debug)]
pub(crate) enum Taken<B> {
    /// The next block.
    Block(B),
    /// None yet.
    Nothing,
    /// The writers are gone and nothing is left.
    End,
}

impl<B> BlockQueue<B> {
    /// For `blocks` filled ones and one writer.
    pub(crate) fn new(blocks: usize) -> Self {
        Self {
            filled: ArrayQueue::new(blocks),
            empty: ArrayQueue::new(blocks),
            writers: AtomicUsize::new(1),
            reader: OnceLock::new(),
            is_abandoned: AtomicBool::new(false),
        }
    }

    /// Filled blocks that wait, and how many may.
    pub(crate) fn depth(&self) -> (usize, usize) {
        (self.filled.len(), self.filled.capacity())
    }

    /// Counts one more writer.
    pub(crate) fn join(&self) {
        self.writers.fetch_add(1, Relaxed);
    }

    /// A writer has put its last block.
    pub(crate) fn leave(&self) {
        if self.writers.fetch_sub(1, AcqRel) == 1 {
            self.wake_reader();
        }
    }

    /// Puts a filled block, or gives it back: there are too many, or nobody takes them any more.
    pub(crate) fn put(&self, block: B) -> Result<(), B> {
        if self.is_abandoned.load(Relaxed) {
            return Err(block);
        }
        self.filled.push(block)?;
        self.wake_reader();
        Ok(())
    }

    /// An empty block, if one came back.
    pub(crate) fn take_empty(&self) -> Option<B> {
        self.empty.pop()
    }

    /// Gives an empty block back to the writers; too many are freed.
    pub(crate) fn give_back(&self, block: B) {
        drop(self.empty.push(block));
    }

    /// Has the reader look again.
    fn wake_reader(&self) {
        // Either this thread sees the reader, or the reader, which has the same fence, sees what this thread did before.
        fence(SeqCst);
        if let Some(reader) = self.reader.get() {
            reader.unpark();
        }
    }

    /// Waits once, for `wait` at most, if there is nothing. Whoever unparks the thread ends that early. Always to be called
    /// on the same thread.
    pub(crate) fn take_within(&self, wait: Option<Duration>) -> Taken<B> {
        let reader = self.reader.get_or_init(thread::current);
        debug_assert_eq!(reader.id(), thread::current().id(), "one thread takes all blocks");
        fence(SeqCst);
        match self.take() {
            Taken::Nothing => {}
            taken => return taken,
        }
        match wait {
            Some(wait) => thread::park_timeout(wait),
            None => thread::park(),
        }
        self.take()
    }

    fn take(&self) -> Taken<B> {
        if let Some(block) = self.filled.pop() {
            return Taken::Block(block);
        }
        if self.writers.load(Acquire) > 0 {
            return Taken::Nothing;
        }
        // The last of them may have put a block since.
        self.filled.pop().map_or(Taken::End, Taken::Block)
    }

    /// Takes no more.
    pub(crate) fn abandon(&self) {
        self.is_abandoned.store(true, Relaxed);
    }
}
