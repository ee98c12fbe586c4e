//! The bounds of what is asked of the admin API, each with its name.

/// Bytes of a body: an OpenAPI document is the largest.
pub(crate) const BODY_BYTES_MAX: usize = 16 << 20;
/// Bytes of a body where nobody has to be known.
pub(crate) const OPEN_BODY_BYTES_MAX: usize = 16 << 10;
/// Rows of a page if nobody says otherwise.
pub(crate) const PAGE_ROWS: usize = 100;
/// Characters of a request identifier that is taken from the caller, and of an Idempotency-Key.
pub(crate) const ID_CHARS_MAX: usize = 128;
/// How long an answer is kept for its Idempotency-Key, in seconds.
pub(crate) const IDEMPOTENCY_S: u64 = 24 * 3600;
/// Hours of usage that are shown if nobody says otherwise.
pub(crate) const USAGE_HOURS: u64 = 24;
/// How long hours of usage are kept, in seconds.
pub(crate) const USAGE_KEPT_S: u64 = 90 * 24 * 3600;
/// Documents of one `apply`.
pub(crate) const DOCUMENTS_MAX: usize = 1000;
/// Requests that are worked on at the same time; each has a thread.
pub(crate) const REQUESTS_MAX: usize = 16;
/// Passwords that are hashed at the same time; each takes a core and 19 MiB for a while.
pub(crate) const HASHES_MAX: usize = 2;
/// Passwords that wait to be hashed; more are told to come again.
pub(crate) const HASHES_WAITING_MAX: usize = 64;
/// Attempts to sign in to an account that may come at once, and how often another one may, in seconds.
pub(crate) const ACCOUNT_ATTEMPTS: (u32, u32) = (10, 30);
/// The same of an address, behind which there may be many.
pub(crate) const ADDRESS_ATTEMPTS: (u32, u32) = (60, 2);
/// Accounts and addresses whose attempts are remembered.
pub(crate) const ATTEMPTS_MAX: usize = 10_000;
/// How long a rotated credential goes on if nobody says otherwise, in seconds.
pub(crate) const OVERLAP_S: u64 = 24 * 3600;
