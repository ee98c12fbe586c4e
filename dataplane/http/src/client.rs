//! Who the client is when a trusted proxy speaks for it: X-Forwarded-For, or Forwarded (RFC 7239), read from the right.
//!
//! Asked once per request, and only of trusted peers. Nothing is resolved or allocated; the work is bounded by the head.
//! Which peers are trusted is the caller's to say.

use crate::{ForwardedStyle, Name, RequestHead};
use std::net::IpAddr;

/// The client that a trusted peer speaks for: the right-most hop of X-Forwarded-For, or with
/// [`ForwardedStyle::Standard`] of Forwarded, that is not trusted itself; the left-most if all are. What stands left of it
/// anybody can have written. Where a hop is no address (`unknown`, `_hidden`), the hop behind it counts.
pub fn client_of(
    head: &RequestHead<'_>,
    peer: IpAddr,
    style: ForwardedStyle,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let is_standard = style == ForwardedStyle::Standard;
    let name = if is_standard { Name::Forwarded } else { Name::XForwardedFor };
    let mut client = peer;
    for value in head.field_values(name).rev() {
        for hop in value.rsplit(|&byte| byte == b',') {
            let node = if is_standard { node_of(hop) } else { Some(hop.trim_ascii()) };
            let Some(address) = node.and_then(parse_node) else { return client };
            client = address;
            if !is_trusted(address) {
                return client;
            }
        }
    }
    client
}

/// The value of `for` in an element of Forwarded (RFC 7239, section 4), without its quotes.
fn node_of(element: &[u8]) -> Option<&[u8]> {
    element.split(|&byte| byte == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        let (name, value) = pair.split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=")
            .then(|| value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value))
    })
}

/// An address, perhaps in brackets, perhaps with a port.
fn parse_node(node: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(node).ok()?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let address = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').filter(|(_, port)| port.is_empty() || port.starts_with(':'))?.0,
        None => text.rsplit_once(':')?.0,
    };
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeadLimits, Parsed, RequestIndex};

    fn client(fields: &str, style: ForwardedStyle) -> String {
        let mut bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes();
        let mut index = RequestIndex::new();
        assert!(matches!(index.parse(&mut bytes, &HeadLimits::DEFAULT), Parsed::Complete { .. }));
        let trusted = |address: IpAddr| address.to_string().starts_with("10.");
        client_of(&index.head(&bytes), "10.0.0.1".parse().unwrap(), style, trusted).to_string()
    }

    #[test]
    fn the_client_is_the_right_most_hop_that_is_not_trusted() {
        for (fields, expected) in [
            ("", "10.0.0.1"),
            ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
            ("X-Forwarded-For: 6.6.6.6, 192.0.2.1 , 10.0.0.2\r\n", "192.0.2.1"),
            ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.0.0.2\r\n", "192.0.2.1"),
            ("X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n", "10.0.0.3"),
            ("X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.2\r\n", "10.0.0.2"),
            ("X-Forwarded-For: 192.0.2.1,\r\n", "10.0.0.1"),
            ("X-Forwarded-For: 192.0.2.1:80, 10.0.0.2:1\r\n", "192.0.2.1"),
            ("X-Forwarded-For: [2001:db8::1]:80\r\n", "2001:db8::1"),
            ("X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"),
            ("X-Forwarded-For: ::ffff:192.0.2.1\r\n", "192.0.2.1"),
            ("X-Forwarded-For: [2001:db8::1]x\r\n", "10.0.0.1"),
            ("Forwarded: for=192.0.2.1\r\n", "10.0.0.1"),
        ] {
            assert_eq!(client(fields, ForwardedStyle::XForwarded), expected, "{fields}");
        }
        for (fields, expected) in [
            ("Forwarded: for=6.6.6.6, FOR=192.0.2.1;proto=http, by=x;for=10.0.0.2\r\n", "192.0.2.1"),
            ("Forwarded: for=\"[2001:db8::1]:80\"\r\n", "2001:db8::1"),
            ("Forwarded: for=192.0.2.1, for=_hidden\r\n", "10.0.0.1"),
            ("Forwarded: for=192.0.2.1, proto=http\r\n", "10.0.0.1"),
            ("X-Forwarded-For: 192.0.2.1\r\n", "10.0.0.1"),
        ] {
            assert_eq!(client(fields, ForwardedStyle::Standard), expected, "{fields}");
        }
    }
}
