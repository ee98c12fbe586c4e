//! Load harness: what stands on both sides of a gateway while it is tried or measured.
//!
//! Today it is the [`Origin`], a synthetic HTTP/1.1 upstream on real sockets, used by `tollgate demo`, by the comparison
//! in `benches` and by the end-to-end tests. It depends on nothing of the two planes and has a parser of its own, so that
//! a mistake in the gateway's cannot hide behind the same mistake here.
//!
//! It is no server for production: it trusts its peers to send well-formed framing and only bounds what it stores.

mod origin;

pub use origin::{Counts, Driver, Origin, OriginConfig, body_byte};
