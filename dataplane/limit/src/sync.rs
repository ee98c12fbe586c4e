//! The atomics of the crate. Files that are explored by loom take them from here; `tests/loom` gives them its own.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
