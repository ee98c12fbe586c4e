//! Why a request for a token is refused, in the words of RFC 6749, section 5.2, and RFC 8707, section 2.
//!
//! The answer carries it as JSON with `Cache-Control: no-store`; one of 401 also `WWW-Authenticate: Basic`.

use serde::Serialize;
use std::{error::Error, fmt};

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
}

impl OauthError {
    pub(crate) fn new(error: OauthErrorCode, error_description: impl Into<String>) -> Self {
        Self { error, error_description: error_description.into() }
    }

    /// The status of the answer: 401 for a client that is not known, 400 else.
    #[must_use]
    pub fn status(&self) -> u16 {
        if self.error == OauthErrorCode::InvalidClient { 401 } else { 400 }
    }
}

impl fmt::Display for OauthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error_description)
    }
}

impl Error for OauthError {}
