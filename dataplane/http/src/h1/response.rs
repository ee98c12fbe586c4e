//! Response heads from an endpoint: status line, body length (RFC 9112, section 6.3) and persistence.
//!
//! Everything that is not acceptable is the upstream's fault and answered with 502. The index is of fixed size and holds
//! places, no bytes; what becomes of the fields is decided in `forward`.

use super::{
    BodyLength, Fields, Parsed,
    fields::{Span, field_accessors},
    framing,
    request::upgrade,
    tokenize,
};
use crate::{HeadLimits, Method, Name, Reason, Version};

/// Length of `HTTP/1.1 200`.
const STATUS_END: usize = 12;

/// Where the parts of a response head are. About 1.2 KiB, reused for every response of a connection.
#[derive(Debug)]
pub struct ResponseIndex {
    fields: Fields,
    version: Version,
    status: u16,
    phrase: Span,
    body: BodyLength,
    keep_alive: bool,
    head_len: u16,
}

const _: () = assert!(size_of::<ResponseIndex>() <= 1280, "every exchange holds one");

impl ResponseIndex {
    /// An index of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            fields: Fields::new(),
            version: Version::Http11,
            status: 0,
            phrase: Span { start: 0, end: 0 },
            body: BodyLength::None,
            keep_alive: false,
            head_len: 0,
        }
    }

    /// Parses and judges the head at the start of `bytes`, the response to a request with this method. The bytes stay
    /// as they are.
    pub fn parse(&mut self, bytes: &[u8], request: Method, limits: &HeadLimits) -> Parsed {
        match self.try_parse(bytes, request, limits) {
            Ok(head_len) => Parsed::Complete { head_len },
            Err(verdict) => verdict,
        }
    }

    fn try_parse(&mut self, bytes: &[u8], request: Method, limits: &HeadLimits) -> Result<usize, Parsed> {
        let tokens = tokenize::response(bytes, limits, &mut self.fields)?;
        self.version = Version::from_minor(tokens.start_line.minor);
        self.status = tokens.start_line.status;
        self.head_len = tokens.head_len as u16;
        self.judge(bytes, tokens.start_line.line_end, request)
            .map_err(|_| Parsed::Refused(Reason::UpstreamMalformed))?;
        Ok(tokens.head_len)
    }

    fn judge(&mut self, bytes: &[u8], line_end: usize, request: Method) -> Result<(), Reason> {
        if !(100..600).contains(&self.status) {
            return Err(Reason::UpstreamMalformed);
        }
        self.phrase = Span::new(line_end.min(STATUS_END + 1), line_end);
        if self.phrase.of(bytes).iter().any(|&byte| byte != b'\t' && byte.is_ascii_control()) {
            return Err(Reason::UpstreamMalformed);
        }
        let declared = framing::declared(&self.fields, bytes, self.version)?;
        let is_bodiless = request == Method::Head || matches!(self.status, 100..200 | 204 | 304);
        self.body = if is_bodiless { BodyLength::None } else { declared.unwrap_or(BodyLength::UntilClose) };
        // RFC 9110, section 8.6 and RFC 9112, section 6.1: these declare no body. A 204 with a length is seen in the
        // wild; the body may follow, so its connection is not used again.
        let is_suspect = matches!(self.status, 100..200 | 204) && declared.is_some_and(|body| !body.is_empty());
        if is_suspect && (self.status != 204 || declared == Some(BodyLength::Chunked)) {
            return Err(Reason::UpstreamMalformed);
        }
        self.keep_alive = self.fields.connection.keeps_alive(self.version)
            && self.body != BodyLength::UntilClose
            && self.status != 101
            && !is_suspect;
        Ok(())
    }

    /// The head, for the bytes that were parsed last and found complete.
    #[must_use]
    pub const fn head<'a>(&'a self, bytes: &'a [u8]) -> ResponseHead<'a> {
        ResponseHead { index: self, bytes }
    }
}

impl Default for ResponseIndex {
    fn default() -> Self {
        Self::new()
    }
}

/// A response head that was found acceptable.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    index: &'a ResponseIndex,
    bytes: &'a [u8],
}

impl<'a> ResponseHead<'a> {
    /// Status code, 100 to 599.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.index.status
    }

    /// The reason phrase as sent, perhaps empty. Free of control characters.
    #[must_use]
    pub fn phrase(&self) -> &'a [u8] {
        self.index.phrase.of(self.bytes)
    }

    /// Whether another response to the same request follows: 1xx except 101 (RFC 9110, section 15.2).
    #[must_use]
    pub const fn is_interim(&self) -> bool {
        self.index.status < 200 && self.index.status != 101
    }

    /// The protocol version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.index.version
    }

    /// Where the body ends.
    #[must_use]
    pub const fn body(&self) -> BodyLength {
        self.index.body
    }

    /// Whether the connection can carry another exchange behind this one.
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.index.keep_alive
    }

    /// The protocol a 101 (Switching Protocols) switches to.
    #[must_use]
    pub fn upgrade(&self) -> Option<&'a [u8]> {
        upgrade(self.fields_index(), self.bytes)
    }
}

field_accessors!(ResponseHead);
