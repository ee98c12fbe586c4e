//! Access tokens that a client has ended before their time.
//!
//! A token is known by its identifier (`jti`), which its issuer gives once. The record is needed for as long as the token
//! would have lived; whoever keeps it forgets it then. That the secret of a client was revoked is not said here: its
//! credential says it.

use crate::Name;
use serde::{Deserialize, Serialize};

/// An access token that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokedToken {
    /// Whose client had it.
    pub application: Name,
    /// The identifier of the credential that it was granted to.
    pub client: String,
    /// What the token is called.
    pub jti: String,
    /// When it would have ended, in Unix seconds.
    pub expires_s: u64,
}

impl RevokedToken {
    /// Whether the token would have ended by itself. Gateways may have a clock that is up to `skew_s` behind.
    #[must_use]
    pub const fn is_over(&self, now_s: u64, skew_s: u64) -> bool {
        self.expires_s.saturating_add(skew_s) <= now_s
    }
}
