//! The bounds that no operator sets.

/// Names of fields that the answers for one URI may vary by, all of them together. Answers beyond are not kept.
pub(crate) const VARY_NAMES_MAX: usize = 16;

/// What an entry of a store costs in memory besides its bytes: its place in the map and in the list, and two allocations.
pub(crate) const ENTRY_BYTES: usize = 256;

/// Of the bytes of a store, answers that are still being copied may have this part.
pub(crate) const DRAFTS_PART: usize = 2;
