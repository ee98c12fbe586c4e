//! Where a node is in the order of what was compiled.

use serde::{Deserialize, Serialize};

/// A state of everything compiled. Two with the same digest are the same, whenever they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The number of the change in the control plane's store that led to it. It grows.
    pub generation: u64,
    /// What everything comes to. Nodes compare it, and never compute it.
    pub digest: String,
}

impl Position {
    /// With the digest as it is written.
    #[must_use]
    pub fn new(generation: u64, digest: u64) -> Self {
        Self { generation, digest: format!("{digest:016x}") }
    }

    /// Whether there is the same at both.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}
