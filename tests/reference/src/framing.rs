//! Where a body ends, as far as the fields say it (RFC 9112, section 6.3).
//!
//! Strict: only one Content-Length of digits alone, only one Transfer-Encoding of `chunked` alone, never both, and no
//! transfer coding in HTTP/1.0 (section 6.1 lets a server refuse each).

use crate::{
    Defect, Field,
    field::values,
    grammar::{elements, is_same},
};

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// After this many bytes.
    Length(u64),
    /// After the last chunk and its trailer section.
    Chunked,
    /// With the connection. Responses only.
    UntilClose,
}

/// What the fields declare, if anything; defects are added to the list.
pub(crate) fn declared(fields: &[Field], minor: u8, defects: &mut Vec<Defect>) -> Option<Framing> {
    let lengths: Vec<&[u8]> = values(fields, "content-length").collect();
    let codings: Vec<&[u8]> = values(fields, "transfer-encoding").collect();
    if lengths.len() + codings.len() > 1 || (minor == 0 && !codings.is_empty()) {
        defects.push(Defect::Framing);
        return None;
    }
    match (lengths.first(), codings.first()) {
        (Some(length), _) => {
            let number = content_length(length);
            if number.is_none() {
                defects.push(Defect::ContentLength);
            }
            number.map(Framing::Length)
        }
        (None, Some(coding)) if is_same(coding, b"chunked") => Some(Framing::Chunked),
        (None, Some(coding)) => {
            defects.push(coding_defect(coding));
            None
        }
        (None, None) => None,
    }
}

/// `Content-Length = 1*DIGIT` (RFC 9110, section 8.6) that fits 64 bits.
fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = value.iter().try_fold(0_u128, |number, digit| {
        let next = number * 10 + u128::from(digit - b'0');
        (next <= u128::from(u64::MAX)).then_some(next)
    });
    number.and_then(|number| u64::try_from(number).ok())
}

/// RFC 9112, section 6.1: `chunked` once and last, and any other coding is one that is not implemented.
fn coding_defect(coding: &[u8]) -> Defect {
    let codings = elements(coding);
    let chunked = codings.iter().filter(|coding| is_same(coding, b"chunked")).count();
    let is_last = codings.last().is_some_and(|last| is_same(last, b"chunked"));
    let names_others = codings.len() > chunked;
    if names_others && (chunked == 0 || (chunked == 1 && is_last)) { Defect::Coding } else { Defect::Framing }
}
