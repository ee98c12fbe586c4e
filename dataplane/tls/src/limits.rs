//! The bounds of a session.

/// Longest record a peer may send, in bytes with its header: 2^14 of plaintext and the most any cipher of TLS 1.2 adds
/// (RFC 5246, section 6.2.3). A buffer for ciphertext holds at least this much.
pub const RECORD_BYTES_MAX: usize = 5 + (1 << 14) + 2048;

/// Most ciphertext a session leaves unopened, in bytes: an incomplete record, or the records of a handshake message that
/// is not complete. A peer that needs more (a chain of very many client certificates) is refused.
pub const REST_BYTES_MAX: usize = 24 * 1024;

/// Plaintext in one record we send, in bytes (RFC 8446, section 5.1).
pub const FRAGMENT_BYTES_MAX: usize = 1 << 14;

/// What sealing adds to a record at most, in bytes: header 5, explicit nonce 8, tag 16, content type 1, and some air.
pub const OVERHEAD_BYTES_MAX: usize = 40;

/// A run of plaintext at least this long gets records of its own; shorter ones are gathered into one, in bytes.
/// Below it, the record's overhead and the cost of a cipher call exceed that of a copy.
pub(crate) const GATHER_BELOW_BYTES: usize = 4 * 1024;

/// Seconds after which tickets are sealed with a new key. The key before it still opens them for as long again.
pub(crate) const TICKET_KEY_SECONDS: u64 = 6 * 60 * 60;

/// Tickets a full TLS 1.3 handshake sends: one for each of the connections a browser opens at first.
pub(crate) const TICKETS_SENT: usize = 2;

/// Sessions a client settings object remembers, over all server names.
pub(crate) const CLIENT_SESSIONS_MAX: usize = 1024;

const _: () = assert!(RECORD_BYTES_MAX <= REST_BYTES_MAX, "a record always fits what may be left unopened");
