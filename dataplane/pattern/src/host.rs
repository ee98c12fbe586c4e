//! The host patterns of a route: an exact name or address, or `*.` and a domain.
//!
//! A pattern is kept in lower case and without the dot that may end a name, which is how `route` compares a request's
//! host. It does not resolve names and knows no ports.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{Refusal, limits};

/// A host a route takes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// This host: a name, an IPv4 address or an IPv6 address in brackets, in lower case.
    Exact(String),
    /// `*.example.com`, kept as `.example.com`: one or more labels and this suffix, never `example.com` itself.
    Suffix(String),
}

impl HostPattern {
    /// Reads a pattern.
    /// Reads a host: a name, `*.` and a name, or an address.
    ///
    /// # Errors
    /// No request could have such a host.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text == "*" {
            return Err(("`*` is not a host".to_owned(), Some("leave `hosts` out to match any host".to_owned())));
        }
        if let Some(address) = text.strip_prefix('[') {
            return literal(address);
        }
        if text.contains(':') {
            let hint = "write the host without its port; use `match.listeners` to tell ports apart, and brackets \
                        around an IPv6 address";
            return Err(("a host has no port".to_owned(), Some(hint.to_owned())));
        }
        let (domain, wildcard) = match text.strip_prefix("*.") {
            Some(domain) => (domain, true),
            None => (text, false),
        };
        let domain = domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase();
        check(&domain)?;
        if !wildcard {
            return Ok(Self::Exact(domain));
        }
        if domain.parse::<Ipv4Addr>().is_ok() {
            return Err(("an address has no subdomains".to_owned(), None));
        }
        Ok(Self::Suffix(format!(".{domain}")))
    }
}

/// A host and the port behind it, if there is one: `host[:port]` (RFC 3986, section 3.2), as clients write it.
///
/// # Errors
/// As [`HostPattern::parse`]; or the port is no number up to 65535, without a sign and without zeros in front.
pub fn authority(text: &str) -> Result<(HostPattern, Option<u16>), Refusal> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let number = |port: &str| port.parse::<u16>().ok().filter(|number| number.to_string() == port);
    let port = match port.map(number) {
        Some(None) => return Err(("a port is a number from 0 to 65535".to_owned(), None)),
        port => port.flatten(),
    };
    Ok((HostPattern::parse(host)?, port))
}

/// An IPv6 address after its opening bracket.
fn literal(text: &str) -> Result<HostPattern, Refusal> {
    let address = text.strip_suffix(']').and_then(|address| address.parse::<Ipv6Addr>().ok());
    match address {
        // Of its many spellings the one that clients send (RFC 5952).
        Some(address) => Ok(HostPattern::Exact(format!("[{address}]"))),
        None => Err(("not an IPv6 address in brackets".to_owned(), Some("write it like `[2001:db8::1]`".to_owned()))),
    }
}

/// A name of letters, digits, `-` and `_` in labels of 1 to 63 bytes (RFC 1123, 2.1; `_` is seen in the wild).
fn check(domain: &str) -> Result<(), Refusal> {
    if domain.len() > limits::HOST_BYTES_MAX {
        return Err((format!("a host name has at most {} characters", limits::HOST_BYTES_MAX), None));
    }
    if !domain.is_ascii() {
        return Err((
            "a host name is written in ASCII".to_owned(),
            Some("write an international name in its `xn--` form".to_owned()),
        ));
    }
    if domain.contains('*') {
        return Err((
            "`*` can only stand for the labels at the front".to_owned(),
            Some("write it like `*.example.com`".to_owned()),
        ));
    }
    for label in domain.split('.') {
        let valid = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if label.is_empty() || label.len() > 63 || !valid {
            return Err((
                "not a host name".to_owned(),
                Some("write it like `api.example.com` or `*.example.com`".to_owned()),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_kept_in_the_form_they_are_compared_in() {
        let exact = |text: &str| HostPattern::Exact(text.to_owned());
        for (text, expected) in [
            ("API.Example.com", exact("api.example.com")),
            ("example.com.", exact("example.com")),
            ("127.0.0.1", exact("127.0.0.1")),
            ("[2001:DB8:0:0::1]", exact("[2001:db8::1]")),
            ("*.Example.com", HostPattern::Suffix(".example.com".to_owned())),
        ] {
            assert!(HostPattern::parse(text) == Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_authority_is_a_host_and_a_port() {
        let parts = |text: &str| match authority(text) {
            Ok((HostPattern::Exact(host), port)) => Some((host, port)),
            _ => None,
        };
        let some = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(parts("A.test"), some("a.test", None));
        assert_eq!(parts("a.test:8443"), some("a.test", Some(8443)));
        assert_eq!(parts("[::1]"), some("[::1]", None));
        assert_eq!(parts("[::1]:80"), some("[::1]", Some(80)));
        for bad in ["a.test:", "a.test:+80", "a.test:080", "a.test:65536", "a.test:http", "::1", "::::", ":80", ""] {
            assert!(authority(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in ["", "*", "*.", "a..b", "a*.b", "*.*.b", "a:80", "::1", "[::1", "[x]", "ä.de", "a b", "*.1.2.3.4"]
        {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
        assert!(HostPattern::parse(&"a.".repeat(130)).is_err());
    }
}
