//! TLS on a worker: handshakes of both sides, and the session over an open stream.
//!
//! The protocol is crate `tls`'s, which has no I/O; here its sessions meet streams, buffers, deadlines and counters.

mod budget;
mod downstream;
mod layer;
mod upstream;

pub(crate) use budget::Budget;
pub(crate) use downstream::{Greeting, greet};
pub(crate) use layer::Layer;
pub(crate) use upstream::{broken, secure};
