//! From the bytes of a field name to its [`Name`], with no branch per candidate.
//!
//! A name's first and last bytes are folded into one word, which leads to the only candidate in a table made at compile
//! time; two comparisons of words confirm it. A third, of all bytes, is needed only for names above 16 bytes.

use super::Name;
use crate::FIELD_NAME_BYTES_MAX;

impl Name {
    /// The name these bytes spell, in any case of letters.
    #[must_use]
    #[inline(always)]
    pub fn from_bytes(name: &[u8]) -> Self {
        let ends = Ends::of(name);
        let candidate = &CANDIDATES[slot(ends, MULTIPLIER)];
        if candidate.is(name, ends) { candidate.name } else { Self::unusual(name, ends) }
    }

    /// The names that stand for many.
    #[inline(never)]
    fn unusual(name: &[u8], ends: Ends) -> Self {
        if is_x_forwarded(name, ends) {
            Self::XForwardedOther
        } else if is_x_consumer(name, ends) {
            Self::XConsumer
        } else if has_underscore(name, ends) && is_known_with_dashes(name) {
            Self::Underscored
        } else {
            Self::Other
        }
    }
}

/// Slots of the table of candidates: so many more than names that a multiplier that spreads them is found soon.
const SLOTS: usize = 256;

/// Spreads the known names over the slots, at most one in each. Found by trial; when a new name fails the assertion,
/// try other odd numbers.
const MULTIPLIER: u64 = 0x4e3d_4d0f_51dd_5d5d;

const _: () = assert!(spreads(MULTIPLIER), "two known names share a slot");

const fn spreads(multiplier: u64) -> bool {
    let mut taken = [false; SLOTS];
    let mut i = 0;
    while i < Name::KNOWN.len() {
        let slot = slot(Ends::of(Name::KNOWN[i].1.as_bytes()), multiplier);
        if taken[slot] {
            return false;
        }
        taken[slot] = true;
        i += 1;
    }
    true
}

#[inline]
const fn slot(ends: Ends, multiplier: u64) -> usize {
    (ends.key().wrapping_mul(multiplier) >> (64 - SLOTS.ilog2())) as usize
}

/// The only known name, if any, for each slot.
static CANDIDATES: [Spelling; SLOTS] = {
    let mut candidates = [Spelling::of(Name::Other, ""); SLOTS];
    let mut i = 0;
    while i < Name::KNOWN.len() {
        let (name, text) = Name::KNOWN[i];
        candidates[slot(Ends::of(text.as_bytes()), MULTIPLIER)] = Spelling::of(name, text);
        i += 1;
    }
    candidates
};

/// `0x20` in every byte: what tells an upper-case letter from its lower-case one.
const CASE: u64 = 0x2020_2020_2020_2020;

/// A name's length, its first and its last bytes. They overlap in a name of less than 16 bytes, and are the whole of
/// it.
#[derive(Clone, Copy)]
struct Ends {
    first: u64,
    last: u64,
    len: usize,
}

impl Ends {
    #[inline]
    const fn of(name: &[u8]) -> Self {
        let (first, last) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
                (Some(first), Some(last)) => (u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64),
                _ => match name {
                    [a, b, c] => (u32::from_le_bytes([*a, *b, *c, 0]) as u64, 0),
                    [a, b] => (u32::from_le_bytes([*a, *b, 0, 0]) as u64, 0),
                    _ => (0, 0),
                },
            },
        };
        Self { first, last, len: name.len() }
    }

    /// One word for what is here, whatever the case of letters.
    #[inline]
    const fn key(self) -> u64 {
        (self.first | CASE) ^ (self.last | CASE).rotate_left(3) ^ (self.len as u64) << 58
    }
}

/// A known name, prepared for comparison.
#[derive(Clone, Copy)]
struct Spelling {
    name: Name,
    text: &'static str,
    ends: Ends,
    /// [`CASE`] where the name has letters.
    first_letters: u64,
    last_letters: u64,
}

