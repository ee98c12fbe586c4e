//! A request as its endpoint is sent it, and what of it a copy is known by.
//!
//! The key of a copy is made of the head that the endpoint would receive, not of the one that came: target and Host after
//! all changes, what the endpoint is told of who calls (`X-Consumer-*`) and of how the request came (scheme,
//! `X-Forwarded-*` but for the client's address), the fields that the route sets, and those that answers vary by
//! (RFC 9111, section 4.1). Every part has its length in front, so that no two requests share a key by chance.

use tollgate_http::{Method, Name};

use crate::{
    directives::Directives,
    fields::{elements, lines},
};

/// What a worker knows copies by, and what a request says about keeping and taking them.
#[derive(Debug)]
pub struct Request {
    /// Its field lines.
    fields: Box<[u8]>,
    method: Method,
    /// Scheme, Host and target.
    uri: Box<[u8]>,
    /// Whom it is from and how it came.
    origin: Box<[u8]>,
    /// Whether it shows the endpoint a credential, or a cookie that may be one.
    is_personal: bool,
}

impl Request {
    /// The request whose head, in HTTP/1.1, an endpoint is sent; `scheme` is what it came by, `set` are the field lines
    /// that its route sets in it. `None` if it says no Host.
    #[must_use]
    pub fn new(head: &[u8], scheme: &str, set: &[u8]) -> Option<Self> {
        let (line, fields) = head.split_at(head.iter().position(|&byte| byte == b'\n')? + 1);
        let mut words = line.split(|&byte| byte == b' ');
        let (method, target) = (words.next()?, words.next()?);
        let (mut host, mut is_personal) = (None, false);
        let mut origin = Vec::new();
        for (name, value) in lines(fields) {
            match Name::from_bytes(name) {
                Name::Host => host = Some(value),
                Name::Authorization | Name::Cookie => is_personal = true,
                Name::XConsumer | Name::XForwardedHost | Name::XForwardedProto | Name::XForwardedOther => {
                    put(&mut origin, &name.to_ascii_lowercase());
                    put(&mut origin, value);
                }
                Name::Forwarded => {
                    let parts = value.split(|byte| b",;".contains(byte)).map(<[u8]>::trim_ascii);
                    parts.filter(|part| tells_how(part)).for_each(|part| put(&mut origin, part));
                }
                _ => {}
            }
        }
        put(&mut origin, set);
        let mut uri = vec![b'u'];
        for part in [scheme.as_bytes(), &host.filter(|host| !host.is_empty())?.to_ascii_lowercase(), target] {
            put(&mut uri, part);
        }
        let method = Method::from_bytes(method);
        Some(Self { method, uri: uri.into(), origin: origin.into(), is_personal, fields: fields.into() })
    }

    /// Whether its answer may be kept, as far as it is to decide (RFC 9111, section 3).
    pub(crate) fn lets_keep(&self) -> bool {
        self.method == Method::Get
            && self.values(b"range").next().is_none()
            && !Directives::read(self.values(b"cache-control")).no_store
    }

    /// Whether it may be answered by a copy. What only the origin can judge (RFC 9111, section 4.3.2) is left to it.
    pub(crate) fn takes_copies(&self) -> bool {
        let asks_origin = [&b"if-match"[..], b"if-unmodified-since"];
        matches!(self.method, Method::Get | Method::Head)
            && asks_origin.iter().all(|name| self.values(name).next().is_none())
    }

    /// Whether what is known of its URI is void once it has gone well (RFC 9111, section 4.4).
    pub(crate) const fn is_unsafe(&self) -> bool {
        !self.method.is_safe()
    }

    pub(crate) const fn is_personal(&self) -> bool {
        self.is_personal
    }

    /// The key of all copies of its URI.
    pub(crate) const fn uri(&self) -> &[u8] {
        &self.uri
    }

    /// The key of its copy, among answers that vary by the fields `names` and have been kept since `epoch` began.
    pub(crate) fn variant(&self, epoch: u64, names: &[Box<[u8]>]) -> Box<[u8]> {
        let mut key = vec![b'v'];
        key.extend_from_slice(&epoch.to_le_bytes());
        put(&mut key, &self.origin);
        for name in names {
            let count = self.values(name).count() as u32;
            key.extend_from_slice(&count.to_le_bytes());
            self.values(name).for_each(|value| put(&mut key, value));
        }
        key.into()
    }

    /// Whether the client has what is described by these validators (RFC 9110, sections 13.1.2 and 13.1.3).
    pub(crate) fn has(&self, etag: Option<&[u8]>, last_modified: Option<&[u8]>) -> bool {
        let mut tags = self.values(b"if-none-match").flat_map(elements).peekable();
        if tags.peek().is_some() {
            let opaque = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
            return tags.any(|tag| tag == b"*" || etag.is_some_and(|etag| opaque(tag) == opaque(etag)));
        }
        // Any other time than the copy's own might be one that another form of it had.
        let since = self.values(b"if-modified-since").next();
        since.is_some() && since == last_modified
    }

    /// The values of a field, by its name in lower case.
    fn values<'r>(&'r self, name: &'r [u8]) -> impl Iterator<Item = &'r [u8]> {
        lines(&self.fields).filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Whether a part of a Forwarded field (RFC 7239) says how the request came, and not from where.
fn tells_how(part: &[u8]) -> bool {
    let names = [&b"proto="[..], b"host="];
    names.iter().any(|name| part.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
}

/// Appends a part, its length in front. Heads are shorter than 4 GiB.
fn put(key: &mut Vec<u8>, part: &[u8]) {
    key.extend_from_slice(&(part.len() as u32).to_le_bytes());
    key.extend_from_slice(part);
}
