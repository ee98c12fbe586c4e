//! What limits survive by: restarts of a node, and having several nodes.
//!
//! ```text
//! worker -> limit::Quotas <- QuotaStore (a thread: what changed, every second) -> file
//! worker -> limit::Shared <- Shares (two threads: loans ahead of requests)     -> Redis, or the control plane
//! worker -> limit::Store  -> Shares (a thread: what requests wait for)         -> Redis
//! ```
//!
//! A [`QuotaStore`] writes down what quotas have counted and reads it back; [`Shares`] lend what several nodes may admit
//! together. All of it runs on threads of its own: no request waits for a file. Counters and keys are those of crate `limit`;
//! what a rule is, is the caller's: here it is an identity, a text that is the same from run to run. How a file is
//! [replaced](replace()) is for the node's other files too.

mod quotas;
mod replace;
mod secret;
mod shares;

pub use quotas::{QuotaFigures, QuotaStore, QuotaStoreError};
use replace::folder;
pub use replace::replace;
pub use secret::{SECRET_BYTES, Secret};
pub use shares::{Ask, Of, ShareBatch, ShareFigures, ShareSource, Shares, StrictFigures};
