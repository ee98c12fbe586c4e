//! The key of a request, where its upstream sends the same key to the same endpoint.
//!
//! A header field or cookie that comes several times counts with its first value. Nothing allocates.

use crate::hash;
use std::net::IpAddr;
use tollgate_http::RequestHead;
use tollgate_model::{Balance, HashKey, Upstream};

/// The hash of the request's key; `None` if it has none, or the upstream asks for none.
pub fn of(upstream: &Upstream, head: &RequestHead<'_>, client: IpAddr) -> Option<u64> {
    let Balance::ConsistentHash { key, .. } = &upstream.balance else { return None };
    match key {
        HashKey::Path => Some(hash(head.path())),
        HashKey::ClientIp => Some(match client {
            IpAddr::V4(ip) => hash(&ip.octets()),
            IpAddr::V6(ip) => hash(&ip.octets()),
        }),
        HashKey::Header(name) => head.field_named(name.as_bytes()).map(hash),
        HashKey::Cookie(name) => head.cookie(name.as_bytes()).map(hash),
    }
}
