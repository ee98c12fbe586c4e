//! JSON text of bytes that a peer chose, appended to a line.
//!
//! Whatever the bytes are, the result is valid JSON (RFC 8259) and valid UTF-8: control characters, quote and backslash are
//! escaped, a malformed UTF-8 sequence becomes U+FFFD. Nearly all text needs neither and is copied whole. Text beyond its
//! bound is cut between characters and marked by U+2026 (`…`).

use std::array;

use crate::{decimal::PREFIX_BYTES_MAX, line::Line};

/// Longest text that is looked at and copied in one step, in bytes.
const SHORT: usize = 32;

/// Room for a prefix and a short text.
const ROOM: usize = PREFIX_BYTES_MAX + SHORT;

impl Line {
    /// Appends `prefix` as it is and at most `bytes_max` bytes of `text`, to stand between quotes.
    #[inline]
    pub(crate) fn text<const P: usize>(&mut self, prefix: &[u8; P], text: &[u8], bytes_max: usize) {
        const { assert!(P <= PREFIX_BYTES_MAX) };
        let room = self.room::<ROOM>();
        room[..P].copy_from_slice(prefix);
        let is_copied = text.len() <= bytes_max && room[P..].first_chunk_mut().is_some_and(|to| copy_short(text, to));
        if is_copied {
            self.advance(P + text.len());
        } else {
            self.advance(P);
            self.long_text(text, bytes_max);
        }
    }

    /// Text that is long, or has to be escaped or cut.
    fn long_text(&mut self, text: &[u8], bytes_max: usize) {
        if text.len() <= bytes_max {
            if is_plain(text) { self.copy(text) } else { self.escaped(text) }
        } else {
            self.escaped(cut(text, bytes_max));
            self.copy("…".as_bytes());
        }
    }

    #[cold]
    fn escaped(&mut self, text: &[u8]) {
        for chunk in text.utf8_chunks() {
            chunk.valid().chars().for_each(|character| self.character(character));
            if !chunk.invalid().is_empty() {
                self.copy("\u{FFFD}".as_bytes());
            }
        }
    }

