//! What the guards over the tree look at: its files and its Rust sources.
//!
//! The guards themselves are the integration tests beside this crate, one file per subject: `edges`, `sizes`, `sources`,
//! `documents`. Nothing here knows a rule, and nothing reads outside the workspace.

mod source;
mod tree;

/// Fails with every one of `faults`, so that one run shows them all.
///
/// # Panics
/// If there is any.
pub fn none(faults: impl IntoIterator<Item = String>) {
    let faults: Vec<_> = faults.into_iter().collect();
    assert!(faults.is_empty(), "{} found:\n{}", faults.len(), faults.join("\n"));
}

pub use source::{Function, Source};
pub use tree::{documents, files, read, root, sources};
