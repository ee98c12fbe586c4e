//! Where a node serves its status, and who may change its configuration there.
//!
//! A [`Token`] is compared and never shown: there is no way to its text, `Debug` included, and it is no part of the
//! digest, which anybody may read and could try guesses against.

use std::{
    fmt,
    hash::{Hash, Hasher},
    net::SocketAddr,
    path::PathBuf,
};

use subtle::ConstantTimeEq as _;

/// Where the node's status is served; at least one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Status {
    /// A TCP address. Port 0 lets the system choose.
    pub bind: Option<SocketAddr>,
    /// A Unix socket that only the node's own user can open. A relative path starts at the working directory.
    pub socket: Option<PathBuf>,
    /// Who shows it on `bind` may change the configuration; on the socket everybody may.
    pub token: Option<Token>,
}

/// A secret of 16 to 256 visible ASCII characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<[u8]>);

impl Token {
    /// `None` for what is no token.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let valid =
            crate::limits::TOKEN_BYTES.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        valid.then(|| Self(text.as_bytes().into()))
    }

    /// Whether `shown` is the token. The time this takes depends on the lengths only.
    #[must_use]
    pub fn is(&self, shown: &[u8]) -> bool {
        self.0.ct_eq(shown).into()
    }
}

/// Nothing of it: see above.
impl Hash for Token {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}
