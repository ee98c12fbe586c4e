//! Who may call: applications, what they call with and what they have subscribed to.
//!
//! [`Applications`] is a persistent table of a million of them: a copy shares all with the original, and a change costs the
//! pages it touches. An [`Application`] is one packed record of 100 to 200 bytes. [`Identify`] and [`Authorize`] are what a
//! route asks of a request. Resolved by crate `model`, looked up by crate `identity`; nothing here knows the time or
//! decides.

mod applications;
mod ask;
mod index;
mod jwt;
mod proof;
mod record;

pub use applications::Applications;
pub use ask::{ApiKey, Authorize, Identify, Method};
pub use jsonwebtoken::Algorithm;
pub use jwt::{ALGORITHMS, Jwt, KeySet, KeySource, Keys};
pub use proof::{CLIENT_BYTES_MAX, Proof, client_proof, key_proof};
pub use record::{Application, Credential, Lists, Subscription, Texts, Who};
