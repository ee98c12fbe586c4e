//! Where requests come from, besides one URL: a [`mix`] file, an [`openapi`] document, a [`replay`] of an access log.
//!
//! ```text
//! text of a file -> requests with weights, or in their order with times -> load::Mix
//! ```
//!
//! Pure, but for bodies that a mix file names. All requests are made before a run, so that nothing is written or drawn up while
//! it goes. How much a file may ask for stands in `limits`. A mistake is a [`SourceError`]: file, line where there is one, what
//! to write instead.

mod limits;
pub mod mix;
pub mod openapi;
pub mod replay;

use crate::load::{Mix, Request};
use std::fmt;

/// Requests out of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sourced {
    /// At least one.
    pub requests: Vec<Request>,
    /// What was left out, and why: lines for whoever started the run.
    pub notes: Vec<String>,
}

/// Why a file gives no requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    /// The file, and `:LINE` where that is known.
    pub place: String,
    /// What is wrong, and what to do.
    pub what: String,
}

impl SourceError {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.what)
    }
}

impl std::error::Error for SourceError {}

/// Judges one request, so that a mistake can be told where it stands.
fn checked(request: Request) -> Result<Request, String> {
    let mut mix = Mix::one(request);
    mix.check().map_err(|failure| failure.to_string())?;
    mix.requests.pop().ok_or_else(|| "no request".to_owned())
}

/// What is not safe (RFC 9110, section 9.2.1) is only sent where that was asked for.
fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}
