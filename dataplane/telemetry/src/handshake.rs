//! How a TLS handshake with a client ended, as a metric label.

/// The end of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeKind {
    /// A new session.
    Full,
    /// A session that the client had before.
    Resumed,
    /// No session: refused by one of the two, broken off or too slow.
    Failed,
}

impl HandshakeKind {
    /// Every kind, in the order of their discriminants.
    pub(crate) const ALL: [Self; 3] = [Self::Full, Self::Resumed, Self::Failed];

    /// The label's text.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
            Self::Failed => "failed",
        }
    }
}
