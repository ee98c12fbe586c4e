//! Field lines of heads that were found acceptable before, read again: `name: value CRLF` and nothing else.
//!
//! No judgement is left to be made, so a line without a colon is skipped. One pass, no index, no allocation.

/// Names and values of the lines, in their order.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|&byte| byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

/// The elements of a comma-separated list without quoted commas (RFC 9110, section 5.6.1).
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// The elements of a list, in which commas between quotes belong to an element.
pub(crate) fn quoted_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let split = value.split(move |&byte| {
        let is_comma = byte == b',' && !is_quoted;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        is_comma
    });
    split.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_between_quotes_is_no_end() {
        let all: Vec<_> = quoted_elements(br#"private="a, \", max-age=9", max-age=1,, b"#).collect();
        assert_eq!(all, [&br#"private="a, \", max-age=9""#[..], b"max-age=1", b"b"]);
    }

    #[test]
    fn lines_are_names_and_values() {
        let all: Vec<_> = lines(b"A: 1\r\nB:2 \r\nno colon\r\n\r\n").collect();
        assert_eq!(all, [(&b"A"[..], &b"1"[..]), (b"B", b"2")]);
    }
}
