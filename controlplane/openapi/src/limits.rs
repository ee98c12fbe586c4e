//! Bounds of what is read.

/// Longest text of a document, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 16 << 20;

/// Values of a document.
pub(crate) const NODES_MAX: usize = 1_000_000;

/// How deep values may be nested.
pub(crate) const DEPTH_MAX: usize = 128;

/// Operations of a document: what one API may have.
pub(crate) const OPERATIONS_MAX: usize = 10_000;

/// References that are followed one after the other.
pub(crate) const REFERENCES_MAX: usize = 16;

/// Mistakes that are told at one time.
pub(crate) const MISTAKES_MAX: usize = 100;
