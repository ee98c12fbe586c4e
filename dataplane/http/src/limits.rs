//! The bounds of the codec: those fixed at compile time and those an operator sets.
//!
//! A head that exceeds one is refused with 414 or 431 (a response head: 502), never truncated.

/// Most field lines an index can hold; the bound on [`field@HeadLimits::fields`].
pub const FIELDS_MAX: usize = 128;

/// Most bytes of a head whatever [`field@HeadLimits::head_bytes`] says, because offsets into it are 16 bits wide.
pub const HEAD_BYTES_MAX: usize = u16::MAX as usize;

/// Longest field name, in bytes, because lengths of names are 8 bits wide.
pub const FIELD_NAME_BYTES_MAX: usize = u8::MAX as usize;

/// Most elements of the Connection fields of a head: each may name a field that is looked for among all others.
pub(crate) const CONNECTION_OPTIONS_MAX: u8 = 32;

/// Longest method, in bytes. The longest registered one has 17 (`UPDATEREDIRECTREF`).
pub(crate) const METHOD_BYTES_MAX: usize = 32;

/// Longest chunk size line, in bytes, with its extensions and line break.
pub const CHUNK_SIZE_LINE_BYTES_MAX: usize = 256;

/// Largest trailer section, in bytes.
pub const TRAILER_BYTES_MAX: usize = 8 * 1024;

/// Most trailer fields.
pub(crate) const TRAILER_FIELDS_MAX: usize = 32;

/// Empty lines ignored before a request line (RFC 9112, section 2.2).
pub(crate) const LEADING_LINES_MAX: usize = 2;

const _: () = assert!(FIELDS_MAX <= u8::MAX as usize, "an index keeps field numbers in 8 bits");

/// Limits on one message head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Whole head with its last empty line, in bytes. At most [`HEAD_BYTES_MAX`].
    pub head_bytes: usize,
    /// Request target, in bytes. Not applied to responses.
    pub target_bytes: usize,
    /// Number of field lines. At most [`FIELDS_MAX`].
    pub fields: usize,
}

impl HeadLimits {
    /// 16 KiB, 8 KiB and 100 field lines.
    pub const DEFAULT: Self = Self { head_bytes: 16 * 1024, target_bytes: 8 * 1024, fields: 100 };

    pub(crate) const fn head_bytes(&self) -> usize {
        if self.head_bytes < HEAD_BYTES_MAX { self.head_bytes } else { HEAD_BYTES_MAX }
    }

    pub(crate) const fn fields(&self) -> usize {
        if self.fields < FIELDS_MAX { self.fields } else { FIELDS_MAX }
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
