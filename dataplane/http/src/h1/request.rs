//! Request heads: the request line, the target's forms (RFC 9112, section 3.2), Host, and what the fields say about
//! body and connection.
//!
//! [`RequestIndex::parse`] is the only way to a [`RequestHead`], so a head that can be looked at has been judged in
//! full. It keeps offsets, not bytes: about 1.2 KiB, reused for every request of a connection.

use super::{
    BodyLength, Fields, Parsed,
    fields::{Span, field_accessors},
    framing,
    target::Target,
    tokenize, tokens,
};
use crate::{HeadLimits, Method, Name, Reason, Version, authority::host_of_authority, limits};

/// Where the parts of a request head are.
#[derive(Debug)]
pub struct RequestIndex {
    fields: Fields,
    method: Method,
    version: Version,
    method_span: Span,
    /// `path?query` after normalization.
    target: Span,
    path_end: u16,
    authority: Span,
    host_len: u16,
    /// Whether the authority comes from an absolute-form target.
    is_absolute: bool,
    body: BodyLength,
    head_len: u16,
}

const _: () = assert!(size_of::<RequestIndex>() <= 1280, "every connection in use holds one");

impl RequestIndex {
    /// An index of nothing.
    #[must_use]
    pub const fn new() -> Self {
        const NOWHERE: Span = Span { start: 0, end: 0 };
        Self {
            fields: Fields::new(),
            method: Method::Other,
            version: Version::Http11,
            method_span: NOWHERE,
            target: NOWHERE,
            path_end: 0,
            authority: NOWHERE,
            host_len: 0,
            is_absolute: false,
            body: BodyLength::None,
            head_len: 0,
        }
    }

    /// Parses and judges the head at the start of `bytes`. When it is complete, the target has been normalized in place
    /// and the same bytes must not be parsed again; until then they are unchanged.
    pub fn parse(&mut self, bytes: &mut [u8], limits: &HeadLimits) -> Parsed {
        match self.try_parse(bytes, limits) {
            Ok(head_len) => Parsed::Complete { head_len },
            Err(verdict) => verdict,
        }
    }

    fn try_parse(&mut self, bytes: &mut [u8], limits: &HeadLimits) -> Result<usize, Parsed> {
        // Empty lines in front are rare; without them all offsets count from 0 and `bytes` is taken as it is.
        if !matches!(bytes.first(), Some(b'\r' | b'\n')) {
            return self.parse_at(bytes, 0, limits);
        }
        let leading = tokenize::leading_lines(bytes)?;
        self.parse_at(bytes, leading, limits)
    }

    fn parse_at(&mut self, bytes: &mut [u8], leading: usize, limits: &HeadLimits) -> Result<usize, Parsed> {
        let tokens = tokenize::request(bytes, leading, limits, &mut self.fields)?;
        let line = tokens.start_line;
        self.version = Version::from_minor(line.minor);
        self.method_span = Span::new(leading, line.target_start - 1);
        self.head_len = tokens.head_len as u16;
        self.judge(bytes, line.target_start, line.target_end, limits).map_err(Parsed::Refused)?;
        Ok(tokens.head_len)
    }

    fn judge(&mut self, bytes: &mut [u8], start: usize, end: usize, limits: &HeadLimits) -> Result<(), Reason> {
        if end - start > limits.target_bytes {
            return Err(Reason::TargetTooLong);
        }
        let method = self.method_span.of(bytes);
        self.method = Method::from_bytes(method);
        if self.method == Method::Connect || method.len() > limits::METHOD_BYTES_MAX {
            return Err(Reason::MethodNotImplemented);
        }
        let host = self.host_field(bytes)?;
        let target = Target::parse(bytes, start, end, self.method)?;
        self.target = target.span;
        self.path_end = target.path_end as u16;
        self.is_absolute = target.authority.is_some();
        // RFC 9112, section 3.2.2: the authority of an absolute-form target replaces Host.
        (self.authority, self.host_len) = match target.authority {
            Some(authority) => (authority, host_len(authority.of(bytes)).ok_or(Reason::BadTarget)?),
            None => host,
        };
        let declared = framing::declared(&self.fields, bytes, self.version)?;
        self.body = declared.unwrap_or(BodyLength::None);
        Ok(())
    }

    /// Position of the one valid Host value and the length of its host; HTTP/1.0 may do without (RFC 9112, section
    /// 3.2).
    fn host_field(&self, bytes: &[u8]) -> Result<(Span, u16), Reason> {
        match self.fields.span(Name::Host) {
            Some(_) if self.fields.is_repeated(Name::Host) => Err(Reason::BadHost),
            Some(span) => host_len(span.of(bytes)).map(|len| (span, len)).ok_or(Reason::BadHost),
            None if self.version == Version::Http10 => Ok((Span::default(), 0)),
            None => Err(Reason::BadHost),
        }
    }

    /// The head, for the bytes that were parsed last and found complete.
    #[must_use]
    pub const fn head<'a>(&'a self, bytes: &'a [u8]) -> RequestHead<'a> {
        RequestHead { index: self, bytes }
    }
}

impl Default for RequestIndex {
    fn default() -> Self {
        Self::new()
    }
}

fn host_len(authority: &[u8]) -> Option<u16> {
    host_of_authority(authority).map(|host| host.len() as u16)
}

/// A request head that was found acceptable.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    index: &'a RequestIndex,
    bytes: &'a [u8],
}

