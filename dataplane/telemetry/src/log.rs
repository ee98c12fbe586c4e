//! Blocks of access records on their way from the workers to the journal, and back when empty.
//!
//! A sink never waits: when the queue is full, its block is emptied and the records in it are counted as dropped. The
//! queue (`BlockQueue`) is lock-free and touched once per block, never per record; so often is the journal's thread woken, which
//! is parked while there is nothing to write and never spins. Each sink brings [`SPARE_BLOCKS`] with it, so that nothing is
//! allocated while the journal keeps up; at most `blocks` + one per sink + one being written hold records.
//!
//! What a worker writes in its last moments comes through only if the queue has room for its last block.

use std::{mem, sync::Arc, time::Duration};

use crate::{
    JournalMetrics, Registry, WorkerMetrics,
    blocks::{BlockQueue, Taken},
    limits::{BLOCK_BYTES, SPARE_BLOCKS},
};

/// Whole records, each ended by a line feed.
#[derive(Debug, Default)]
pub struct Block {
    bytes: Vec<u8>,
    records: u64,
}

impl Block {
    /// With room for [`BLOCK_BYTES`], unlike the default.
    fn empty() -> Self {
        Self { bytes: Vec::with_capacity(BLOCK_BYTES), records: 0 }
    }

    /// The records.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many records there are.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.records = 0;
    }
}

/// How full the queue is, for the scrape.
pub(crate) struct QueueDepth(Arc<BlockQueue<Block>>);

impl QueueDepth {
    /// Filled blocks that wait.
    pub(crate) fn blocks(&self) -> u64 {
        self.0.depth().0 as u64
    }

    /// Filled blocks that there is room for.
    pub(crate) fn blocks_max(&self) -> u64 {
        self.0.depth().1 as u64
    }
}

/// A queue of at most `blocks` filled blocks. The journal ends when the [`LogSender`] and all its sinks are gone.
///
/// # Panics
/// If `blocks` is zero.
#[must_use]
pub fn log_queue(blocks: usize, registry: &Registry) -> (LogSender, LogSource) {
    let queue = Arc::new(BlockQueue::new(blocks));
    // A second queue is not shown: a node has one.
    let _ = registry.log_queue.set(QueueDepth(queue.clone()));
    (LogSender { queue: queue.clone() }, LogSource { queue, metrics: registry.journal() })
}

/// Makes the sinks of the workers.
#[derive(Debug)]
pub struct LogSender {
    queue: Arc<BlockQueue<Block>>,
}

impl LogSender {
    /// A sink for the worker that writes `metrics`, where dropped records are counted.
    #[must_use]
    pub fn sink(&self, metrics: Arc<WorkerMetrics>) -> LogSink {
        let spare = (0..SPARE_BLOCKS).map(|_| Block::empty()).collect();
        LogSink { block: Block::empty(), spare, sender: self.clone(), metrics }
    }
}

impl Clone for LogSender {
    fn clone(&self) -> Self {
        self.queue.join();
        Self { queue: self.queue.clone() }
    }
}

impl Drop for LogSender {
    fn drop(&mut self) {
        self.queue.leave();
    }
}

/// Where one worker puts its access records. Dropping it hands over what is left.
pub struct LogSink {
    /// Capacity [`BLOCK_BYTES`], never exceeded.
    block: Block,
    /// Empty ones, at most [`SPARE_BLOCKS`]. The one that came back last is used first: its bytes are still in the cache.
    spare: Vec<Block>,
    sender: LogSender,
    metrics: Arc<WorkerMetrics>,
}

impl LogSink {
    /// Appends one record, `line` with its line feed. Hands the block over first when the record does not fit any more.
    pub fn append(&mut self, line: &[u8]) {
        if self.block.bytes.len() + line.len() > BLOCK_BYTES {
            self.flush();
        }
        if line.len() > BLOCK_BYTES {
            return self.metrics.access_records_dropped.increment();
        }
        self.block.bytes.extend_from_slice(line);
        self.block.records += 1;
    }

    /// Whether nothing waits for a [`LogSink::flush`].
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.block.records == 0
    }

    /// Hands over what there is; the worker calls this every 100 ms.
    pub fn flush(&mut self) {
        if self.is_empty() {
            return;
        }
        let queue = &self.sender.queue;
        let block = mem::take(&mut self.block);
        let records = block.records;
        match queue.put(block) {
            Ok(()) => {
                self.metrics.access_records_handed_over.add(records);
                self.block = self.empty_block();
            }
            Err(block) => {
                self.block = block;
                self.metrics.access_records_dropped.add(self.block.records);
                self.block.clear();
            }
        }
    }

    fn empty_block(&mut self) -> Block {
        while self.spare.len() < SPARE_BLOCKS
            && let Some(block) = self.sender.queue.take_empty()
        {
            self.spare.push(block);
        }
        self.spare.pop().unwrap_or_else(Block::empty)
    }
}

impl Drop for LogSink {
    fn drop(&mut self) {
        self.flush();
    }
}

/// What [`LogSource::recv_within`] has to tell.
#[derive(Debug)]
pub enum Received {
    /// The next block.
    Block(Block),
    /// None yet: the time is over, or the thread was unparked for some other reason.
    Nothing,
    /// The sender and all sinks are gone and nothing is left.
    End,
}

/// Where the journal takes blocks from.
#[derive(Debug)]
pub struct LogSource {
    queue: Arc<BlockQueue<Block>>,
    metrics: Arc<JournalMetrics>,
}

impl LogSource {
    /// Waits for the next block; `None` when the sender and all sinks are gone and nothing is left. Always to be called
    /// on the same thread: that one is woken.
    #[must_use]
    pub fn recv(&self) -> Option<Block> {
        loop {
            match self.recv_within(None) {
                Received::Block(block) => return Some(block),
                Received::Nothing => {}
                Received::End => return None,
            }
        }
    }

    /// Waits once, for `wait` at most. Whoever unparks the thread makes it return early, so that it can be told of other
    /// things than blocks. On the same thread as [`LogSource::recv`].
    #[must_use]
    pub fn recv_within(&self, wait: Option<Duration>) -> Received {
        match self.queue.take_within(wait) {
            Taken::Block(block) => Received::Block(block),
            Taken::Nothing => Received::Nothing,
            Taken::End => Received::End,
        }
    }

    /// Gives a written block back to the sinks.
    pub fn give_back(&self, mut block: Block) {
        block.clear();
        self.queue.give_back(block);
    }

    /// The figures that whoever takes the blocks has to write.
    #[must_use]
    pub fn metrics(&self) -> &JournalMetrics {
        &self.metrics
    }
}

impl Drop for LogSource {
    fn drop(&mut self) {
        self.queue.abandon();
    }
}
