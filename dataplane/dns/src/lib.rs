//! Questions about names, and what the answers mean.
//!
//! DNS messages (RFC 1035) for the addresses of a name, `/etc/hosts` and `/etc/resolv.conf`. Bytes in, bytes out: whoever
//! resolves sends and receives (the housekeeping of crate `gateway`). A question has EDNS (RFC 6891) for answers of up to
//! [`ANSWER_BYTES_MAX`]; what is longer comes truncated, and is asked for again over TCP. It trusts the server to follow
//! aliases, does not cache and does not validate (DNSSEC). Nothing a server sends panics.

mod hosts;
mod message;
mod servers;

pub use hosts::hosts;
pub use message::{ANSWER_BYTES_MAX, Answer, Kind, Question};
pub use servers::servers;
