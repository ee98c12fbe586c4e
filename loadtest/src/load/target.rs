//! Where load goes: scheme, host, port, and the addresses they stand for.
//!
//! Whether load may go there is not decided here; [`Target::is_loopback`] says whether it stays on this machine.

use super::{Failure, limits};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
};

/// With or without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// What is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// With or without TLS.
    pub scheme: Scheme,
    /// A name or an address; IPv6 without brackets.
    pub host: String,
    /// 80 or 443 where the URL names none.
    pub port: u16,
    /// What the host stands for; connections take them in turn. Empty until [`Target::resolve`]d.
    #[serde(default)]
    pub addresses: Vec<SocketAddr>,
}

impl Target {
    /// Reads `http://HOST[:PORT][/PATH]`, or https, into a target and a path with query.
    ///
    /// # Errors
    /// Another scheme, no host, user information, or no number as port.
    pub fn parse(url: &str) -> Result<(Self, String), Failure> {
        let refused = |why: &str| Failure::Plan(format!("{url:?} cannot be loaded: {why}"));
        let (scheme, rest) = url.split_once("://").ok_or_else(|| refused("write http://HOST:PORT/PATH"))?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(refused("only http and https")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(refused("write credentials as an Authorization field, not into the URL"));
        }
        let (host, port) = split_port(authority).ok_or_else(|| refused("the host is no name or address"))?;
        let port = match (port, scheme) {
            (Some(port), _) => port.parse().map_err(|_| refused("the port is no number up to 65535"))?,
            (None, Scheme::Http) => 80,
            (None, Scheme::Https) => 443,
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok((Self { scheme, host: host.to_owned(), port, addresses: Vec::new() }, path))
    }

    /// Looks the host up, if that has not been done.
    ///
    /// # Errors
    /// The host has no address.
    pub fn resolve(&mut self) -> Result<(), Failure> {
        if !self.addresses.is_empty() {
            return Ok(());
        }
        let unknown = |why: String| Failure::Name { host: self.host.clone(), why };
        let found = (self.host.as_str(), self.port).to_socket_addrs().map_err(|error| unknown(error.to_string()))?;
        self.addresses = found.collect();
        self.addresses.dedup();
        if self.addresses.is_empty() {
            return Err(unknown("it has no address".to_owned()));
        }
        Ok(())
    }

    /// Whether every address is on this machine's loopback. False before it was resolved.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        !self.addresses.is_empty() && self.addresses.iter().all(|address| address.ip().to_canonical().is_loopback())
    }

    /// What `Host` says: the port is left out where it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()) {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.host.is_empty() || self.host.bytes().any(|byte| byte <= b' ' || byte >= 0x7f) {
            return Err(Failure::Plan(format!("the host {:?} is no name or address", self.host)));
        }
        if self.port == 0 || self.addresses.len() > limits::ADDRESSES_MAX {
            return Err(Failure::Plan(format!("a target has a port and at most {} addresses", limits::ADDRESSES_MAX)));
        }
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.scheme == Scheme::Http { "http" } else { "https" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

/// Host without brackets, and the text behind the colon.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        return if rest.is_empty() { Some((host, None)) } else { Some((host, Some(rest.strip_prefix(':')?))) };
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (url, authority, path) in [
            ("http://127.0.0.1:8080/a?b=c#d", "127.0.0.1:8080", "/a?b=c"),
            ("http://localhost", "localhost", "/"),
            ("HTTPS://example.com?x", "example.com", "/?x"),
            ("https://[::1]:8443/", "[::1]:8443", "/"),
            ("http://[::1]", "[::1]", "/"),
        ] {
            let (target, found) = Target::parse(url).unwrap();
            assert_eq!((target.authority().as_str(), found.as_str()), (authority, path), "{url}");
            assert!(target.check().is_ok());
        }
    }

    #[test]
    fn what_is_no_url_is_refused_with_a_reason() {
        for url in
            ["127.0.0.1:80", "ftp://a/", "http://", "http://a:b/", "http://u:p@a/", "http://[::1/", "http://[a]/"]
        {
            let said = Target::parse(url).unwrap_err().to_string();
            assert!(said.contains("cannot be loaded"), "{said}");
        }
    }

    #[test]
    fn loopback_is_known_by_address_only() {
        let (mut target, _) = Target::parse("http://[::1]:9/").unwrap();
        assert!(!target.is_loopback());
        target.resolve().unwrap();
        assert!(target.is_loopback());
        target.addresses.push(SocketAddr::from(([192, 0, 2, 1], 9)));
        assert!(!target.is_loopback());
    }
}
