//! All workers' figures of a node, and the names behind their slots.
//!
//! Made once when the node starts and kept through every snapshot: the publishing thread asks it for the slots of the names
//! that come ([`Registry::routes`] and so on) while the workers go on counting. The scrape (`prometheus`) reads it from
//! any thread.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use crate::{
    ConfigMetrics, Counter, NodeFigures, Slots, UsageReader, WorkerMetrics,
    limits::{LISTENERS_MAX, ROUTES_MAX, RULES_MAX, UPSTREAMS_MAX},
    log::QueueDepth,
    prometheus,
};

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
    /// Handed over to the journal, which has not come to them. While it runs they are on their way; when the node ends without
    /// it, they are lost.
    pub unwritten: u64,
}

/// Between the parts of what tells rules apart: no name has it.
pub(crate) const RULE_SEPARATOR: &str = "\n";

/// The figures of a node.
pub struct Registry {
    routes: Slots,
    upstreams: Slots,
    listeners: Slots,
    rules: Slots,
    /// Label values, by the index that [`crate::Exchange::reason`] has.
    pub(crate) reasons: Box<[&'static str]>,
    pub(crate) workers: Box<[Arc<WorkerMetrics>]>,
    pub(crate) journal: Arc<JournalMetrics>,
    pub(crate) config: Arc<ConfigMetrics>,
    /// Of the access log, once there is one.
    pub(crate) log_queue: OnceLock<QueueDepth>,
}

impl Registry {
    /// A registry for `workers` workers, whose exchanges fail for `reasons`.
    #[must_use]
    pub fn new(reasons: &[&'static str], workers: usize) -> Arc<Self> {
        Arc::new(Self {
            routes: Slots::new(ROUTES_MAX),
            upstreams: Slots::new(UPSTREAMS_MAX),
            listeners: Slots::new(LISTENERS_MAX),
            rules: Slots::new(RULES_MAX),
            workers: (0..workers).map(|_| Arc::new(WorkerMetrics::new(reasons.len()))).collect(),
            reasons: reasons.into(),
            journal: Arc::default(),
            config: Arc::default(),
            log_queue: OnceLock::new(),
        })
    }

    /// Slots of routes, at most [`ROUTES_MAX`]: for [`crate::Exchange::route`].
    #[must_use]
    pub const fn routes(&self) -> &Slots {
        &self.routes
    }

    /// Slots of upstreams, at most [`UPSTREAMS_MAX`]: for [`crate::Exchange::upstream`] and the calls of [`WorkerMetrics`].
    #[must_use]
    pub const fn upstreams(&self) -> &Slots {
        &self.upstreams
    }

    /// Slots of listeners, at most [`LISTENERS_MAX`]: for the calls of [`WorkerMetrics`].
    #[must_use]
    pub const fn listeners(&self) -> &Slots {
        &self.listeners
    }

    /// The slot of the rule of a place, a policy and a name, of which there are [`RULES_MAX`] at most: for
    /// [`WorkerMetrics::rule`]. For publishing threads.
    #[must_use]
    pub fn rule(&self, [scope, policy, name]: [&str; 3]) -> u32 {
        self.rules.slot(&[scope, policy, name].join(RULE_SEPARATOR))
    }

    pub(crate) const fn rules(&self) -> &Slots {
        &self.rules
    }

    /// The figures that worker number `index` writes.
    ///
    /// # Panics
    /// If the registry was made for fewer workers.
    #[must_use]
    pub fn worker(&self, index: usize) -> Arc<WorkerMetrics> {
        self.workers[index].clone()
    }

    /// Reads what applications have used. For one reader of a node: each counts from the beginning.
    #[must_use]
    pub fn usage(self: &Arc<Self>) -> UsageReader {
        UsageReader::new(self.clone())
    }

    /// The figures that the journal writes.
    #[must_use]
    pub fn journal(&self) -> Arc<JournalMetrics> {
        self.journal.clone()
    }

    /// The figures that the updating thread writes.
    #[must_use]
    pub fn config(&self) -> Arc<ConfigMetrics> {
        self.config.clone()
    }

    /// The access records that are not written so far, over all workers.
    #[must_use]
    pub fn access_records_dropped(&self) -> Dropped {
        let sum = |count: fn(&WorkerMetrics) -> &Counter| self.workers.iter().map(|worker| count(worker).value()).sum();
        let (written, write_error) = (self.journal.records_written.value(), self.journal.records_lost.value());
        let handed_over: u64 = sum(|worker| &worker.access_records_handed_over);
        let queue_full = sum(|worker| &worker.access_records_dropped);
        Dropped { queue_full, write_error, unwritten: handed_over.saturating_sub(written + write_error) }
    }

    /// Appends all figures to `out`, those of `node` among them, as Prometheus text, to be served as
    /// [`crate::CONTENT_TYPE`].
    pub fn render(&self, node: &NodeFigures, out: &mut String) {
        prometheus::render(self, node, out);
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("workers", &self.workers.len()).finish_non_exhaustive()
    }
}
