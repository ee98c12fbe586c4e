//! The bounds a head has to keep. Those that do not depend on a configuration are constants, and the same as the product's
//! by its manual.

/// Longest method, in bytes (lenient: the RFC names no bound).
pub(crate) const METHOD_BYTES_MAX: usize = 32;
/// Longest field name, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 255;
/// Most connection options of a head (lenient: the RFC names no bound).
pub(crate) const CONNECTION_OPTIONS_MAX: usize = 32;
/// Longest chunk size line, in bytes, with its line break.
pub(crate) const SIZE_LINE_BYTES_MAX: usize = 256;
/// Most hexadecimal digits of a chunk size.
pub(crate) const SIZE_DIGITS_MAX: usize = 16;
/// Largest trailer section, in bytes, with its empty line.
pub(crate) const TRAILER_BYTES_MAX: usize = 8 * 1024;
/// Most trailer fields.
pub(crate) const TRAILER_FIELDS_MAX: usize = 32;
/// Empty lines in front of a request line that are skipped (RFC 9112, section 2.2 says "at least one").
pub(crate) const LEADING_LINES_MAX: usize = 2;

/// Bounds of one head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head, with the empty lines in front and its own behind.
    pub head_bytes: usize,
    /// Bytes of a request target.
    pub target_bytes: usize,
    /// Field lines.
    pub fields: usize,
}
