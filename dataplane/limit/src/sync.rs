//! The atomics of the crate: those of the standard library, or loom's under `--cfg loom`, so that the very code that runs
//! is what loom explores.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
