//! The fixed order of phases every request goes through.
//!
//! A [`Chain`] is what a route's policies compile to. The exchange asks it phase by phase, in the order of [`Phase`],
//! whether to go on; most phases have no member yet. A step is synchronous and bounded: work that must leave the core
//! will be handed over and the same phase entered again with its outcome.

use tollgate_http::{BodyLength, Method, Reason, RequestHead};

/// What happens to a request, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Method and size.
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
    /// Changes to the request.
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
}

/// What a phase says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Go on with the next phase.
    Continue,
    /// Answer the client.
    Answer(Reason),
}

/// The compiled policies of a route.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    body_bytes_max: u64,
}

impl Chain {
    /// A chain with the one policy there is: at most `body_bytes` of content, any number if `None`.
    #[must_use]
    pub fn compile(body_bytes: Option<u64>) -> Self {
        Self { body_bytes_max: body_bytes.unwrap_or(u64::MAX) }
    }

    /// Decides `phase` for a request.
    #[must_use]
    pub fn step(&self, phase: Phase, head: &RequestHead<'_>) -> Step {
        match phase {
            Phase::Guard => self.guard(head),
            _ => Step::Continue,
        }
    }

    /// TRACE would show the endpoint's view of a request, credentials included, to whoever can make a browser send it.
    fn guard(&self, head: &RequestHead<'_>) -> Step {
        if head.method() == Method::Trace {
            return Step::Answer(Reason::MethodNotImplemented);
        }
        match head.body() {
            BodyLength::Length(length) if length > self.body_bytes_max => Step::Answer(Reason::BodyTooLarge),
            _ => Step::Continue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_http::{HeadLimits, Parsed, RequestIndex};

    fn step(request: &str, body_bytes: Option<u64>) -> Step {
        let (mut bytes, mut index) = (request.as_bytes().to_vec(), RequestIndex::new());
        assert!(matches!(index.parse(&mut bytes, &HeadLimits::DEFAULT), Parsed::Complete { .. }));
        Chain::compile(body_bytes).step(Phase::Guard, &index.head(&bytes))
    }

    #[test]
    fn the_guard_refuses_what_is_too_large_before_it_is_sent() {
        let request = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n";
        assert_eq!(step(request, Some(10)), Step::Answer(Reason::BodyTooLarge));
        assert_eq!(step(request, Some(11)), Step::Continue);
        assert_eq!(step(request, None), Step::Continue);
    }

    #[test]
    fn the_guard_refuses_trace() {
        assert_eq!(step("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", None), Step::Answer(Reason::MethodNotImplemented));
    }

    #[test]
    fn phases_before_forwarding_are_in_order() {
        assert!(Phase::BEFORE_FORWARD.is_sorted() && Phase::BEFORE_FORWARD.iter().all(|phase| *phase < Phase::Choose));
    }
}
