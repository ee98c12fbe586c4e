//! Why a request for a token is refused, in the words of RFC 6749, section 5.2, and RFC 8707, section 2,
//! and RFC 7009, section 2.2.1.
//!
//! The answer carries it as JSON with `Cache-Control: no-store`; one of 401 also `WWW-Authenticate: Basic`.

use serde::Serialize;
use std::{error::Error, fmt};
use tollgate_domain::limits;

/// A request that is refused. It never says which of a client's identifier and secret was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OauthError {
    /// For programs.
    pub error: OauthErrorCode,
    /// For people.
    pub error_description: String,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OauthErrorCode {
    /// The request is no such request.
    InvalidRequest,
    /// Nobody has this identifier and secret, or not any more.
    InvalidClient,
    /// The client may not ask in this way.
    UnauthorizedClient,
    /// There is no such way to ask.
    UnsupportedGrantType,
    /// The client may not have one of the scopes.
    InvalidScope,
    /// The resource is none that tokens are issued for.
    InvalidTarget,
    /// Not now (RFC 7009, section 2.2.1).
    TemporarilyUnavailable,
}

impl OauthError {
    pub(crate) fn new(error: OauthErrorCode, error_description: impl Into<String>) -> Self {
        Self { error, error_description: error_description.into() }
    }

    /// A token that is not revoked, since its client has revoked too many.
    #[must_use]
    pub fn too_many_revoked() -> Self {
        let most = limits::REVOKED_TOKENS_MAX;
        let what = format!(
            "the client has revoked {most} tokens that have not expired: try again later, or revoke the client"
        );
        Self::new(OauthErrorCode::TemporarilyUnavailable, what)
    }

    /// The status of the answer: 401 for a client that is not known, 503 for what may go later, 400 else.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.error {
            OauthErrorCode::InvalidClient => 401,
            OauthErrorCode::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

impl fmt::Display for OauthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error_description)
    }
}

impl Error for OauthError {}
