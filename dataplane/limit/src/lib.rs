//! Limits by key: token buckets, quotas, concurrency.
//!
//! ```text
//! request -> policy: rule, key hash, cost -> Throttle::take -> Verdict -> Continue | 429
//!                                   Leases (of the worker) ^   ^ Table (of the node)
//! ```
//!
//! Everything is decided on words in fixed memory: one compare-and-swap per decision, nothing locks, waits or allocates. `now` is an
//! argument; there is no clock, no I/O and no chance here. Keys are hashes which the caller makes with keys of the node's own,
//! so that nobody outside can choose which of them meet.

mod lease;
mod limits;
mod rate;
mod sync;
mod table;
mod throttle;

pub use lease::Leases;
pub use limits::{GROUP_ENTRIES, PERIOD_MAX, RULES_MAX, TICKS_PER_NS};
pub use rate::{Rate, RateError, Verdict};
pub use throttle::{Taken, Throttle};
