//! What is known of the workers as a whole: which generation each runs, and whether the node drains.
//!
//! Flags and counters that one side writes and any thread reads; nothing here waits.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The workers of a node.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// The newest generation each worker has acknowledged; 0 before its first.
    acknowledged: Box<[AtomicU64]>,
    draining: AtomicBool,
}

impl Fleet {
    pub(crate) fn new(workers: usize) -> Self {
        Self { acknowledged: (0..workers).map(|_| AtomicU64::new(0)).collect(), draining: AtomicBool::new(false) }
    }

    /// Notes that a worker runs this generation.
    pub(crate) fn acknowledge(&self, worker: usize, generation: u64) {
        if let Some(acknowledged) = self.acknowledged.get(worker) {
            acknowledged.fetch_max(generation, Ordering::Release);
        }
    }

    /// The generation each worker runs.
    pub(crate) fn generations(&self) -> Vec<u64> {
        self.acknowledged.iter().map(|generation| generation.load(Ordering::Acquire)).collect()
    }

    /// The workers that do not run this generation yet.
    pub(crate) fn behind(&self, generation: u64) -> Vec<usize> {
        self.generations()
            .iter()
            .enumerate()
            .filter(|(_, runs)| **runs < generation)
            .map(|(worker, _)| worker)
            .collect()
    }

    /// Whether every worker runs something.
    pub(crate) fn is_ready(&self) -> bool {
        self.behind(1).is_empty()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Begins to drain; says whether that is news.
    pub(crate) fn drain(&self) -> bool {
        !self.draining.swap(true, Ordering::Relaxed)
    }
}
