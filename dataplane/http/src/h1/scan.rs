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
    let method_len = first_flag(is_zero(word(bytes, 0) ^ repeat(b' ')))?;
    let method = bytes.get(..method_len).filter(|method| is_token(method))?;
    let target_start = method.len() + 1;
    let target_end = end_of_target(bytes, target_start);
    let minor = match bytes.get(target_end..)?.first_chunk() {
        Some(b" HTTP/1.1\r\n") => 1,
        Some(b" HTTP/1.0\r\n") => 0,
        _ => return None,
    };
    if target_start == target_end {
        return None;
    }
    let head_len = field_lines(bytes, target_end + b" HTTP/1.1\r\n".len(), fields_max, fields)?;
    Some(Tokens { start_line: RequestLine { target_start, target_end, minor }, head_len })
}

/// A response head with a space behind its status code.
pub(super) fn response(bytes: &[u8], fields_max: usize, fields: &mut Fields) -> Option<Tokens<StatusLine>> {
    let (minor, digits) = match bytes.first_chunk()? {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ (b'0' | b'1'), b' ', a, b, c, b' '] => {
            (minor - b'0', [a, b, c])
        }
        _ => return None,
    };
    let mut status = 0;
    for digit in digits {
        status = status * 10 + u16::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    let line_end = end_of_text(bytes, b"HTTP/1.1 200 ".len());
    let head_len = field_lines(bytes, line_break(bytes, line_end)?, fields_max, fields)?;
    Some(Tokens { start_line: StatusLine { status, minor, line_end }, head_len })
}

/// Indexes the field lines at `at` and the empty line behind them; returns the length of the head.
fn field_lines(bytes: &[u8], mut at: usize, fields_max: usize, fields: &mut Fields) -> Option<usize> {
    fields.clear();
    loop {
        let first = word(bytes, at);
        if first as u16 == u16::from_le_bytes(*b"\r\n") {
            let head_len = at + 2;
            fields.finish(bytes, head_len);
            return Some(head_len);
        }
        if fields.len() == fields_max {
            return None;
        }
        let name = bytes.get(at..at + name_len(bytes, at, first)?).filter(|name| !name.is_empty())?;
        let known = Name::from_bytes(name);
        // A known name is a token.
        if matches!(known, Name::Other | Name::XForwardedOther | Name::Underscored) && !is_token(name) {
            return None;
        }
        let mut start = at + name.len() + 1;
        while matches!(bytes.get(start), Some(b' ' | b'\t')) {
            start += 1;
        }
        let line_end = end_of_text(bytes, start);
        let next = line_break(bytes, line_end)?;
        let mut end = line_end;
        while end > start && matches!(bytes[end - 1], b' ' | b'\t') {
            end -= 1;
        }
        fields.push(at, name.len(), known, Span::new(start, end));
        at = next;
    }
}

/// Bytes up to the colon, if it comes soon enough. `first` is the word at `at`.
#[inline]
fn name_len(bytes: &[u8], at: usize, first: u64) -> Option<usize> {
    let (mut word_here, mut len) = (first, 0);
    loop {
        if let Some(before) = first_flag(is_zero(word_here ^ repeat(b':'))) {
            return Some(len + before).filter(|len| *len <= FIELD_NAME_BYTES_MAX);
        }
        len += 8;
        if len > FIELD_NAME_BYTES_MAX {
            return None;
        }
        word_here = word(bytes, at + len);
    }
}

/// Where the line behind the line break at `at` begins.
#[inline]
fn line_break(bytes: &[u8], at: usize) -> Option<usize> {
    (bytes.get(at..)?.first_chunk() == Some(b"\r\n")).then_some(at + 2)
}

/// The first byte from `at` that is not visible ASCII.
#[inline]
fn end_of_target(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let word = word(bytes, at);
        // Above 0x7E either has the highest bit or gets it by one more.
        let unusual = is_below(word, b'!') | (word.wrapping_add(repeat(1)) | word) & repeat(0x80);
        match first_flag(unusual) {
            Some(before) => return at + before,
            None => at += 8,
        }
    }
}

/// The first control character from `at`, horizontal tabs left out; the end of the bytes, or a little behind it, if there
/// is none.
#[inline]
fn end_of_text(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let word = word(bytes, at);
        match first_flag(is_below(word, b' ') | is_zero(word ^ repeat(0x7F))) {
            Some(before) if bytes.get(at + before) == Some(&b'\t') => at += before + 1,
            Some(before) => return at + before,
            None => at += 8,
        }
        while bytes.get(at..).and_then(<[u8]>::first_chunk).is_some_and(is_text_block) {
            at += 16;
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

/// Eight bytes from `at`, the first lowest; zeros behind the end, which every search here stops at.
#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
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
