//! Verdicts on credentials.
//!
//! ```text
//! key -> identify_key -> Caller -> authorize -> Caller with its subscription
//!             `-> Refusal: Reason      `-> Reason
//! ```
//!
//! What of a request is a credential is told by crate `policy`; here is whose it is and whether it holds. `now` is an
//! argument, nothing is fetched, waits or allocates for a key that is known.

mod caller;

pub use caller::{Caller, authorize, identify_key};
