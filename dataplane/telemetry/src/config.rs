//! What became of configurations: the one that runs, how many were taken or refused, and when.
//!
//! Written by whoever publishes snapshots, one at a time; which worker runs what is in [`crate::WorkerMetrics::generation`].

use crate::{Counter, Gauge};

/// Counts of the publishing thread.
#[derive(Debug, Default)]
pub struct ConfigMetrics {
    pub(crate) generation: Gauge,
    pub(crate) digest: Gauge,
    pub(crate) accepted: Counter,
    pub(crate) refused: Counter,
    /// Seconds since 1970; 0 if never.
    pub(crate) accepted_s: Gauge,
    pub(crate) refused_s: Gauge,
}

impl ConfigMetrics {
    /// A snapshot was published, `wall_s` seconds after 1970.
    pub fn accepted(&self, generation: u64, digest: u64, wall_s: u64) {
        self.generation.set(generation);
        self.digest.set(shown_digest(digest));
        self.accepted.increment();
        self.accepted_s.set(wall_s);
    }

    /// A configuration was refused, `wall_s` seconds after 1970, and nothing changed.
    pub fn refused(&self, wall_s: u64) {
        self.refused.increment();
        self.refused_s.set(wall_s);
    }
}

/// The first 48 bits of a digest: a sample is a double, which holds no more than 53 of them exactly. As a label it would
/// begin a new series with every change.
const fn shown_digest(digest: u64) -> u64 {
    digest >> 16
}
