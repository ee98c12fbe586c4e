//! JSON text of bytes that a peer chose, and of numbers, appended to a line.
//!
//! Whatever the bytes are, the result is valid JSON (RFC 8259) and valid UTF-8: control characters, quote and backslash are
//! escaped, a malformed UTF-8 sequence becomes U+FFFD. Nearly all text needs neither and is copied whole. Text beyond its
//! bound is cut between characters and marked by U+2026 (`…`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Appends at most `bytes_max` bytes of `text`, to stand between quotes.
#[inline]
pub(crate) fn write_text(line: &mut Vec<u8>, text: &[u8], bytes_max: usize) {
    if text.len() <= bytes_max && is_plain(text) {
        line.extend_from_slice(text);
    } else {
        write_unusual(line, text, bytes_max);
    }
}

#[cold]
fn write_unusual(line: &mut Vec<u8>, text: &[u8], bytes_max: usize) {
    if text.len() <= bytes_max {
        write_escaped(line, text);
    } else {
        write_escaped(line, cut(text, bytes_max));
        line.extend_from_slice("…".as_bytes());
    }
}

/// Appends a whole number.
pub(crate) fn write_number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends nanoseconds as milliseconds with three decimals, rounded down.
pub(crate) fn write_ms(line: &mut Vec<u8>, ns: u64) {
    let us = ns / 1000;
    write_number(line, us / 1000);
    let decimals = (us % 1000) as u16;
    let digit = |number: u16| b'0' + (number % 10) as u8;
    line.extend_from_slice(&[b'.', digit(decimals / 100), digit(decimals / 10), digit(decimals)]);
}

/// Appends an address, to stand between quotes.
pub(crate) fn write_ip(line: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => write_ipv4(line, ip),
        IpAddr::V6(_) => write_display(line, &ip),
    }
}

/// Appends an address and port, to stand between quotes.
pub(crate) fn write_address(line: &mut Vec<u8>, address: SocketAddr) {
    match address {
        SocketAddr::V4(address) => {
            write_ipv4(line, *address.ip());
            line.push(b':');
            write_number(line, u64::from(address.port()));
        }
        SocketAddr::V6(_) => write_display(line, &address),
    }
}

/// By hand: the formatting machinery costs as much as the rest of a record.
fn write_ipv4(line: &mut Vec<u8>, ip: Ipv4Addr) {
    let (mut text, mut at) = ([0; 16], 0);
    for octet in ip.octets() {
        let (digits, count) = OCTETS[usize::from(octet)];
        text[at..at + 3].copy_from_slice(&digits);
        at += usize::from(count);
        text[at] = b'.';
        at += 1;
    }
    line.extend_from_slice(&text[..at - 1]);
}

/// The decimal digits of every octet, and how many there are.
static OCTETS: [([u8; 3], u8); 256] = octets();

const fn octets() -> [([u8; 3], u8); 256] {
    let mut table = [([0; 3], 0); 256];
    let mut octet = 0_usize;
    while octet < table.len() {
        let (a, b, c) = (b'0' + (octet / 100) as u8, b'0' + (octet / 10 % 10) as u8, b'0' + (octet % 10) as u8);
        table[octet] = match octet {
            0..10 => ([c, 0, 0], 1),
            10..100 => ([b, c, 0], 2),
            _ => ([a, b, c], 3),
        };
        octet += 1;
    }
    table
}

fn write_display(line: &mut Vec<u8>, shown: &dyn std::fmt::Display) {
    use std::io::Write;
    write!(line, "{shown}").expect("writing to a Vec never fails");
}

/// At most `bytes_max` bytes of `text`, without the beginning of a character whose end is cut off.
fn cut(text: &[u8], bytes_max: usize) -> &[u8] {
    const CONTINUATIONS_MAX: usize = 3;
    let is_boundary = |at: &usize| text[*at] & 0xC0 != 0x80;
    let at = (bytes_max.saturating_sub(CONTINUATIONS_MAX)..=bytes_max).rev().find(is_boundary).unwrap_or(bytes_max);
    &text[..at]
}

fn write_escaped(line: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|character| write_char(line, character));
        if !chunk.invalid().is_empty() {
            line.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
}

/// Whether `text` is ASCII of which nothing has to be escaped. Looks at several bytes at a time, at some of them twice.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    if let (Some(_), Some(last)) = (text.first_chunk::<16>(), text.last_chunk::<16>()) {
        text.as_chunks::<16>().0.iter().all(is_plain_block) && is_plain_block(last)
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        is_plain_word(u64::from_le_bytes(*first)) && is_plain_word(u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        is_plain_word(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)))
    } else {
        text.iter().all(|byte| is_plain_byte(*byte))
    }
}

/// Without an early exit, so that the compiler compares all bytes at once.
#[inline]
fn is_plain_block(block: &[u8; 16]) -> bool {
    block.iter().fold(true, |plain, byte| plain & is_plain_byte(*byte))
}

const fn is_plain_byte(byte: u8) -> bool {
    byte >= 0x20 && byte < 0x7F && byte != b'"' && byte != b'\\'
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

/// JSON would allow U+007F to U+009F as they are, but some terminals obey them.
fn write_char(line: &mut Vec<u8>, character: char) {
    match character {
        '"' => line.extend_from_slice(b"\\\""),
        '\\' => line.extend_from_slice(b"\\\\"),
        '\0'..='\x1F' | '\x7F'..='\u{9F}' => {
            let hex = |nibble: u32| b"0123456789abcdef"[nibble as usize];
            let code = u32::from(character);
            line.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(code >> 4), hex(code & 0xF)]);
        }
        _ => line.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &[u8], bytes_max: usize) -> String {
        let mut line = vec![b'"'];
        write_text(&mut line, text, bytes_max);
        line.push(b'"');
        String::from_utf8(line).unwrap()
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
                }
            }
        }
        assert!(is_plain(b""));
    }

    #[test]
    fn what_a_terminal_or_a_parser_would_obey_is_escaped() {
        assert_eq!(written(b"a\"b\\c\n\x1b[2J\x7f", 99), r#""a\"b\\c\u000a\u001b[2J\u007f""#);
        assert_eq!(written("\u{9b}é\u{2028}".as_bytes(), 99), "\"\\u009bé\u{2028}\"");
        assert_eq!(written(b"\xff\xe2\x82", 99), "\"\u{FFFD}\u{FFFD}\"");
    }

    #[test]
    fn numbers_and_addresses() {
        let mut line = Vec::new();
        for ns in [0, 999, 1_000, 12_345_678, u64::MAX] {
            write_ms(&mut line, ns);
            line.push(b' ');
        }
        for address in ["192.0.2.255:0", "[2001:db8::1]:443"] {
            let address: SocketAddr = address.parse().unwrap();
            write_ip(&mut line, address.ip());
            line.push(b' ');
            write_address(&mut line, address);
            line.push(b' ');
        }
        let text = String::from_utf8(line).unwrap();
        let expected = concat!(
            "0.000 0.000 0.001 12.345 18446744073709.551 ",
            "192.0.2.255 192.0.2.255:0 2001:db8::1 [2001:db8::1]:443 "
        );
        assert_eq!(text, expected);
    }
}
