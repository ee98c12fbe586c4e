//! Which byte was received where, to see whether a body leaves from the place it came to.
//!
//! Scripts mark body bytes by their high bit ([`crate::payload`]); heads and chunk framing are ASCII. A body byte sent
//! from an address that a receive did not fill with that very byte has been copied. A copy to an address where an
//! earlier receive happened to leave the same byte is missed: one in 128, so no test of a whole body is fooled.
//!
//! Bound: two bytes per byte of storage that a node ever received into and still lives.

use std::{collections::BTreeMap, ops::Range};

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By address of the storage: what was received into each byte, if anything.
    storages: BTreeMap<usize, Vec<Option<u8>>>,
}

impl Ledger {
    /// Notes that `storage[filled]` was received just now.
    pub(crate) fn received(&mut self, storage: &[u8], filled: Range<usize>) {
        let at = storage.as_ptr() as usize;
        // The allocator may have given freed storage out again at other bounds.
        self.storages.retain(|&other, _| other == at || other.abs_diff(at) >= storage.len());
        let shadow = self.storages.entry(at).or_insert_with(|| vec![None; storage.len()]);
        for (shadow, &byte) in shadow[filled.clone()].iter_mut().zip(&storage[filled]) {
            *shadow = Some(byte);
        }
    }

    /// How many body bytes of `slice` lie where they were received, and how many do not.
    pub(crate) fn judge(&self, slice: &[u8]) -> (u64, u64) {
        let at = slice.as_ptr() as usize;
        let shadow = self.storages.range(..=at).next_back().and_then(|(storage, shadow)| shadow.get(at - storage..));
        let in_place = slice.iter().zip(shadow.unwrap_or_default());
        let in_place = in_place.filter(|&(&byte, &received)| byte >= 0x80 && received == Some(byte)).count();
        let body = slice.iter().filter(|&&byte| byte >= 0x80).count();
        (in_place as u64, (body - in_place) as u64)
    }
}
