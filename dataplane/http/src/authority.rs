//! Authorities, `host[:port]`, of Host and of absolute-form targets (RFC 3986, section 3.2; RFC 9110, section 7.2).

use crate::uri::is_unreserved;
use std::{net::Ipv6Addr, str::FromStr};

/// The host of a valid `host[:port]`, with the brackets of an IPv6 address.
///
/// Accepted are a registered name without escapes (two spellings of one host would let a request past a rule about it),
/// an IPv4 address, an IPv6 address in brackets, and a port of at most 65535. User information is not.
#[must_use]
pub fn host_of_authority(authority: &[u8]) -> Option<&[u8]> {
    let host_len = match authority.first()? {
        b'[' => authority.iter().position(|&byte| byte == b']')? + 1,
        _ => authority.iter().take_while(|byte| NAME_BYTES[**byte as usize]).count(),
    };
    let (host, port) = authority.split_at(host_len);
    let host_is_valid = !host.is_empty() && (host[0] != b'[' || is_ipv6(&host[1..host_len - 1]));
    (host_is_valid && is_port(port)).then_some(host)
}

/// RFC 3986, section 3.2.2: `unreserved / sub-delims`.
const NAME_BYTES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        bytes[byte] = is_unreserved(byte as u8)
            || matches!(byte as u8, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
        byte += 1;
    }
    bytes
};

fn is_ipv6(address: &[u8]) -> bool {
    std::str::from_utf8(address).is_ok_and(|text| Ipv6Addr::from_str(text).is_ok())
}

/// Nothing, or a colon and at most five digits.
fn is_port(port: &[u8]) -> bool {
    match port {
        [] => true,
        [b':', digits @ ..] => {
            // Numbers of the same length compare as their digits do.
            let is_small = digits.len() < 5 || (digits.len() == 5 && digits <= b"65535");
            is_small && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        for (authority, host) in [
            ("example.com", "example.com"),
            ("example.com.:80", "example.com."),
            ("a_b-c~d:", "a_b-c~d"),
            ("127.0.0.1:65535", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[2001:db8::7]:8443", "[2001:db8::7]"),
        ] {
            assert_eq!(host_of_authority(authority.as_bytes()), Some(host.as_bytes()), "{authority}");
        }
        for authority in [
            "",
            ":80",
            "a:65536",
            "a:-1",
            "a:8 0",
            "a:80:80",
            "a b",
            "a/b",
            "user@a",
            "a%41",
            "[::1",
            "::1",
            "[1.2.3.4]",
            "[]",
            "[::1]x",
            "[::1%25eth0]",
            "a:080808",
            "a\u{e9}",
            "a\"b",
            "a, b",
        ] {
            assert_eq!(host_of_authority(authority.as_bytes()), None, "{authority}");
        }
    }
}
