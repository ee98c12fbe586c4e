//! The key of a request, where its upstream sends the same key to the same endpoint.
//!
//! A header field or cookie that comes several times counts with its first value. Nothing allocates.

use std::net::IpAddr;
use tollgate_balance::hash;
use tollgate_http::{Name, RequestHead};
use tollgate_model::{Balance, HashKey, Upstream};

/// The hash of the request's key; `None` if it has none, or the upstream asks for none.
pub(crate) fn of(upstream: &Upstream, head: &RequestHead<'_>, client: IpAddr) -> Option<u64> {
    let Balance::ConsistentHash { key, .. } = &upstream.balance else { return None };
    match key {
        HashKey::Path => Some(hash(head.path())),
        HashKey::ClientIp => Some(match client {
            IpAddr::V4(ip) => hash(&ip.octets()),
            IpAddr::V6(ip) => hash(&ip.octets()),
        }),
        HashKey::Header(name) => head.field_named(name.as_bytes()).map(hash),
        HashKey::Cookie(name) => head.field_values(Name::Cookie).find_map(|field| cookie(field, name)).map(hash),
    }
}

/// RFC 6265, section 4.2.1: `a=b; c=d`.
fn cookie<'f>(field: &'f [u8], name: &str) -> Option<&'f [u8]> {
    field.split(|&byte| byte == b';').find_map(|pair| {
        let (found, value) = pair.trim_ascii().split_at_checked(name.len())?;
        let value = value.strip_prefix(b"=")?;
        (found == name.as_bytes()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        assert_eq!(cookie(b"aa=1; a=2;a=3", "a"), Some(&b"2"[..]));
        assert_eq!(cookie(b"a=", "a"), Some(&b""[..]));
        assert_eq!(cookie(b"ab=1; b", "a"), None);
        assert_eq!(cookie(b"", "a"), None);
    }
}
