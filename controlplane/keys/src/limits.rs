//! Bounds of tokens and what they are asked for with.

/// How long a token is good for, in seconds.
pub(crate) const TOKEN_LIFETIME_S: u64 = 3600;

/// How long a key is told that signs no more, in seconds: until no token it signed can be alive, by any clock.
pub(crate) const OVERLAP_S: u64 = 24 * 3600;

const _: () = assert!(OVERLAP_S > TOKEN_LIFETIME_S);

/// Longest form of a request, in bytes.
pub(crate) const FORM_BYTES_MAX: usize = 16 << 10;

/// Scopes of a request.
pub(crate) const SCOPES_MAX: usize = 64;

/// Keys of a ring.
pub(crate) const KEYS_MAX: usize = 16;

/// Characters of a password at least (NIST SP 800-63B-4, section 3.1.1.2, of passwords that are not the only factor: 8).
pub(crate) const PASSWORD_CHARS_MIN: usize = 12;

/// Bytes of a password: what is hashed has to end somewhere.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1024;
