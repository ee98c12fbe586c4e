//! Verdicts on credentials.
//!
//! ```text
//! key   ---------------------> identify_key ---.
//! token -> verify -> Tokens -> identify_token --> Caller -> authorize -> Access
//!                                                  `-> Reason   `-> Reason
//! ```
//!
//! What of a request is a credential is told by crate `policy`; here is whose it is and whether it holds. `now` is an
//! argument, nothing is fetched or waits (keys that others fetch are put into [`FetchedKeys`]), and nothing allocates for a key or a token that is known.

mod caller;
mod fetched;
mod token;
mod tokens;

pub use caller::{Access, Caller, authorize, identify_key, identify_token};
pub use fetched::{FetchedKeys, KeyRegistry, Wanted};
pub use token::{Issuer, Token, Verdict, verify};
pub use tokens::Tokens;
