//! The lexical rules of RFC 9110, section 5, that more than one other rule uses.

/// `tchar` (RFC 9110, section 5.6.2).
pub(crate) fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `token = 1*tchar` (RFC 9110, section 5.6.2).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// The value of a `HEXDIG` in either case (RFC 5234, appendix B.1).
pub(crate) fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// `VCHAR` (RFC 5234, appendix B.1).
pub(crate) fn is_vchar(byte: u8) -> bool {
    (0x21..=0x7E).contains(&byte)
}

/// `HTAB / SP / VCHAR / obs-text`: what a field value (RFC 9110, section 5.5) and a reason phrase (RFC 9112, section 4)
/// are made of.
pub(crate) fn is_text(byte: u8) -> bool {
    byte == b'\t' || byte == b' ' || is_vchar(byte) || byte >= 0x80
}

/// Without the `OWS` at both ends (RFC 9110, section 5.6.3).
pub(crate) fn without_ows(bytes: &[u8]) -> &[u8] {
    let is_ows = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let start = bytes.iter().take_while(|byte| is_ows(byte)).count();
    let end = bytes[start..].iter().rev().take_while(|byte| is_ows(byte)).count();
    &bytes[start..bytes.len() - end]
}

/// The elements of a list (RFC 9110, section 5.6.1), empty ones left out as section 5.6.1.2 demands.
pub(crate) fn elements(value: &[u8]) -> Vec<&[u8]> {
    value.split(|&byte| byte == b',').map(without_ows).filter(|element| !element.is_empty()).collect()
}

/// Names and most values compare without case (RFC 9110, section 5.1).
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The lines up to the first empty one, and the length of all that; `None` if there is no empty line. A line ends with
/// CRLF and with nothing else (RFC 9112, section 2.2, strict).
pub(crate) fn lines(bytes: &[u8]) -> Option<(Vec<&[u8]>, usize)> {
    let (mut lines, mut start) = (Vec::new(), 0);
    loop {
        let len = bytes[start..].windows(2).position(|pair| pair == b"\r\n")?;
        let line = &bytes[start..start + len];
        start += len + 2;
        if line.is_empty() {
            return Some((lines, start));
        }
        lines.push(line);
    }
}
