//! What keys of limits are hashed with: kept with the hashes that mean something only together with it.
//!
//! A node by itself makes one by chance and keeps it in the file of its quotas; nodes that share a store derive the same
//! one from the secret of the cluster. It is never shown.

use aws_lc_rs::{
    digest::{Context, SHA256},
    rand,
};
use std::{fmt, io};

/// Bytes of a secret: the key of SipHash.
pub const SECRET_BYTES: usize = 16;

/// What keys of limits are hashed with, and what tells whether they still are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    /// Of the node's own, or of all that share a store.
    pub bytes: [u8; SECRET_BYTES],
    /// The hash of something that never changes, made with `bytes`: another one means that keys are hashed in another
    /// way than when the file was written.
    pub probe: u64,
}

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn random() -> io::Result<[u8; SECRET_BYTES]> {
        let mut bytes = [0; SECRET_BYTES];
        rand::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
        Ok(bytes)
    }

    /// That of all nodes that know a text (of the SHA-256 of it).
    #[must_use]
    pub fn derived(text: &str) -> [u8; SECRET_BYTES] {
        let mut context = Context::new(&SHA256);
        context.update(b"tollgate keys of limits\n");
        context.update(text.as_bytes());
        let mut bytes = [0; SECRET_BYTES];
        bytes.copy_from_slice(&context.finish().as_ref()[..SECRET_BYTES]);
        bytes
    }
}

/// Nothing of it.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
