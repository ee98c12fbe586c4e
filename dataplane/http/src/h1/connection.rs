//! The Connection field (RFC 9110, section 7.6.1): what it says about this connection, and which fields it wants
//! removed.
//!
//! Connection options are the peer's, so they cannot remove what the next hop's framing, routing, authentication or
//! record of the client depends on: a nomination of a field in [`ESSENTIAL`] is ignored.

use crate::{Name, NameSet, Reason, limits::CONNECTION_OPTIONS_MAX};

/// Fields that a connection option does not remove.
const ESSENTIAL: NameSet = NameSet::of(&[
    Name::Host,
    Name::ContentLength,
    Name::ContentType,
    Name::ContentEncoding,
    Name::ContentRange,
    Name::Authorization,
    Name::Cookie,
    Name::SetCookie,
    Name::CacheControl,
    Name::Expect,
    Name::MaxForwards,
    Name::Via,
    Name::Date,
    Name::Location,
    Name::Forwarded,
    Name::XForwardedFor,
    Name::XForwardedHost,
    Name::XForwardedProto,
    Name::XForwardedOther,
    Name::XConsumer,
    Name::XRealIp,
    Name::XRequestId,
    Name::Traceparent,
    Name::Tracestate,
]);

/// What the Connection fields of one head say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionOptions {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
    /// Known fields to remove.
    pub(crate) nominated: NameSet,
    /// Whether options remain that may name fields unknown to us.
    pub(crate) nominates_other: bool,
}

impl ConnectionOptions {
    pub(crate) const NONE: Self =
        Self { close: false, keep_alive: false, upgrade: false, nominated: NameSet::EMPTY, nominates_other: false };

    /// # Errors
    /// There are more than [`CONNECTION_OPTIONS_MAX`].
    pub(super) fn read<'a>(values: impl Iterator<Item = &'a [u8]>) -> Result<Self, Reason> {
        let (mut options, mut count) = (Self::NONE, 0);
        for option in values.flat_map(tokens) {
            if count == CONNECTION_OPTIONS_MAX {
                return Err(Reason::HeadTooLarge);
            }
            count += 1;
            options.add(option);
        }
        Ok(options)
    }

    fn add(&mut self, option: &[u8]) {
        if option.eq_ignore_ascii_case(b"close") {
            self.close = true;
            return;
        }
        match Name::from_bytes(option) {
            Name::KeepAlive => self.keep_alive = true,
            Name::Upgrade => self.upgrade = true,
            Name::Other => self.nominates_other = true,
            name if !ESSENTIAL.contains(name) => self.nominated = self.nominated.with(name),
            _ => {}
        }
    }

    /// Whether the connection stays open behind this message (RFC 9112, section 9.3).
    pub(crate) const fn keeps_alive(&self, version: crate::Version) -> bool {
        !self.close && (self.keep_alive || matches!(version, crate::Version::Http11))
    }
}

/// The elements of a comma-separated list, without white space and without empty ones (RFC 9110, section 5.6.1).
pub(crate) fn tokens(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    fn options(value: &str) -> ConnectionOptions {
        ConnectionOptions::read([value.as_bytes()].into_iter()).unwrap()
    }

    #[test]
    fn persistence_follows_version_and_options() {
        assert!(options("").keeps_alive(Version::Http11) && !options("").keeps_alive(Version::Http10));
        assert!(options("Keep-Alive").keeps_alive(Version::Http10));
        assert!(!options("keep-alive, Close").keeps_alive(Version::Http11));
    }

    #[test]
    fn there_are_so_many_options_at_most() {
        let most = usize::from(CONNECTION_OPTIONS_MAX);
        let read = |count: usize| ConnectionOptions::read(["a, ".repeat(count).as_bytes()].into_iter());
        assert!(read(most).is_ok());
        assert_eq!(read(most + 1), Err(Reason::HeadTooLarge));
    }

    #[test]
    fn essential_fields_cannot_be_nominated() {
        let nominated = options("host, content-length,TE, x-custom, authorization, range").nominated;
        assert_eq!(nominated, NameSet::of(&[Name::Te, Name::Range]));
        assert!(options("x-custom").nominates_other && !options("keep-alive,upgrade").nominates_other);
    }
}
