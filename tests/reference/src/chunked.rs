//! The chunked transfer coding (RFC 9112, section 7.1), read from its first byte each time.

use crate::{
    Defect, Field, Reading,
    field::field_line,
    grammar::{hex, is_text, lines},
    limits::{SIZE_DIGITS_MAX, SIZE_LINE_BYTES_MAX, TRAILER_BYTES_MAX, TRAILER_FIELDS_MAX},
};

/// As much of a chunked body as there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunked {
    /// Data of all chunks so far, also of one that is not whole.
    pub data: Vec<u8>,
    /// Trailer fields, and the length of all in bytes; or why there are none yet.
    pub end: Reading<(Vec<Field>, usize)>,
}

/// `chunked-body = *chunk last-chunk trailer-section CRLF`.
#[must_use]
pub fn read_chunked(bytes: &[u8]) -> Chunked {
    let (mut data, mut at) = (Vec::new(), 0);
    let end = loop {
        let (line_len, size) = match size_line(&bytes[at..]) {
            Reading::Whole(line) => line,
            Reading::Incomplete => break Reading::Incomplete,
            Reading::Refused(defects) => break Reading::Refused(defects),
        };
        at += line_len;
        if size == 0 {
            break trailer_section(&bytes[at..], at);
        }
        let left = &bytes[at..];
        let len = usize::try_from(size).unwrap_or(usize::MAX).min(left.len());
        data.extend_from_slice(&left[..len]);
        match &left[len..] {
            _ if (len as u64) < size => break Reading::Incomplete,
            [b'\r', b'\n', ..] => at += len + 2,
            [] | [b'\r'] => break Reading::Incomplete,
            _ => break Reading::Refused(vec![Defect::Chunk]),
        }
    };
    Chunked { data, end }
}

/// `chunk-size [ chunk-ext ] CRLF`: its length and the size.
fn size_line(bytes: &[u8]) -> Reading<(usize, u64)> {
    let refused = || Reading::Refused(vec![Defect::Chunk]);
    let Some(len) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        let is_hopeless = bytes.len() >= SIZE_LINE_BYTES_MAX || !may_become_size_line(bytes);
        return if is_hopeless { refused() } else { Reading::Incomplete };
    };
    let digits = bytes[..len].iter().take_while(|&&byte| hex(byte).is_some()).count();
    let (size, extensions) = bytes[..len].split_at(digits);
    if len + 2 > SIZE_LINE_BYTES_MAX || !(1..=SIZE_DIGITS_MAX).contains(&digits) || !are_extensions(extensions) {
        return refused();
    }
    let size = size.iter().filter_map(|&digit| hex(digit)).fold(0, |size, digit| size * 16 + u64::from(digit));
    Reading::Whole((len + 2, size))
}

/// Whether bytes behind these can make a size line of them.
fn may_become_size_line(bytes: &[u8]) -> bool {
    let line = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let has_line_end = line.len() < bytes.len();
    let digits = line.iter().take_while(|&&byte| hex(byte).is_some()).count();
    let extensions = &line[digits..];
    let is_blank = extensions.iter().all(|&byte| byte == b' ' || byte == b'\t');
    let ends_well = are_extensions(extensions) || (is_blank && !has_line_end);
    let has_size = digits > 0 || bytes.is_empty();
    has_size && digits <= SIZE_DIGITS_MAX && ends_well
}

/// `chunk-ext = *( BWS ";" BWS chunk-ext-name ... )` (RFC 9112, section 7.1.1). Lenient: behind the first `;` anything a
/// field value may hold, since extensions are dropped. No line break of any kind.
fn are_extensions(bytes: &[u8]) -> bool {
    let blanks = bytes.iter().take_while(|&&byte| byte == b' ' || byte == b'\t').count();
    match &bytes[blanks..] {
        [] => blanks == 0,
        [b';', rest @ ..] => rest.iter().all(|&byte| is_text(byte)),
        _ => false,
    }
}

/// `trailer-section CRLF` (RFC 9112, section 7.1.2), `before` bytes into the body.
fn trailer_section(bytes: &[u8], before: usize) -> Reading<(Vec<Field>, usize)> {
    let Some((lines, len)) = lines(bytes) else {
        let is_hopeless = bytes.len() >= TRAILER_BYTES_MAX;
        return if is_hopeless { Reading::Refused(vec![Defect::Trailer]) } else { Reading::Incomplete };
    };
    let mut defects = Vec::new();
    let fields: Vec<Field> = lines.iter().filter_map(|line| field_line(line, &mut defects)).collect();
    defects.retain(|defect| *defect != Defect::TooLarge);
    if !defects.is_empty() || len > TRAILER_BYTES_MAX || lines.len() > TRAILER_FIELDS_MAX {
        return Reading::Refused(vec![Defect::Trailer]);
    }
    Reading::Whole((fields, before + len))
}
