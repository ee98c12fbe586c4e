//! The hash of what an item says: the same in each process and on each machine, and not made against someone who looks for
//! collisions.
//!
//! FNV-1a (64 bits), mixed by the finalizer of SplitMix64, so that a sum of such hashes tells items apart whose last bytes
//! are swapped.

use std::hash::{Hash, Hasher};

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// A hasher whose result is the same in each process and on each machine.
#[derive(Debug)]
pub struct Content(u64);

impl Default for Content {
    fn default() -> Self {
        Self(FNV_OFFSET)
    }
}

impl Hasher for Content {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    }

    // Numbers have one width and one order of bytes on every machine.

    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    fn write_u128(&mut self, number: u128) {
        self.write(&number.to_le_bytes());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    /// The finalizer of SplitMix64.
    fn finish(&self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }
}

/// The hash of an item that is the same whatever else a configuration has.
#[must_use]
pub fn hash_of(kind: &str, content: &impl Hash) -> u64 {
    let mut hasher = Content::default();
    (kind, content).hash(&mut hasher);
    hasher.finish()
}

/// The hash of an item that has a reference: `text` is canonical.
#[must_use]
pub fn hash_of_text(kind: &str, text: &str) -> u64 {
    hash_of(kind, &("as written", text))
}
