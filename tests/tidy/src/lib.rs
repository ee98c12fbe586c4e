//! What the guards over the tree look at: its files and its Rust sources.
//!
//! The guards themselves are the integration tests beside this crate, one file per subject: `edges`, `sizes`, `sources`,
//! `documents`. Nothing here knows a rule, and nothing reads outside the workspace.

mod source;
mod tree;

pub use source::{Function, Source};
pub use tree::{documents, files, read, root, sources};
