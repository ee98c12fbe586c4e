//! Verdicts on credentials.
//!
//! ```text
//! key   ---------------------> identify_key ---.
//! token -> verify -> Tokens -> identify_token --> Caller -> authorize -> Access
//!                                                  `-> Reason   `-> Reason
//! ```
//!
//! What of a request is a credential is told by crate `policy`; here is whose it is and whether it holds. `now` is an
//! argument, nothing is fetched or waits, and nothing allocates for a key or a token that is known.

mod caller;
mod token;
mod tokens;

pub use caller::{Access, Caller, authorize, identify_key, identify_token};
pub use token::{Token, verify};
pub use tokens::Tokens;