impl<'a> RequestHead<'a> {
    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.index.method
    }

    /// The method's name as sent.
    #[must_use]
    pub fn method_bytes(&self) -> &'a [u8] {
        self.index.method_span.of(self.bytes)
    }

    /// Normalized `path?query`, or `*`.
    #[must_use]
    pub fn target(&self) -> &'a [u8] {
        self.index.target.of(self.bytes)
    }

    /// Normalized path, or `*`.
    #[must_use]
    pub fn path(&self) -> &'a [u8] {
        Span { start: self.index.target.start, end: self.index.path_end }.of(self.bytes)
    }

    /// What follows the first question mark.
    #[must_use]
    pub fn query(&self) -> Option<&'a [u8]> {
        let query = Span { start: self.index.path_end + 1, end: self.index.target.end };
        (query.start <= query.end).then(|| query.of(self.bytes))
    }

    /// `host[:port]` of an absolute-form target, else of Host; empty if an HTTP/1.0 client sent neither.
    #[must_use]
    pub fn authority(&self) -> &'a [u8] {
        self.index.authority.of(self.bytes)
    }

    /// The authority without its port, as sent: any case of letters, perhaps with a last dot, IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &'a [u8] {
        self.authority().get(..self.index.host_len as usize).unwrap_or_default()
    }

    /// Whether the authority came in an absolute-form target, so that the Host field, if any, is void.
    #[must_use]
    pub const fn is_absolute_form(&self) -> bool {
        self.index.is_absolute
    }

    /// The protocol version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.index.version
    }

    /// Where the body ends. Never [`BodyLength::UntilClose`].
    #[must_use]
    pub const fn body(&self) -> BodyLength {
        self.index.body
    }

    /// Whether the client wants the connection to stay open (RFC 9112, section 9.3).
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.fields_index().connection.keeps_alive(self.index.version)
    }

    /// Whether the client waits for 100 (Continue) before it sends the body (RFC 9110, section 10.1.1). Other expectations
    /// are not refused with 417, which the section leaves to the server: like nginx and HAProxy this node meets none, and
    /// the endpoint, to which they are forwarded, may.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.index.version == Version::Http11
            && self.fields_index().contains(Name::Expect)
            && self
                .field_values(Name::Expect)
                .flat_map(tokens)
                .any(|expectation| expectation.eq_ignore_ascii_case(b"100-continue"))
    }

    /// The protocols the client would switch to (RFC 9110, section 7.8). None of HTTP/1.0, and none if `h2c` is among
    /// them.
    #[must_use]
    pub fn upgrade(&self) -> Option<&'a [u8]> {
        if self.index.version == Version::Http10 {
            return None;
        }
        upgrade(self.fields_index(), self.bytes)
    }

    /// Whether the client can take trailer fields (RFC 9110, section 10.1.4).
    #[must_use]
    pub fn accepts_trailers(&self) -> bool {
        let fields = self.fields_index();
        fields.contains(Name::Te)
            && fields.values(self.bytes, Name::Te).flat_map(tokens).any(|te| te.eq_ignore_ascii_case(b"trailers"))
    }

    /// For OPTIONS and TRACE, how many more hops the request may make (RFC 9110, section 7.6.2). At zero it must be
    /// answered here. A value that is no number is as if there were none.
    #[must_use]
    pub fn max_forwards(&self) -> Option<u64> {
        if !matches!(self.index.method, Method::Options | Method::Trace) {
            return None;
        }
        let value = self.field(Name::MaxForwards)?;
        std::str::from_utf8(value).ok().filter(|text| !text.starts_with('+')).and_then(|text| text.parse().ok())
    }

    /// The first value of a cookie as it is (RFC 6265, section 4.2.1: `a=b; c=d`).
    #[must_use]
    pub fn cookie(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.field_values(Name::Cookie).find_map(|field| cookie(field, name))
    }

    /// Number of field lines.
    #[must_use]
    pub const fn fields_len(&self) -> usize {
        self.index.fields.len()
    }
}

field_accessors!(RequestHead);

fn cookie<'f>(field: &'f [u8], name: &[u8]) -> Option<&'f [u8]> {
    field.split(|&byte| byte == b';').find_map(|pair| {
        let (found, value) = pair.trim_ascii().split_at_checked(name.len())?;
        let value = value.strip_prefix(b"=")?;
        (found == name).then_some(value)
    })
}

/// The value of the one Upgrade field that Connection names, unless it offers `h2c`, which would let requests past this
/// proxy.
pub(super) fn upgrade<'a>(fields: &Fields, bytes: &'a [u8]) -> Option<&'a [u8]> {
    if !fields.connection.upgrade || fields.is_repeated(Name::Upgrade) {
        return None;
    }
    let protocols = fields.value(bytes, Name::Upgrade).filter(|value| !value.is_empty())?;
    let offers_h2c = tokens(protocols).any(|protocol| protocol.eq_ignore_ascii_case(b"h2c"));
    (!offers_h2c).then_some(protocols)
}

#[cfg(test)]
mod tests {
    use super::cookie;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        assert_eq!(cookie(b"aa=1; a=2;a=3", b"a"), Some(&b"2"[..]));
        assert_eq!(cookie(b"a=", b"a"), Some(&b""[..]));
        assert_eq!(cookie(b"ab=1; b", b"a"), None);
        assert_eq!(cookie(b"", b"a"), None);
    }
}
