//! Well-formed heads in one pass: start line and field lines straight into the index, eight bytes at a time.
//!
//! This is the way of nearly every head, at a third of the instructions of `tokenize` followed by an index. It only ever
//! accepts: whatever is incomplete or unusual (`None`) is left to `tokenize`, which decides and knows the reason. What is
//! accepted here is accepted there, with the same index; a test below holds the two against each other.

use super::{
    Fields,
    fields::Span,
    tokenize::{RequestLine, StatusLine, Tokens},
};
use crate::{FIELD_NAME_BYTES_MAX, Name};

/// A request head without empty lines in front, with at most `fields_max` field lines and a method of at most 7 bytes.
pub(super) fn request(bytes: &[u8], fields_max: usize, fields: &mut Fields) -> Option<Tokens<RequestLine>> {
    let method_len = first_flag(is_zero(word(bytes) ^ repeat(b' ')))?;
    let (method, rest) = bytes.split_at_checked(method_len).filter(|(method, _)| is_token(method))?;
    let target = rest.get(1..)?;
    let target_len = target_len(target);
    let (minor, lines) = match target.get(target_len..)?.split_first_chunk()? {
        (b" HTTP/1.1\r\n", lines) => (1, lines),
        (b" HTTP/1.0\r\n", lines) => (0, lines),
        _ => return None,
    };
    if target_len == 0 {
        return None;
    }
    let head_len = field_lines(bytes, lines, fields_max, fields)?;
    let target_start = method.len() + 1;
    let start_line = RequestLine { target_start, target_end: target_start + target_len, minor };
    Some(Tokens { start_line, head_len })
}

/// A response head with a space behind its status code.
pub(super) fn response(bytes: &[u8], fields_max: usize, fields: &mut Fields) -> Option<Tokens<StatusLine>> {
    let (start, phrase) = bytes.split_first_chunk()?;
    let (minor, digits) = match start {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ (b'0' | b'1'), b' ', a, b, c, b' '] => {
            (minor - b'0', [a, b, c])
        }
        _ => return None,
    };
    let mut status = 0;
    for digit in digits {
        status = status * 10 + u16::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    let phrase_len = text_len(phrase);
    let lines = phrase.get(phrase_len..)?.strip_prefix(b"\r\n")?;
    let head_len = field_lines(bytes, lines, fields_max, fields)?;
    Some(Tokens { start_line: StatusLine { status, minor, line_end: start.len() + phrase_len }, head_len })
}

/// Indexes the field lines that `rest`, an end of `bytes`, begins with, and the empty line behind them; returns the length
/// of the head.
fn field_lines(bytes: &[u8], mut rest: &[u8], fields_max: usize, fields: &mut Fields) -> Option<usize> {
    fields.clear();
    loop {
        let first = word(rest);
        let start = bytes.len() - rest.len();
        if first as u16 == u16::from_le_bytes(*b"\r\n") {
            return fields.finish(bytes, start + 2).ok().map(|()| start + 2);
        }
        let (name, behind) = rest.split_at_checked(name_len(rest, first)?)?;
        let known = Name::from_bytes(name);
        // A known name is a token.
        let is_known = !known.is_one_of_many();
        if !(is_known || is_token(name)) || fields.len() == fields_max {
            return None;
        }
        let mut value = behind.strip_prefix(b": ").or_else(|| behind.get(1..))?;
        if value.first().is_some_and(|byte| *byte <= b' ') {
            value = without_leading_space(value);
        }
        let (mut text, behind) = value.split_at_checked(text_len(value))?;
        rest = behind.strip_prefix(b"\r\n")?;
        if text.last().is_some_and(|byte| *byte <= b' ') {
            text = without_trailing_space(text);
        }
        let value_start = bytes.len() - value.len();
        fields.push(start, name.len(), known, Span::new(value_start, value_start + text.len()));
    }
}

#[cold]
fn without_leading_space(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', trimmed @ ..] = value {
        value = trimmed;
    }
    value
}

#[cold]
fn without_trailing_space(mut text: &[u8]) -> &[u8] {
    while let [trimmed @ .., b' ' | b'\t'] = text {
        text = trimmed;
    }
    text
}

/// Bytes before the first colon, if it comes soon enough. `first` is the first word of `bytes`.
#[inline(always)]
fn name_len(bytes: &[u8], first: u64) -> Option<usize> {
    let (mut here, mut len) = (first, 0);
    loop {
        if let Some(before) = first_flag(is_zero(here ^ repeat(b':'))) {
            return Some(len + before).filter(|len| *len <= FIELD_NAME_BYTES_MAX);
        }
        len += 8;
        if len > FIELD_NAME_BYTES_MAX {
            return None;
        }
        here = word(bytes.get(len..)?);
    }
}

/// Bytes before the first that is not visible ASCII.
#[inline]
fn target_len(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    loop {
        let word = word(rest);
        // Above 0x7E either has the highest bit or gets it by one more.
        let unusual = is_below(word, b'!') | (word.wrapping_add(repeat(1)) | word) & repeat(0x80);
        if let Some(before) = first_flag(unusual) {
            return bytes.len() - rest.len() + before;
        }
        rest = rest.get(8..).unwrap_or_default();
    }
}

/// Bytes before the first control character but horizontal tabs; all of them if there is none.
#[inline(always)]
fn text_len(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    loop {
        let word = word(rest);
        if let Some(before) = first_flag(is_below(word, b' ') | is_zero(word ^ repeat(0x7F))) {
            rest = rest.get(before..).unwrap_or_default();
            match rest {
                [b'\t', behind @ ..] => rest = behind,
                _ => return bytes.len() - rest.len(),
            }
        } else {
            rest = rest.get(8..).unwrap_or_default();
        }
        while let Some((block, behind)) = rest.split_first_chunk()
            && is_text_block(block)
        {
            rest = behind;
        }
    }
}

/// Without an early exit, so that the compiler compares all bytes at once.
#[inline]
fn is_text_block(block: &[u8; 16]) -> bool {
    block.iter().fold(true, |is_text, &byte| is_text & (byte >= b' ') & (byte != 0x7F))
}

/// RFC 9110, section 5.6.2.
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| TOKEN_BYTES[byte as usize])
}

static TOKEN_BYTES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        bytes[byte] = (byte as u8).is_ascii_alphanumeric()
            || matches!(byte as u8, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+')
            || matches!(byte as u8, b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
        byte += 1;
    }
    bytes
};

/// The first eight bytes, the first lowest; zeros behind the end, which every search here stops at.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

const fn repeat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Flags the bytes of `word` below `limit`, which is at most 0x80. A borrow reaches the next byte only from a flagged one,
/// so the first flag is right.
const fn is_below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(repeat(limit)) & !word & repeat(0x80)
}

/// Flags the bytes that are zero; as for [`is_below`], the first flag is right.
const fn is_zero(word: u64) -> u64 {
    is_below(word, 1)
}

/// How many bytes are before the first flagged one.
#[inline]
fn first_flag(flags: u64) -> Option<usize> {
    (flags != 0).then(|| flags.trailing_zeros() as usize / 8)
}
