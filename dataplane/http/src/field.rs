//! Field names the proxy acts on, and sets of them.
//!
//! A name is recognized once, while the head is parsed: its first and last bytes are folded into one word, one `match` on
//! that word finds the only candidate, and one comparison confirms it. Every later question ("is it hop-by-hop?") is a bit
//! in a [`NameSet`]. All other names are [`Name::Other`] and keep only their bytes.

macro_rules! names {
    ($($(#[$doc:meta])* $variant:ident = $bytes:literal,)+) => {
        /// A field name known to the proxy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $bytes, "`")] $variant,)+
            /// Any name beginning with `x-forwarded-` that has no variant of its own.
            XForwardedOther,
            /// A name the proxy does not act on.
            Other,
        }

        impl Name {
            const KNOWN: &[(Self, &str)] = &[$((Self::$variant, $bytes)),+];

            /// The name in lower case; empty for the two variants that stand for many names.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $bytes,)+
                    Self::XForwardedOther | Self::Other => "",
                }
            }

            /// The name these bytes spell, in any case of letters.
            #[must_use]
            #[inline]
            #[expect(non_upper_case_globals, reason = "the constants are named as the variants they stand for")]
            pub fn from_bytes(name: &[u8]) -> Self {
                $(const $variant: u64 = key($bytes.as_bytes());)+
                match key(name) {
                    $($variant if name.eq_ignore_ascii_case($bytes.as_bytes()) => Self::$variant,)+
                    _ if is_x_forwarded(name) => Self::XForwardedOther,
                    _ => Self::Other,
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
const _: () = assert!(keys_are_unique(), "two known names have the same key");

const fn keys_are_unique() -> bool {
    let names = Name::KNOWN;
    let mut i = 0;
    while i < names.len() {
        let mut j = i + 1;
        while j < names.len() {
            if key(names[i].1.as_bytes()) == key(names[j].1.as_bytes()) {
                return false;
            }
            j += 1;
        }
        i += 1;
    }
    true
}

/// Folds length and first and last bytes, without their case, into a word. Known names have different ones.
#[inline]
const fn key(name: &[u8]) -> u64 {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let word = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            (u64::from_le_bytes(*first) | CASE) ^ (u64::from_le_bytes(*last) | CASE).rotate_left(3)
        }
        _ => match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                ((u32::from_le_bytes(*first) as u64) << 32 | u32::from_le_bytes(*last) as u64) | CASE
            }
            _ => short_key(name) | CASE,
        },
    };
    word ^ (name.len() as u64) << 58
}

const fn short_key(name: &[u8]) -> u64 {
    match name {
        [a, b, c] => (*a as u64) << 16 | (*b as u64) << 8 | *c as u64,
        [a, b] => (*a as u64) << 8 | *b as u64,
        _ => 0,
    }
}

fn is_x_forwarded(name: &[u8]) -> bool {
    name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case(b"x-forwarded-"))
}

/// A set of known field names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameSet(u64);

impl NameSet {
    /// No names.
    pub const EMPTY: Self = Self(0);

    /// These names.
    #[must_use]
    pub const fn of(names: &[Name]) -> Self {
        let mut set = Self::EMPTY;
        let mut i = 0;
        while i < names.len() {
            set = set.with(names[i]);
            i += 1;
        }
        set
    }

    /// This set and `name`.
    #[must_use]
    #[inline]
    pub const fn with(self, name: Name) -> Self {
        Self(self.0 | 1 << name as u8)
    }

    /// This set without `name`.
    #[must_use]
    #[inline]
    pub const fn without(self, name: Name) -> Self {
        Self(self.0 & !(1 << name as u8))
    }

    /// Names in either.
    #[must_use]
    #[inline]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Names in both.
    #[must_use]
    #[inline]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Names of this set that are not in `other`.
    #[must_use]
    #[inline]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether `name` is in it.
    #[must_use]
    #[inline]
    pub const fn contains(self, name: Name) -> bool {
        self.0 & 1 << name as u8 != 0
    }

    /// Whether nothing is in it.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_recognized_in_any_case() {
        for &(name, text) in Name::KNOWN {
            assert_eq!(Name::from_bytes(text.as_bytes()), name);
            assert_eq!(Name::from_bytes(text.to_ascii_uppercase().as_bytes()), name);
            assert_eq!(name.as_str(), text);
        }
    }

    #[test]
    fn near_misses_are_other_names() {
        for text in
            ["", "x", "hos", "hosts", "Content-Lengt", "content_length", "transfer\u{d}encoding", "content-xxxlength"]
        {
            assert_eq!(Name::from_bytes(text.as_bytes()), Name::Other, "{text}");
        }
        assert_eq!(Name::from_bytes(b"X-Forwarded-Port"), Name::XForwardedOther);
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set = NameSet::of(&[Name::Host, Name::Other]);
        assert!(set.contains(Name::Host) && set.contains(Name::Other) && !set.contains(Name::Via));
        assert!(set.difference(NameSet::of(&[Name::Host])).without(Name::Other).is_empty());
    }
}