impl Spelling {
    const fn of(name: Name, text: &'static str) -> Self {
        let ends = Ends::of(text.as_bytes());
        Self { name, text, ends, first_letters: letters(ends.first), last_letters: letters(ends.last) }
    }

    /// Whether `name` spells it, in any case of letters.
    #[inline]
    fn is(&self, name: &[u8], ends: Ends) -> bool {
        ends.len == self.ends.len
            && (ends.first | self.first_letters) == self.ends.first
            && (ends.last | self.last_letters) == self.ends.last
            && (ends.len <= 16 || name.eq_ignore_ascii_case(self.text.as_bytes()))
    }
}

const fn letters(word: u64) -> u64 {
    let bytes = word.to_le_bytes();
    let mut mask = [0; 8];
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i].is_ascii_lowercase() {
            mask[i] = 0x20;
        }
        i += 1;
    }
    u64::from_le_bytes(mask)
}

#[inline]
fn is_x_forwarded(name: &[u8], ends: Ends) -> bool {
    ends.first | CASE == u64::from_le_bytes(*b"x-forwar")
        && name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case(b"x-forwarded-"))
}

#[inline]
fn is_x_consumer(name: &[u8], ends: Ends) -> bool {
    ends.first | CASE == u64::from_le_bytes(*b"x-consum")
        && name.get(..11).is_some_and(|start| start.eq_ignore_ascii_case(b"x-consumer-"))
}

#[inline]
fn has_underscore(name: &[u8], ends: Ends) -> bool {
    if ends.len > 16 { name.contains(&b'_') } else { has_byte(ends.first, b'_') || has_byte(ends.last, b'_') }
}

/// Whether a byte of `word` is `byte`: the difference to it has a zero byte, which alone borrows without its high bit
/// set.
#[inline]
const fn has_byte(word: u64, byte: u8) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let difference = word ^ (byte as u64 * ONES);
    difference.wrapping_sub(ONES) & !difference & (ONES << 7) != 0
}

#[cold]
fn is_known_with_dashes(name: &[u8]) -> bool {
    let mut dashed = [0; FIELD_NAME_BYTES_MAX];
    let Some(dashed) = dashed.get_mut(..name.len()) else { return false };
    for (to, from) in dashed.iter_mut().zip(name) {
        *to = if *from == b'_' { b'-' } else { *from };
    }
    // No underscore is left, so this goes no deeper.
    Name::from_bytes(dashed) != Name::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_recognized_in_any_case() {
        for &(name, text) in Name::KNOWN {
            assert_eq!(Name::from_bytes(text.as_bytes()), name);
            assert_eq!(Name::from_bytes(text.to_ascii_uppercase().as_bytes()), name);
            assert_eq!(name.as_str(), text);
        }
    }

    #[test]
    fn near_misses_are_other_names() {
        for text in
            ["", "x", "hos", "hosts", "Content-Lengt", "transfer\u{d}encoding", "content-xxxlength", "keep\u{d}alive"]
        {
            assert_eq!(Name::from_bytes(text.as_bytes()), Name::Other, "{text}");
        }
        assert_eq!(Name::from_bytes(b"X-Forwarded-Port"), Name::XForwardedOther);
        assert_eq!(Name::from_bytes(b"X-CONSUMER-Plan"), Name::XConsumer);
        assert_eq!(Name::from_bytes(b"X-Consumers"), Name::Other);
    }

    #[test]
    fn known_names_with_underscores_are_told_apart() {
        for text in [
            "x_forwarded_for",
            "x_consumer-plan",
            "X-Forwarded_Any",
            "Content_Length",
            "TRANSFER_encoding",
            "proxy_authorization",
        ] {
            assert_eq!(Name::from_bytes(text.as_bytes()), Name::Underscored, "{text}");
        }
        for text in ["my_field", "_", "user_name", "a_name_that_is_a_good_deal_longer", &"_".repeat(300)] {
            assert_eq!(Name::from_bytes(text.as_bytes()), Name::Other, "{text}");
        }
    }
}
