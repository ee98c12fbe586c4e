//! Blocks of access records on their way from the workers to the journal, and back when empty.
//!
//! A sink never waits: when the queue is full, its block is emptied and the records in it are counted as dropped. The
//! queue is touched once per block, never per record, and so is the journal's thread woken. Blocks come back through a
//! second queue, so that steady state allocates nothing. At most `blocks` + one per sink + one being written exist.
//!
//! What a worker writes in its last moments comes through only if the queue has room for its last block.

use std::{mem, sync::Arc};

use crossbeam::channel::{Receiver, Sender, bounded};

use crate::{JournalMetrics, Registry, WorkerMetrics, limits::BLOCK_BYTES};

/// Whole records, each ended by a line feed.
#[derive(Debug, Default)]
pub struct Block {
    bytes: Vec<u8>,
    records: u64,
}

impl Block {
    fn new() -> Self {
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

/// A queue of at most `blocks` filled blocks. The journal ends when the [`LogSender`] and all its sinks are gone.
#[must_use]
pub fn log_queue(blocks: usize, registry: &Registry) -> (LogSender, LogSource) {
    let (filled, source) = bounded(blocks);
    let (empty, returned) = bounded(blocks + 1);
    (LogSender { filled, returned }, LogSource { filled: source, empty, metrics: registry.journal() })
}

/// Makes the sinks of the workers.
#[derive(Clone, Debug)]
pub struct LogSender {
    filled: Sender<Block>,
    returned: Receiver<Block>,
}

impl LogSender {
    /// A sink for the worker that writes `metrics`, where dropped records are counted.
    #[must_use]
    pub fn sink(&self, metrics: Arc<WorkerMetrics>) -> LogSink {
        LogSink { block: Block::new(), queue: self.clone(), metrics }
    }
}

/// Where one worker puts its access records. Dropping it hands over what is left.
pub struct LogSink {
    /// Capacity [`BLOCK_BYTES`], never exceeded.
    block: Block,
    queue: LogSender,
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
        match self.queue.filled.try_send(mem::take(&mut self.block)) {
            Ok(()) => self.block = self.queue.returned.try_recv().unwrap_or_else(|_| Block::new()),
            Err(refused) => {
                self.block = refused.into_inner();
                self.metrics.access_records_dropped.add(self.block.records);
                self.block.clear();
            }
        }
    }
}

impl Drop for LogSink {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Where the journal takes blocks from.
#[derive(Debug)]
pub struct LogSource {
    filled: Receiver<Block>,
    empty: Sender<Block>,
    metrics: Arc<JournalMetrics>,
}

impl LogSource {
    /// Waits for the next block; `None` when the sender and all sinks are gone and nothing is left.
    #[must_use]
    pub fn recv(&self) -> Option<Block> {
        self.filled.recv().ok()
    }

    /// Gives a written block back to the sinks.
    pub fn give_back(&self, mut block: Block) {
        block.clear();
        // Full or without sinks: the block is freed.
        drop(self.empty.try_send(block));
    }

    /// The figures that whoever takes the blocks has to write.
    #[must_use]
    pub fn metrics(&self) -> &JournalMetrics {
        &self.metrics
    }
}
