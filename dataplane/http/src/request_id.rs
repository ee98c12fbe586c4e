//! The identifiers of requests, and of the traces that begin here.
//!
//! An identifier of ours is 32 hexadecimal digits: random per worker, then counted and scrambled, so that none comes twice and
//! none costs a call for entropy. One that a trusted proxy gives has at most [`FOREIGN_ID_BYTES_MAX`] bytes. Nothing here
//! allocates.

use std::cell::Cell;

use crate::Traceparent;

/// Length of an identifier of ours, in bytes.
const OWN_ID_BYTES: usize = 32;

/// Longest identifier of a trusted proxy that is kept, in bytes.
const FOREIGN_ID_BYTES_MAX: usize = 128;

/// The identifier of a request: one of ours, or one that a trusted proxy gave.
pub struct RequestId {
    text: [u8; FOREIGN_ID_BYTES_MAX],
    len: u8,
    is_ours: bool,
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestId {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { text: [0; FOREIGN_ID_BYTES_MAX], len: 0, is_ours: false }
    }

    /// As it is told and written.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text[..self.len as usize]
    }

    /// Becomes a new identifier.
    pub fn renew(&mut self, ids: &RequestIds) {
        self.text[..OWN_ID_BYTES].copy_from_slice(&ids.next());
        self.len = OWN_ID_BYTES as u8;
        self.is_ours = true;
    }

    /// Becomes the identifier that a trusted proxy gave, if that can be kept; says whether it did.
    pub fn adopt(&mut self, given: &[u8]) -> bool {
        let is_usable =
            !given.is_empty() && given.len() <= FOREIGN_ID_BYTES_MAX && given.iter().all(u8::is_ascii_graphic);
        if is_usable {
            self.text[..given.len()].copy_from_slice(given);
            self.len = given.len() as u8;
            self.is_ours = false;
        }
        is_usable
    }
}

/// Makes request identifiers: 32 hexadecimal digits, the first half random per worker, the second counted and scrambled.
pub struct RequestIds {
    prefix: [u8; 16],
    /// The prefix as a number.
    salt: u64,
    count: Cell<u64>,
}

impl RequestIds {
    /// Those that begin with this number, which is random and no other worker's.
    #[must_use]
    pub fn new(prefix: u64) -> Self {
        Self { prefix: hex(prefix), salt: prefix, count: Cell::new(0) }
    }

    /// The next identifier; its second half is never all zero before the count wraps.
    #[inline]
    fn next(&self) -> [u8; OWN_ID_BYTES] {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        let mut id = [0; OWN_ID_BYTES];
        id[..16].copy_from_slice(&self.prefix);
        // A multiplication by an odd number loses nothing (Knuth, TAOCP vol. 3, 6.4: Fibonacci hashing).
        id[16..].copy_from_slice(&hex(count.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        id
    }

    /// Begins a trace of which `percent` in a hundred are sampled. Its identifier is that of the request where that is ours,
    /// so that either finds the other.
    pub fn begin_trace(&self, parent: &mut Traceparent, request: &RequestId, percent: u8) {
        let trace_id = match request.text.first_chunk() {
            Some(own) if request.is_ours => *own,
            _ => self.next(),
        };
        // Another odd number, and what no other worker has.
        let scrambled = self.count.get().wrapping_mul(0xD1B5_4A32_D192_ED03);
        let sampled = ((scrambled >> 32) * 100) >> 32 < u64::from(percent);
        parent.begin(&trace_id, &hex((scrambled ^ self.salt).max(1)), sampled);
    }
}

/// The 16 hexadecimal digits of a number.
fn hex(value: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    digits[..8].copy_from_slice(&hex_half((value >> 32) as u32));
    digits[8..].copy_from_slice(&hex_half(value as u32));
    digits
}

/// Eight digits at once: the nibbles are spread over the bytes of a word, then all of them become letters or digits.
fn hex_half(value: u32) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut word = u64::from(value);
    word = (word | word << 16) & 0x0000_FFFF_0000_FFFF;
    word = (word | word << 8) & 0x00FF_00FF_00FF_00FF;
    word = (word | word << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    let is_letter = (word + 6 * ONES) >> 4 & ONES;
    (word + u64::from(b'0') * ONES + is_letter * u64::from(b'a' - b'0' - 10)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_library() {
        for value in [0, 1, 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210, u64::MAX, 0x9E37_79B9_7F4A_7C15] {
            assert_eq!(String::from_utf8(hex(value).to_vec()).unwrap(), format!("{value:016x}"));
        }
    }

    #[test]
    fn only_short_visible_text_of_a_trusted_proxy_is_kept() {
        let (mut id, ids) = (RequestId::new(), RequestIds::new(7));
        id.renew(&ids);
        let own = id.text().to_vec();
        for unusable in [&b""[..], b"a b", b"a\tb", &[b'x'; FOREIGN_ID_BYTES_MAX + 1]] {
            assert!(!id.adopt(unusable));
            assert_eq!(id.text(), own);
        }
        assert!(id.adopt(&[b'x'; FOREIGN_ID_BYTES_MAX]) && id.text() == [b'x'; FOREIGN_ID_BYTES_MAX]);
        id.renew(&ids);
        assert!(id.text().len() == OWN_ID_BYTES && id.text() != own);
    }

    #[test]
    fn a_trace_has_the_identifier_of_its_request_and_the_asked_share_is_sampled() {
        let (mut id, ids, mut parent) = (RequestId::new(), RequestIds::new(7), Traceparent::new());
        let mut parents = Vec::new();
        let sampled = (0..1000).filter(|_| {
            id.renew(&ids);
            ids.begin_trace(&mut parent, &id, 10);
            assert_eq!(parent.trace_id(), id.text());
            parents.push(parent.text()[36..52].to_vec());
            parent.text().ends_with(b"-01")
        });
        let sampled = sampled.count();
        assert!((90..=110).contains(&sampled), "{sampled} of 1000");
        parents.sort();
        parents.dedup();
        assert_eq!(parents.len(), 1000, "no parent comes twice");
        assert!(id.adopt(b"given"));
        ids.begin_trace(&mut parent, &id, 100);
        assert!(parent.text().ends_with(b"-01") && parent.trace_id().starts_with(b"0000000000000007"), "one of ours");
        ids.begin_trace(&mut parent, &id, 0);
        assert!(parent.text().ends_with(b"-00"));
    }
}
