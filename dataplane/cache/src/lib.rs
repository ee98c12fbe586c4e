//! Copies of answers of one upstream: which may be kept, to whom they may be given, and for how long (RFC 9111).
//!
//! ```text
//! Request (as the endpoint is sent it) --> Ruling --> Draft (head, then body) --> Store::keep
//!    `--> Store::find --> Kept --> Kept::head, Kept::body
//! ```
//!
//! This is a shared cache that is asked only when the upstream cannot be: copies are given stale where their answers do
//! not forbid it (section 4.2.4), and nothing is ever validated. Pure: no socket and no clock, `now` is an argument. A
//! [`Store`] belongs to one worker, is bounded in bytes and forgets what was used least recently. Two requests have the
//! same copy only if the endpoint would be told the same of who calls: see [`Request`].

mod directives;
mod draft;
mod fields;
mod kept;
mod limits;
mod request;
mod store;

pub use draft::{Draft, Ruling};
pub use kept::Kept;
pub use request::Request;
pub use store::Store;

/// The times that ages are counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Nanoseconds since any fixed moment; never less than before.
    pub monotonic_ns: u64,
    /// Seconds since 1970, to compare with what an upstream says.
    pub unix_s: u64,
}
