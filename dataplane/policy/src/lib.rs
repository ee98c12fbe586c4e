//! The fixed order of phases every request goes through.
//!
//! A [`Chain`] is what a route's policies compile to. The exchange asks it phase by phase, in the order of [`Phase`],
//! whether to go on; most phases have no member yet. A step is synchronous and bounded: what must leave the core is handed
//! over, and the phase ends with its outcome ([`Rules::settle`]). Without policies a phase costs a comparison.
//!
//! The phases [`Phase::Identify`] and [`Phase::Authorize`] are [`Identity`], which tells the [`Caller`].
//! The phase [`Phase::Throttle`] is [`Rules`]: what it decides by is counted on the whole node ([`Registry`]) and by the
//! worker ([`Limiter`]), and what a request was let in with ([`Admission`]) is ended with its exchange.

mod chain;
mod identity;
mod job;
mod rules;
pub mod trace;

pub use chain::{Chain, Request, ResponseChanges};
pub use identity::{Identified, Identity};
pub use job::{Check, Job, Offload};
pub use rules::{
    Admission, Counts, HashKeys, Keeper, KeyError, Limiter, Now, Question, QuotaCommand, QuotaUsage, Registry,
    RuleOutcome, RuleSet, RuleVerdict, Rules, Store, Throttled, Unanswered,
};
pub use tollgate_identity::{Access, Caller, FetchedKeys, KeyRegistry, Tokens, Wanted};

pub use tollgate_transform::Preflight;

use tollgate_http::Reason;
use tollgate_model::FixedAnswer;

/// What happens to a request, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Method, client's address, sizes, cross-origin preflights.
    Guard,
    /// Who calls.
    Identify,
    /// Whether the caller may.
    Authorize,
    /// Throttle and quota.
    Throttle,
    /// Parameters and schema.
    Validate,
    /// An answer from the cache.
    CacheLookup,
    /// Changes to the request, or an answer in its place.
    TransformRequest,
    /// Choice of an endpoint.
    Choose,
    /// To the endpoint and back, again if need be.
    Forward,
    /// Changes to the response.
    TransformResponse,
    /// Into the cache.
    CacheStore,
    /// Metrics, access record, usage.
    Account,
}

impl Phase {
    /// The phases that can keep a request from an endpoint.
    pub const BEFORE_FORWARD: [Self; 7] = [
        Self::Guard,
        Self::Identify,
        Self::Authorize,
        Self::Throttle,
        Self::Validate,
        Self::CacheLookup,
        Self::TransformRequest,
    ];

    /// Where [`Phase::Identify`] stands among [`Phase::BEFORE_FORWARD`].
    pub const IDENTIFY: usize = 1;
    /// Where [`Phase::Throttle`] stands among [`Phase::BEFORE_FORWARD`]: it may have to wait.
    pub const THROTTLE: usize = 3;
}

/// What a phase says.
#[derive(Clone, PartialEq, Eq)]
pub enum Step<'c> {
    /// Go on with the next phase.
    Continue,
    /// Refuse the request.
    Refuse(Reason),
    /// Answer 204 with these field lines: the request was a preflight.
    Preflight(Vec<u8>),
    /// Answer this.
    Mock(&'c FixedAnswer),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_before_forwarding_are_in_order() {
        assert_eq!(Phase::BEFORE_FORWARD[Phase::IDENTIFY], Phase::Identify);
        assert_eq!(Phase::BEFORE_FORWARD[Phase::THROTTLE], Phase::Throttle);
        assert!(Phase::BEFORE_FORWARD.is_sorted() && Phase::BEFORE_FORWARD.iter().all(|phase| *phase < Phase::Choose));
    }
}
