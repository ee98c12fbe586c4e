//! The bounds of patterns: how long a text may be, and what it may cost to hold or to ask.
//!
//! They are what the manual states. A text beyond them is refused when it is read, so that nobody checks again.

/// Bytes of a host name (RFC 1035, 2.3.4).
pub const HOST_BYTES_MAX: usize = 253;
/// Segments of a path pattern. Bounds the recursion of a lookup.
pub const SEGMENTS_MAX: usize = 64;
/// Bytes of a path pattern.
pub const PATH_BYTES_MAX: usize = 4096;
/// Bytes of a regular expression as written.
pub const EXPRESSION_BYTES_MAX: usize = 1024;
/// Bytes of a regular expression when compiled, and of what a thread keeps to run it.
pub(crate) const EXPRESSION_COMPILED_BYTES_MAX: usize = 256 << 10;
/// Bytes of a template as written.
pub const TEMPLATE_BYTES_MAX: usize = 2048;
