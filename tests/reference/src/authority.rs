//! `uri-host [ ":" port ]` of Host and of absolute-form targets (RFC 9110, sections 4.2 and 7.2; RFC 3986, section 3.2).

use crate::grammar::hex;

/// The host of a good authority, an IPv6 address with its brackets. Strict: no user information (RFC 9110, section
/// 4.2.4), no empty host, no escapes in a name, no IPvFuture.
#[must_use]
pub fn host_of(authority: &[u8]) -> Option<&[u8]> {
    let host_len = if authority.first() == Some(&b'[') {
        authority.iter().position(|&byte| byte == b']')? + 1
    } else {
        authority.iter().position(|&byte| byte == b':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(host_len);
    (is_host(host) && is_port(rest)).then_some(host)
}

/// `IP-literal / reg-name` (RFC 3986, section 3.2.2); every IPv4 address is a registered name too.
fn is_host(host: &[u8]) -> bool {
    match host {
        [b'[', address @ .., b']'] => is_ipv6_address(address),
        name => !name.is_empty() && name.iter().all(|&byte| is_unreserved(byte) || is_sub_delim(byte)),
    }
}

/// RFC 3986, section 2.3.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// RFC 3986, section 2.2.
fn is_sub_delim(byte: u8) -> bool {
    b"!$&'()*+,;=".contains(&byte)
}

/// Nothing, or `":" port` with `port = *DIGIT` (RFC 3986, section 3.2.3). Strict: at most five digits and 65535.
fn is_port(rest: &[u8]) -> bool {
    let Some((colon, digits)) = rest.split_first() else { return true };
    let number = digits.iter().fold(0_u32, |number, digit| number.wrapping_mul(10).wrapping_add(u32::from(digit % 16)));
    *colon == b':' && digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit) && number <= 65_535
}

/// `IPv6address` (RFC 3986, section 3.2.2): eight groups, or fewer with one `::` for at least one group.
fn is_ipv6_address(address: &[u8]) -> bool {
    let gap = address.windows(2).position(|pair| pair == b"::");
    match gap {
        None => groups(address, true) == Some(8),
        Some(at) => {
            let (before, after) = (&address[..at], &address[at + 2..]);
            let before = if before.is_empty() { Some(0) } else { groups(before, false) };
            let after = if after.is_empty() { Some(0) } else { groups(after, true) };
            before.zip(after).is_some_and(|(before, after)| before + after <= 7)
        }
    }
}

/// How many groups of 16 bits these are; an IPv4 address at the end, where it may stand, counts two.
fn groups(text: &[u8], may_end_in_ipv4: bool) -> Option<usize> {
    let parts: Vec<&[u8]> = text.split(|&byte| byte == b':').collect();
    let mut count = 0;
    for (index, part) in parts.iter().enumerate() {
        count += match part {
            _ if is_h16(part) => 1,
            _ if may_end_in_ipv4 && index + 1 == parts.len() && is_ipv4_address(part) => 2,
            _ => return None,
        };
    }
    Some(count)
}

/// `h16 = 1*4HEXDIG`.
fn is_h16(text: &[u8]) -> bool {
    (1..=4).contains(&text.len()) && text.iter().all(|&byte| hex(byte).is_some())
}

/// `IPv4address = dec-octet "." dec-octet "." dec-octet "." dec-octet`.
fn is_ipv4_address(text: &[u8]) -> bool {
    let parts: Vec<&[u8]> = text.split(|&byte| byte == b'.').collect();
    parts.len() == 4 && parts.into_iter().all(is_dec_octet)
}

/// 0 to 255 without leading zeros.
fn is_dec_octet(text: &[u8]) -> bool {
    let is_number = (1..=3).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    let has_leading_zero = text.len() > 1 && text[0] == b'0';
    let number = text.iter().take(3).fold(0, |number, digit| number * 10 + u32::from(digit % 16));
    is_number && !has_leading_zero && number <= 255
}
