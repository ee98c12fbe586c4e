//! What can be wrong with a message, by the name the product gives it.

/// A way in which a message is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// RFC 9112, section 3.
    RequestLine,
    /// RFC 9112, section 2.3.
    Version,
    /// CONNECT, which this gateway does not do, or a method that is too long.
    Method,
    /// RFC 9112, section 3.2.
    Target,
    /// RFC 9112, section 2.2: CR or LF alone.
    LineBreak,
    /// RFC 9112, section 5.
    Field,
    /// RFC 9112, section 5.2.
    Folding,
    /// RFC 9112, section 3.2.
    Host,
    /// RFC 9110, section 8.6.
    ContentLength,
    /// RFC 9112, section 6.3: two answers to where the body ends.
    Framing,
    /// RFC 9112, section 6.1: a coding that is not implemented.
    Coding,
    /// RFC 9112, section 7.1.
    Chunk,
    /// RFC 9112, section 7.1.2.
    Trailer,
    /// Longer than the limits, or with more fields.
    TooLarge,
    /// As it says.
    TargetTooLong,
    /// RFC 9112, section 4.
    StatusLine,
    /// RFC 9110, section 8.6 and RFC 9112, section 6.1: framing where there is no body.
    ForbiddenBody,
}

impl Defect {
    /// The product's reason for refusing a request with it.
    #[must_use]
    pub const fn of_request(self) -> &'static str {
        match self {
            Self::RequestLine => "bad_request_line",
            Self::Version => "unsupported_version",
            Self::Method => "method_not_implemented",
            Self::Target => "bad_target",
            Self::LineBreak => "bare_line_break",
            Self::Field => "bad_header",
            Self::Folding => "line_folding",
            Self::Host => "bad_host",
            Self::ContentLength => "bad_content_length",
            Self::Framing => "conflicting_framing",
            Self::Coding => "unknown_transfer_coding",
            Self::Chunk => "bad_chunk",
            Self::Trailer => "bad_trailer",
            Self::TooLarge => "head_too_large",
            Self::TargetTooLong => "target_too_long",
            Self::StatusLine | Self::ForbiddenBody => "",
        }
    }

    /// The product's reason for refusing a response with it.
    #[must_use]
    pub const fn of_response(self) -> &'static str {
        match self {
            Self::TooLarge => "upstream_head_too_large",
            _ => "upstream_malformed",
        }
    }
}
