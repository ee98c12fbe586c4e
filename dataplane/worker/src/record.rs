//! What is remembered of an exchange until it is accounted for, and the identifiers of requests.
//!
//! The head's bytes are gone by then, so what is still needed of them is copied here: a few words and an identifier of at
//! most [`FOREIGN_ID_BYTES_MAX`] bytes, all of fixed size. Nothing here reads a clock or allocates.

use crate::{
    pool::Target,
    program::{RouteProgram, UpstreamProgram},
};
use std::cell::Cell;
use tollgate_http::{Method, Reason, RequestHead, Version};
use tollgate_io::Instant;
use tollgate_telemetry::MethodLabel;

/// The facts of a request that outlive its head's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) method: Method,
    pub(crate) label: MethodLabel,
    pub(crate) version: Version,
    /// What the client wants of its connection.
    pub(crate) keep_alive: bool,
    /// Whether an upgrade is asked for.
    pub(crate) upgrade: bool,
    /// Whether the client waits for a 100 (Continue).
    pub(crate) expects_continue: bool,
    pub(crate) begun: Instant,
}

impl Facts {
    pub(crate) fn of(head: &RequestHead<'_>, begun: Instant) -> Self {
        Self {
            method: head.method(),
            label: MethodLabel::from_bytes(head.method_bytes()),
            version: head.version(),
            keep_alive: head.keep_alive(),
            upgrade: head.upgrade().is_some(),
            expects_continue: head.expects_continue(),
            begun,
        }
    }
}

/// How an exchange went; filled in on the way.
#[derive(Default)]
pub(crate) struct Outcome<'p> {
    pub(crate) route: Cell<Option<&'p RouteProgram>>,
    /// The one chosen of the route's.
    pub(crate) upstream: Cell<Option<&'p UpstreamProgram>>,
    pub(crate) endpoint: Cell<Option<Target<'p>>>,
    /// Sent to the client; 0 before.
    pub(crate) status: Cell<u16>,
    pub(crate) reason: Cell<Option<Reason>>,
    /// When the whole request had gone to the endpoint.
    pub(crate) forwarded: Cell<Option<Instant>>,
    /// When it was over, if the clock was read then.
    pub(crate) ended: Cell<Option<Instant>>,
    /// When the response's head came.
    pub(crate) responded: Cell<Option<Instant>>,
    pub(crate) attempts: Cell<u8>,
    /// Whether the client's connection ends with this exchange.
    pub(crate) closes: Cell<bool>,
}

/// Length of an identifier of ours, in bytes.
const OWN_ID_BYTES: usize = 32;

/// Longest identifier of a trusted proxy that is kept, in bytes.
const FOREIGN_ID_BYTES_MAX: usize = 128;

/// The identifier of a request: one of ours, or one that a trusted proxy gave.
pub(crate) struct RequestId {
    text: [u8; FOREIGN_ID_BYTES_MAX],
    len: u8,
}

impl RequestId {
    pub(crate) const fn new() -> Self {
        Self { text: [0; FOREIGN_ID_BYTES_MAX], len: 0 }
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text[..self.len as usize]
    }

    /// Becomes a new identifier.
    pub(crate) fn renew(&mut self, ids: &RequestIds) {
        let count = ids.count.get().wrapping_add(1);
        ids.count.set(count);
        self.text[..16].copy_from_slice(&ids.prefix);
        // A multiplication by an odd number loses nothing (Knuth, TAOCP vol. 3, 6.4: Fibonacci hashing).
        self.text[16..OWN_ID_BYTES].copy_from_slice(&hex(count.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        self.len = OWN_ID_BYTES as u8;
    }

    /// Becomes the identifier that a trusted proxy gave, if that can be kept; says whether it did.
    pub(crate) fn adopt(&mut self, given: &[u8]) -> bool {
        let is_usable =
            !given.is_empty() && given.len() <= FOREIGN_ID_BYTES_MAX && given.iter().all(u8::is_ascii_graphic);
        if is_usable {
            self.text[..given.len()].copy_from_slice(given);
            self.len = given.len() as u8;
        }
        is_usable
    }
}

/// Makes request identifiers: 32 hexadecimal digits, the first half random per worker, the second counted and scrambled.
pub(crate) struct RequestIds {
    prefix: [u8; 16],
    count: Cell<u64>,
}

impl RequestIds {
    pub(crate) fn new(prefix: u64) -> Self {
        Self { prefix: hex(prefix), count: Cell::new(0) }
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
}
