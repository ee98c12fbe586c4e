//! The bounds of what is asked of the admin API, each with its name.

/// Bytes of a body: an OpenAPI document is the largest.
pub(crate) const BODY_BYTES_MAX: usize = 16 << 20;
/// Rows of a page if nobody says otherwise.
pub(crate) const PAGE_ROWS: usize = 100;
/// Characters of a request identifier that is taken from the caller, and of an Idempotency-Key.
pub(crate) const ID_CHARS_MAX: usize = 128;
/// How long an answer is kept for its Idempotency-Key, in seconds.
pub(crate) const IDEMPOTENCY_S: u64 = 24 * 3600;
/// Documents of one `apply`.
pub(crate) const DOCUMENTS_MAX: usize = 1000;
/// Requests that are worked on at the same time; each has a thread.
pub(crate) const REQUESTS_MAX: usize = 16;
/// How long a rotated credential goes on if nobody says otherwise, in seconds.
pub(crate) const OVERLAP_S: u64 = 24 * 3600;
