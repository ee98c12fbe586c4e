//! Who may change the configuration: whoever can open the Unix socket, or shows the token.
//!
//! Pure. The token is compared in constant time and is in no answer.

use tollgate_model::Token;

/// The way a client came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Through the Unix socket, which only the node's user can open.
    Socket,
    /// Through the network, where anybody may be.
    Network,
}

impl Access {
    /// Whether a request with this Authorization field may change the configuration.
    pub(super) fn allows(self, token: Option<&Token>, authorization: Option<&[u8]>) -> bool {
        match self {
            Self::Socket => true,
            Self::Network => {
                matches!((token, authorization.and_then(bearer)), (Some(token), Some(shown)) if token.is(shown))
            }
        }
    }
}

/// The token of `Bearer token` (RFC 6750, section 2.1); the scheme in any case (RFC 9110, section 11.1).
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, token) = authorization.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_wanted_on_the_network_only() {
        assert!(Access::Socket.allows(None, None));
        assert!(!Access::Network.allows(None, None));
        assert!(!Access::Network.allows(None, Some(b"Bearer ")), "no token is not an empty token");
        assert_eq!(bearer(b"bEARER  abc "), Some(&b"abc"[..]));
        assert_eq!((bearer(b"Basic abc"), bearer(b"Bearer"), bearer(b"")), (None, None, None));
    }
}
