//! What became of changes of the configuration: the one that runs, how many were taken or refused, and when.
//!
//! One writer: the updating thread. Which worker runs what is in [`crate::WorkerMetrics::generation`].

use crate::{Counter, Gauge};

/// Counts of the updating thread.
#[derive(Debug, Default)]
pub struct ConfigMetrics {
    pub(crate) generation: Gauge,
    pub(crate) digest: Gauge,
    /// 1 or 0.
    pub(crate) is_last_ok: Gauge,
    pub(crate) applied: Changes,
    pub(crate) unchanged: Changes,
    pub(crate) refused: Changes,
}

/// Changes that ended alike.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) count: Counter,
    /// When the last was, in seconds since 1970; 0 if never.
    pub(crate) last_s: Gauge,
}

impl Changes {
    fn count(&self, wall_s: u64) {
        self.count.increment();
        self.last_s.set(wall_s);
    }
}

impl ConfigMetrics {
    /// A configuration runs, `wall_s` seconds after 1970.
    pub fn published(&self, generation: u64, digest: u64, wall_s: u64) {
        self.generation.set(generation);
        self.digest.set(shown_digest(digest));
        self.applied.count(wall_s);
        self.is_last_ok.set(1);
    }

    /// A change said nothing new, `wall_s` seconds after 1970.
    pub fn unchanged(&self, wall_s: u64) {
        self.unchanged.count(wall_s);
        self.is_last_ok.set(1);
    }

    /// A change was refused, `wall_s` seconds after 1970.
    pub fn refused(&self, wall_s: u64) {
        self.refused.count(wall_s);
        self.is_last_ok.set(0);
    }
}

/// The first 48 bits of a digest: a sample is a double, which holds no more than 53 of them exactly. As a label it would
/// begin a new series with every change.
const fn shown_digest(digest: u64) -> u64 {
    digest >> 16
}
