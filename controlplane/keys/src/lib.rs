//! The key manager: who gets a token, what is in it, which keys sign it, and when it is over.
//!
//! ```text
//! POST /oauth2/token: form + Authorization -> TokenRequest -> Issuer::grant -> access token (JWT, RFC 9068)
//! GET  /oauth2/jwks:  KeyRing::jwks         POST /oauth2/introspect, /oauth2/revoke: Issuer
//! ```
//!
//! No clock and no I/O: Unix seconds are arguments, clients are looked up by who calls, what outlives the process is read and
//! written in the caller's transaction (`KeyRing::load`, `KeyRing::keep`, `note_revoked`).

mod client;
mod grant;
mod issuer;
mod kept;
mod limits;
mod password;
mod revoked;
mod ring;
mod signing;

pub use client::{ClientAuth, TokenRequest};
pub use grant::{OauthError, OauthErrorCode};
pub use issuer::{Client, Clients, Ended, Introspection, Issuer, TOKEN_ENTROPY_BYTES, Token};
pub use kept::KeySet;
pub use password::{PASSWORD_SALT_BYTES, PasswordHash, review_password};
pub use revoked::{forget_revoked, is_revoked, note_revoked};
pub use ring::{KeyRing, RingError};
pub use signing::{Algorithm, Jwk};
