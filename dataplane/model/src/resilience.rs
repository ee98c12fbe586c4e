//! What keeps trouble small, after `resolve`: breakers, adaptive limits and hedges of upstreams, faults and priorities of
//! routes, shedding of the node.
//!
//! Part of the snapshot and as immutable: what changes while the node runs is the state crates `balance` and `worker` keep.
//! Every number lies within the bound that `limits` names.

use std::{sync::Arc, time::Duration};

use crate::action::FixedAnswer;

/// When an upstream is left alone for what requests to it were like.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Breaker {
    /// Failures in percent of the requests of the window, `None` for any share.
    pub failures: Option<u32>,
    /// Failures in the window, `None` for any number.
    pub count: Option<u32>,
    /// Failures in a row, `None` for any number.
    pub consecutive: Option<u32>,
    /// Which requests are slow, and how many in percent of the requests of the window may be.
    pub slow: Option<(Duration, u32)>,
    /// Requests the window must have for a share of it to count.
    pub requests_min: u32,
    /// How far back is looked.
    pub window: Duration,
    /// How long it stays open the first time; twice as long each time a probe fails.
    pub open: Duration,
    /// How long at most.
    pub open_max: Duration,
    /// Requests in progress that are let through after it was open, and how many must go well for it to close.
    pub probes: u32,
    /// What becomes of the others.
    pub fallback: Fallback,
}

impl Breaker {
    /// What copies are kept for when it is open, if it asks for any.
    #[must_use]
    pub const fn cache(&self) -> Option<&Cache> {
        if let Fallback::Cache(cache) = &self.fallback { Some(cache) } else { None }
    }
}

/// What becomes of requests to an upstream whose breaker is open.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Fallback {
    /// They are refused.
    Off,
    /// They go to the upstream of this name, which is another one and there.
    Upstream(String),
    /// They get this.
    Answer(Arc<FixedAnswer>),
    /// They get copies of earlier answers, if there are any.
    Cache(Cache),
}

/// What copies of answers are kept of an upstream, for when its breaker is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Cache {
    /// Memory of all copies on the node, in bytes.
    pub bytes_max: u64,
    /// The largest body of which a copy is kept, in bytes; not above `bytes_max`.
    pub answer_bytes_max: u64,
    /// No older copy is given.
    pub age_max: Duration,
}

/// The bounds of a limit of requests in progress that follows the response times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AdaptiveConcurrency {
    /// At least 1.
    pub min: u32,
    /// Not less than `min`.
    pub max: u32,
    /// Response times of up to this many percent of the best are taken for well; at least 100.
    pub tolerance: u32,
}

/// When a request is sent to a second endpoint while the first has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Hedge {
    /// After the request was sent to the first.
    pub after: Duration,
}

/// What is done to requests of a route to see how others take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Faults {
    /// How long requests wait before they go on, and how many in a hundred do.
    pub delay: Option<(Duration, u32)>,
    /// The status requests are answered with, and how many in a hundred are.
    pub abort: Option<(u16, u32)>,
}

/// Which requests are refused last when a worker cannot keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// First.
    Low,
    /// Where nothing else is said.
    Normal,
    /// When nothing of lower priority is left to refuse.
    High,
    /// Never.
    Critical,
}

/// When a worker refuses requests because it cannot keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Shedding {
    /// What is ready may wait this long.
    pub delay: Duration,
    /// How long it must have waited longer than that all the time.
    pub interval: Duration,
}
