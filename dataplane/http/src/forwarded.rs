//! What the next hop is told about the client: `X-Forwarded-*`, `Forwarded` (RFC 7239), or both.
//!
//! From a peer that is not trusted nothing of the kind is believed: such fields are removed and ours are set. A trusted
//! peer's lists get our view of the peer appended, and its protocol and host stay.

use crate::{HeadWriter, Name, NameSet, RequestHead};
use std::{io::Write, net::IpAddr};

/// In which fields the next hop is told about the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedStyle {
    /// `X-Forwarded-For`, `-Proto` and `-Host`.
    #[default]
    XForwarded,
    /// `Forwarded`.
    Standard,
    /// All of them.
    Both,
    /// None of them.
    Off,
}

impl ForwardedStyle {
    const fn uses_x(self) -> bool {
        matches!(self, Self::XForwarded | Self::Both)
    }

    const fn uses_standard(self) -> bool {
        matches!(self, Self::Standard | Self::Both)
    }
}

/// Everything a client could use to pass for another.
const CLAIMS: NameSet = NameSet::of(&[
    Name::Forwarded,
    Name::XForwardedFor,
    Name::XForwardedHost,
    Name::XForwardedProto,
    Name::XForwardedOther,
    Name::XRealIp,
]);

/// The peer, and what to say of it.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) scheme: &'static str,
    pub(crate) trusted: bool,
    pub(crate) style: ForwardedStyle,
}

impl Client {
    /// Fields to leave out when the request's are copied: those that are written anew, or not believed.
    pub(crate) const fn removed(&self) -> NameSet {
        if !self.trusted {
            return CLAIMS;
        }
        let mut removed = NameSet::EMPTY;
        if self.style.uses_x() {
            removed = removed.with(Name::XForwardedFor);
        }
        if self.style.uses_standard() {
            removed = removed.with(Name::Forwarded);
        }
        removed
    }

    pub(crate) fn write(&self, out: &mut HeadWriter<'_>, head: &RequestHead<'_>) {
        let mut text = [0; ADDRESS_BYTES_MAX];
        let address = format_address(self.address, &mut text);
        if self.style.uses_x() {
            self.write_x(out, head, address);
        }
        if self.style.uses_standard() {
            self.write_standard(out, head, address);
        }
    }

    fn write_x(&self, out: &mut HeadWriter<'_>, head: &RequestHead<'_>, address: &[u8]) {
        out.put(b"X-Forwarded-For: ");
        self.write_earlier(out, head, Name::XForwardedFor);
        out.put(address);
        out.put(b"\r\n");
        if !self.keeps(head, Name::XForwardedProto) {
            out.line(b"X-Forwarded-Proto: ", self.scheme.as_bytes());
        }
        if !self.keeps(head, Name::XForwardedHost) && !head.authority().is_empty() {
            out.line(b"X-Forwarded-Host: ", head.authority());
        }
    }

    fn write_standard(&self, out: &mut HeadWriter<'_>, head: &RequestHead<'_>, address: &[u8]) {
        out.put(b"Forwarded: ");
        self.write_earlier(out, head, Name::Forwarded);
        // RFC 7239, section 6: an IPv6 address is bracketed and therefore quoted.
        let (open, close): (&[u8], &[u8]) = if self.address.is_ipv6() { (b"for=\"[", b"]\"") } else { (b"for=", b"") };
        out.put(open);
        out.put(address);
        out.put(close);
        if !head.authority().is_empty() {
            out.put(b";host=\"");
            out.put(head.authority());
            out.put(b"\"");
        }
        out.put(b";proto=");
        out.put(self.scheme.as_bytes());
        out.put(b"\r\n");
    }

    fn keeps(&self, head: &RequestHead<'_>, name: Name) -> bool {
        self.trusted && head.fields_index().contains(name)
    }

    /// The elements a trusted peer sent, each line with a comma behind it.
    fn write_earlier(&self, out: &mut HeadWriter<'_>, head: &RequestHead<'_>, name: Name) {
        if self.keeps(head, name) {
            for value in head.field_values(name).filter(|value| !value.is_empty()) {
                out.put(value);
                out.put(b", ");
            }
        }
    }
}

/// Length of the longest textual IPv6 address.
const ADDRESS_BYTES_MAX: usize = 45;

fn format_address(address: IpAddr, text: &mut [u8; ADDRESS_BYTES_MAX]) -> &[u8] {
    match address {
        IpAddr::V4(address) => {
            // By table: this is done for every request, and the formatting machinery is slow.
            let mut len = 0;
            for octet in address.octets() {
                let (digits, digits_len) = OCTETS[usize::from(octet)];
                text[len..len + 4].copy_from_slice(&digits);
                len += usize::from(digits_len);
            }
            &text[..len - 1]
        }
        IpAddr::V6(address) => {
            let mut left = &mut text[..];
            // Longer than any address is the buffer, so this write does not fail.
            let _ = write!(left, "{address}");
            let len = ADDRESS_BYTES_MAX - left.len();
            &text[..len]
        }
    }
}

/// The decimal digits of every octet with a dot behind them, and how many bytes that are.
static OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([0; 4], 0); 256];
    let mut octet = 0;
    while octet < octets.len() {
        let (a, b, c) = (b'0' + (octet / 100) as u8, b'0' + (octet / 10 % 10) as u8, b'0' + (octet % 10) as u8);
        octets[octet] = match octet {
            0..10 => ([c, b'.', 0, 0], 2),
            10..100 => ([b, c, b'.', 0], 3),
            _ => ([a, b, c, b'.'], 4),
        };
        octet += 1;
    }
    octets
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_the_library_writes_them() {
        let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        for text in ["0.0.0.0", "192.168.10.255", "::1", "::ffff:127.0.0.1", longest] {
            let written = format_address(text.parse().unwrap(), &mut [0; ADDRESS_BYTES_MAX]).to_vec();
            assert_eq!(String::from_utf8(written).unwrap(), text);
        }
    }
}
