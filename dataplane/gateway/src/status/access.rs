//! Who may change the configuration, and see and change quotas: whoever can open the Unix socket, or shows the token.
//!
//! Pure. The token is compared in constant time and is in no answer.

use tollgate_http::bearer;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_wanted_on_the_network_only() {
        assert!(Access::Socket.allows(None, None));
        assert!(!Access::Network.allows(None, None));
        assert!(!Access::Network.allows(None, Some(b"Bearer ")), "no token is not an empty token");
    }
}
