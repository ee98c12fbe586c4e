//! Load harness: what stands on both sides of a gateway while it is tried or measured.
//!
//! On one side the load generator ([`load`]); on the other the [`Origin`], a synthetic HTTP/1.1 upstream on real sockets,
//! used by `tollgate origin` and `demo`, by the comparison in `benches` and by the end-to-end tests. It depends on nothing of the two
//! planes and has parsers of its own, so that a mistake in the gateway's cannot hide behind the same mistake here.
//!
//! The origin is no server for production: it trusts its peers to send well-formed framing and only bounds what it stores.

pub mod agents;
mod cpu;
pub mod load;
mod origin;
pub mod permission;
pub mod sources;
mod times;

pub use cpu::allowed_cpus;
pub use origin::{Counts, Driver, Origin, OriginConfig, PATHS as ORIGIN_PATHS, body_byte};
