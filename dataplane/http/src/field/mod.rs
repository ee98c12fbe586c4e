//! Field names the proxy acts on, and sets of them.
//!
//! A name is recognized once, while the head is parsed (`recognize`). Every later question ("is it hop-by-hop?") is a
//! bit in a [`NameSet`]. All other names are [`Name::Other`] and keep only their bytes.

mod recognize;
mod set;

pub use set::NameSet;

macro_rules! names {
    ($($(#[$doc:meta])* $variant:ident = $bytes:literal,)+) => {
        /// A field name known to the proxy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $bytes, "`")] $variant,)+
            /// Any name beginning with `x-forwarded-` that has no variant of its own.
            XForwardedOther,
            /// Any name beginning with `x-consumer-`: what the gateway tells an endpoint of who calls.
            XConsumer,
            /// Any name that is known when `-` is written for `_`. Many servers hand both spellings to the application
            /// as one variable, so this one is never forwarded to an endpoint.
            Underscored,
            /// A name the proxy does not act on.
            Other,
        }

        impl Name {
            const KNOWN: &[(Self, &str)] = &[$((Self::$variant, $bytes)),+];

            /// Whether it stands for many names.
            #[inline]
            pub(crate) const fn is_one_of_many(self) -> bool {
                matches!(self, Self::XForwardedOther | Self::XConsumer | Self::Underscored | Self::Other)
            }

            /// The name in lower case; empty for the variants that stand for many names.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $bytes,)+
                    Self::XForwardedOther | Self::XConsumer | Self::Underscored | Self::Other => "",
                }
            }
        }
    };
}

names! {
    Accept = "accept",
    AcceptEncoding = "accept-encoding",
    AcceptLanguage = "accept-language",
    Age = "age",
    Authorization = "authorization",
    CacheControl = "cache-control",
    Connection = "connection",
    ContentEncoding = "content-encoding",
    ContentLength = "content-length",
    ContentLocation = "content-location",
    ContentRange = "content-range",
    ContentType = "content-type",
    Cookie = "cookie",
    Date = "date",
    ETag = "etag",
    Expect = "expect",
    Expires = "expires",
    Forwarded = "forwarded",
    Host = "host",
    Http2Settings = "http2-settings",
    IfMatch = "if-match",
    IfModifiedSince = "if-modified-since",
    IfNoneMatch = "if-none-match",
    IfRange = "if-range",
    IfUnmodifiedSince = "if-unmodified-since",
    KeepAlive = "keep-alive",
    LastModified = "last-modified",
    Location = "location",
    MaxForwards = "max-forwards",
    Origin = "origin",
    Pragma = "pragma",
    ProxyAuthenticate = "proxy-authenticate",
    ProxyAuthorization = "proxy-authorization",
    ProxyConnection = "proxy-connection",
    Range = "range",
    Referer = "referer",
    RetryAfter = "retry-after",
    Server = "server",
    SetCookie = "set-cookie",
    Te = "te",
    Traceparent = "traceparent",
    Tracestate = "tracestate",
    Trailer = "trailer",
    TransferEncoding = "transfer-encoding",
    Upgrade = "upgrade",
    UserAgent = "user-agent",
    Vary = "vary",
    Via = "via",
    Warning = "warning",
    WwwAuthenticate = "www-authenticate",
    XForwardedFor = "x-forwarded-for",
    XForwardedHost = "x-forwarded-host",
    XForwardedProto = "x-forwarded-proto",
    XRealIp = "x-real-ip",
    XRequestId = "x-request-id",
}

impl Name {
    /// Number of variants.
    pub(crate) const COUNT: usize = Self::Other as usize + 1;
}

const _: () = assert!(Name::COUNT <= 64, "a set of names fits 64 bits");
