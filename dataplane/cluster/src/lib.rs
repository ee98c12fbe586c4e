//! What limits survive by: restarts of a node, and having several nodes.
//!
//! ```text
//! worker -> limit::Quotas <- QuotaStore (a thread: what changed, every second) -> file
//! ```
//!
//! A [`QuotaStore`] writes down what quotas have counted and reads it back. All of it runs on threads of its own: no
//! request waits for a file. Counters and keys are those of crate `limit`; what a rule is, is the caller's: here it is an
//! identity, a text that is the same from run to run.

mod quotas;

pub use quotas::{QuotaFigures, QuotaStore, QuotaStoreError, SECRET_BYTES, Secret};