    /// JSON would allow U+007F to U+009F as they are, but some terminals obey them.
    fn character(&mut self, character: char) {
        match character {
            '"' => self.put(b"\\\""),
            '\\' => self.put(b"\\\\"),
            '\0'..='\x1F' | '\x7F'..='\u{9F}' => {
                let hex = |nibble: u32| b"0123456789abcdef"[nibble as usize];
                let code = u32::from(character);
                self.put(&[b'\\', b'u', b'0', b'0', hex(code >> 4), hex(code & 0xF)]);
            }
            _ => self.copy(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Copies text of at most [`SHORT`] bytes; says whether it is short and plain, else what was copied means nothing. Two
/// pieces of fixed size, which overlap unless they just fit, are text of any length between.
#[inline]
fn copy_short(text: &[u8], to: &mut [u8; SHORT]) -> bool {
    if let (Some(first), Some(last)) = (text.first_chunk::<16>(), text.last_chunk::<16>()) {
        put_ends(first, last, text.len(), to) && are_plain_blocks(first, last)
    } else if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        put_ends(first, last, text.len(), to)
            && is_plain_word(u64::from_le_bytes(*first))
            && is_plain_word(u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        put_ends(first, last, text.len(), to)
            && is_plain_word(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)))
    } else if let (Some(first), Some(last)) = (text.first_chunk::<2>(), text.last_chunk::<2>()) {
        let word = u64::from(u16::from_le_bytes(*first)) << 16 | u64::from(u16::from_le_bytes(*last));
        put_ends(first, last, text.len(), to) && is_plain_word(word | FILLING)
    } else if let Some(byte) = text.first() {
        to[0] = *byte;
        is_plain_byte(*byte)
    } else {
        true
    }
}

/// Four plain bytes, the upper ones of a word.
const FILLING: u64 = u64::from_le_bytes(*b"\0\0\0\0....");

/// Puts both ends of text of `len` bytes where they belong, if there is room for them.
#[inline]
fn put_ends<const N: usize>(first: &[u8; N], last: &[u8; N], len: usize, to: &mut [u8; SHORT]) -> bool {
    let Some(to) = to.get_mut(..len) else { return false };
    if let Some(to) = to.first_chunk_mut() {
        *to = *first;
    }
    if let Some(to) = to.last_chunk_mut() {
        *to = *last;
    }
    true
}

/// At most `bytes_max` bytes of `text`, without the beginning of a character whose end is cut off.
fn cut(text: &[u8], bytes_max: usize) -> &[u8] {
    const CONTINUATIONS_MAX: usize = 3;
    let is_boundary = |at: &usize| text[*at] & 0xC0 != 0x80;
    let at = (bytes_max.saturating_sub(CONTINUATIONS_MAX)..=bytes_max).rev().find(is_boundary).unwrap_or(bytes_max);
    &text[..at]
}

/// Whether `text` is ASCII of which nothing has to be escaped. Looks at many bytes at a time, at some of them twice.
fn is_plain(text: &[u8]) -> bool {
    match text.last_chunk() {
        Some(last) => text.as_chunks().0.iter().all(is_plain_block) && is_plain_block(last),
        None => text.iter().all(|byte| is_plain_byte(*byte)),
    }
}

fn is_plain_block(block: &[u8; 32]) -> bool {
    match block.as_chunks().0 {
        [first, last] => are_plain_blocks(first, last),
        _ => false,
    }
}

/// Without an early exit, and with what is found kept as bytes, so that the compiler looks at all of a block at once; two
/// blocks, because it takes one alone to pieces.
#[inline]
fn are_plain_blocks(first: &[u8; 16], last: &[u8; 16]) -> bool {
    let unusual: [u8; 16] = array::from_fn(|at| u8::from(!is_plain_byte(first[at]) | !is_plain_byte(last[at])));
    u128::from_ne_bytes(unusual) == 0
}

/// Without branches, for the same reason.
const fn is_plain_byte(byte: u8) -> bool {
    (byte.wrapping_sub(0x20) <= 0x5E) & (byte != b'"') & (byte != b'\\')
}

/// [`is_plain_byte`] of eight bytes. In each term, the highest bit of a byte tells; a borrow or carry reaches the next byte
/// only from one that tells already.
const fn is_plain_word(word: u64) -> bool {
    const fn repeat(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    const fn below(word: u64, limit: u8) -> u64 {
        word.wrapping_sub(repeat(limit)) & !word
    }
    let control = below(word, 0x20);
    let quote = below(word ^ repeat(b'"'), 1);
    let backslash = below(word ^ repeat(b'\\'), 1);
    let delete_or_beyond = word.wrapping_add(repeat(1)) | word;
    (control | quote | backslash | delete_or_beyond) & repeat(0x80) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &[u8], bytes_max: usize) -> String {
        let mut line = Line::new();
        line.text(b"\"", text, bytes_max);
        line.put(b"\"");
        String::from_utf8(line.bytes().to_vec()).unwrap()
    }

    proptest! {
        #[test]
        fn any_bytes_read_back_as_their_lossy_text(bytes: Vec<u8>) {
            let read: String = serde_json::from_str(&written(&bytes, usize::MAX)).unwrap();
            prop_assert_eq!(read, String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn text_is_cut_between_characters(text: String, bytes_max in 0_usize..20) {
            let read: String = serde_json::from_str(&written(text.as_bytes(), bytes_max)).unwrap();
            match read.strip_suffix('…') {
                Some(kept) if text.len() > bytes_max => {
                    prop_assert!(text.starts_with(kept));
                    prop_assert!(kept.len() <= bytes_max && kept.len() + 4 > bytes_max);
                }
                _ => prop_assert!(text.len() <= bytes_max && read == text),
            }
        }
    }

    #[test]
    fn one_unusual_byte_is_found_wherever_it_is() {
        for byte in 0..=u8::MAX {
            let expected = matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
            for len in 1..40 {
                for at in 0..len {
                    let mut text = vec![b'~'; len];
                    text[at] = byte;
                    assert_eq!(is_plain(&text), expected, "{byte} at {at} of {len}");
                    let mut to = [0; SHORT];
                    let is_copied = copy_short(&text, &mut to);
                    assert_eq!(is_copied, expected && len <= SHORT, "{byte} at {at} of {len}");
                    assert!(!is_copied || to.starts_with(&text));
                }
            }
        }
        assert!(is_plain(b"") && copy_short(b"", &mut [0; SHORT]));
    }

    #[test]
    fn what_a_terminal_or_a_parser_would_obey_is_escaped() {
        assert_eq!(written(b"a\"b\\c\n\x1b[2J\x7f", 99), r#""a\"b\\c\u000a\u001b[2J\u007f""#);
        assert_eq!(written("\u{9b}é\u{2028}".as_bytes(), 99), "\"\\u009bé\u{2028}\"");
        assert_eq!(written(b"\xff\xe2\x82", 99), "\"\u{FFFD}\u{FFFD}\"");
    }
}
