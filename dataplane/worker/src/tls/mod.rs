//! TLS on a worker: what a snapshot says of it compiled, handshakes of both sides, and the session over an open stream.
//!
//! The protocol is crate `tls`'s, which has no I/O; here its sessions meet streams, buffers, deadlines and counters.

mod budget;
mod downstream;
mod layer;
mod security;
mod upstream;

pub(crate) use budget::Budget;
pub(crate) use downstream::{Greeting, greet};
pub(crate) use layer::Layer;
pub use security::{ClientTls, Security, SecurityError, Validity};
pub(crate) use upstream::{broken, secure};
