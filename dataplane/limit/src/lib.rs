//! Limits by key: token buckets, quotas, concurrency.
//!
//! ```text
//! request -> policy: rule, key hash, cost -> Throttle::take -> Verdict -> Continue | 429
//!                                   Leases (of the worker) ^   ^ Table (of the node)
//! ```
//!
//! Everything is decided on words in fixed memory: one compare-and-swap per decision, nothing locks, waits or
//! allocates. `now` is an argument; there is no clock, no I/O and no chance here. Keys are hashes which the caller
//! makes with keys of the node's own, so that nobody outside can choose which of them meet.

mod bucket;
mod in_flight;
mod lease;
mod limits;
mod quota;
mod rate;
mod rules;
mod shape;
mod shared;
mod strict;
mod sync;
mod table;
mod throttle;
mod window;

pub use bucket::{Bucket, Drawn};
pub use in_flight::{Entered, IN_FLIGHT_MAX, InFlight};
pub use lease::Leases;
pub use limits::{GROUP_ENTRIES, PERIOD_MAX, RULES_MAX, TICKS_PER_NS};
pub use quota::{QUOTA_MAX, QuotaVerdict, Quotas, Usage};
pub use rate::{Rate, RateError, Verdict};
pub use rules::{Answer, Ask, Decision, Now, Rule, decide, give_back};
pub use shared::{Lender, Shared, Terms, Want, WhenLost};
pub use strict::{Count, Debit, Question, Store, Strict, Unanswered};
pub use throttle::Throttle;
pub use window::{Calendar, CalendarError, Period, Window};
