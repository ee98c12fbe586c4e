//! All workers' figures of a node, and the names behind their indexes.
//!
//! Made once when the node starts, before its workers. The scrape (`prometheus`) reads it from any thread.

use std::{fmt, sync::Arc};

use crate::{Counter, WorkerMetrics, prometheus};

/// Label values, by the index that [`crate::Exchange`] and the calls of [`WorkerMetrics`] use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Names of routes.
    pub routes: Vec<String>,
    /// Names of upstreams.
    pub upstreams: Vec<String>,
    /// Names of listeners.
    pub listeners: Vec<String>,
    /// Reasons why an exchange failed.
    pub reasons: Vec<&'static str>,
}

/// What the journal's thread counts. One writer: that thread.
#[derive(Debug, Default)]
pub struct JournalMetrics {
    /// Access records written.
    pub records_written: Counter,
    /// Access records lost because a write failed.
    pub records_lost: Counter,
    /// Bytes written.
    pub bytes_written: Counter,
}

/// Access records that were not written, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// The journal was behind.
    pub queue_full: u64,
    /// The journal could not write.
    pub write_error: u64,
}

/// The figures of a node.
pub struct Registry {
    pub(crate) names: Names,
    pub(crate) workers: Box<[Arc<WorkerMetrics>]>,
    pub(crate) journal: Arc<JournalMetrics>,
}

impl Registry {
    /// A registry for `workers` workers.
    #[must_use]
    pub fn new(names: Names, workers: usize) -> Arc<Self> {
        let workers = (0..workers).map(|_| Arc::new(WorkerMetrics::new(&names))).collect();
        Arc::new(Self { names, workers, journal: Arc::default() })
    }

    /// The figures that worker number `index` writes.
    ///
    /// # Panics
    /// If the registry was made for fewer workers.
    #[must_use]
    pub fn worker(&self, index: usize) -> Arc<WorkerMetrics> {
        self.workers[index].clone()
    }

    /// The figures that the journal writes.
    #[must_use]
    pub fn journal(&self) -> Arc<JournalMetrics> {
        self.journal.clone()
    }

    /// The access records lost so far, over all workers.
    #[must_use]
    pub fn access_records_dropped(&self) -> Dropped {
        let queue_full = self.workers.iter().map(|worker| worker.access_records_dropped.value()).sum();
        Dropped { queue_full, write_error: self.journal.records_lost.value() }
    }

    /// Appends all figures to `out` as Prometheus text, to be served as [`crate::CONTENT_TYPE`].
    pub fn render(&self, out: &mut String) {
        prometheus::render(self, out);
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("names", &self.names).field("workers", &self.workers.len()).finish()
    }
}
