//! Choice of an endpoint, and what is known of endpoints and upstreams: health, ejection, requests in progress, breakers.
//!
//! ```text
//! snapshot -> Registry::publish -> Arc<Upstream> -> Upstream::endpoints -> Endpoints::choose -> exchange -> Upstream::report
//!                                     ^ set_addresses (DNS)         Endpoint::judge (active checks) ^
//! ```
//!
//! [`Registry`] lives on the publishing thread and carries state over from snapshot to snapshot. An [`Upstream`] has an
//! immutable list of endpoints behind an atomic pointer: a worker keeps the list it read last and compares a number per
//! request. What changes of an endpoint is atomics in it. There is no I/O, clock or chance here: `now` (nanoseconds of
//! the node's monotonic clock) and random bits are arguments. Nothing waits and nothing locks.

mod adaptive;
mod backoff;
mod breaker;
mod budget;
mod choice;
mod current;
mod endpoint;
mod endpoints;
mod hash;
mod health;
pub mod key;
mod limits;
mod outlier;
mod registry;
mod schedule;
mod slow_start;
mod sync;
mod try_lock;
mod upstream;
mod window;

pub use adaptive::AdaptiveLimit;
pub use backoff::backoff;
pub use breaker::{Breaker, BreakerState, Permit, Shown};
pub use budget::{RetryBudget, Slot as RetrySlot};
pub use choice::{Choice, Tried};
pub use endpoint::{Endpoint, Place};
pub use endpoints::{Endpoints, Member};
pub use hash::hash;
pub use health::Verdict;
pub use registry::Registry;
pub use schedule::schedule;
pub use tollgate_limit::{Bucket, Drawn};
pub use upstream::{Outcome, Upstream};
