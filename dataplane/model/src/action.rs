//! What becomes of a request that a route has taken: it is forwarded, redirected or answered.
//!
//! Resolved: every upstream is a slot, every template refers to parameters there are, every number is in its range.

use std::sync::Arc;
use tollgate_pattern::Template;

/// What a route does.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// To an endpoint of an upstream.
    Forward(Forwarding),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// The client gets this.
    Answer(Arc<FixedAnswer>),
}

/// Where a request is forwarded to.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forwarding {
    /// At least one, no upstream twice, and not all of weight 0.
    pub shares: Vec<Share>,
    /// The path that the endpoint is asked for; `None` for that of the request.
    pub rewrite: Option<Template>,
}

/// An upstream's part of the requests of a route.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Share {
    /// Slot of [`crate::Snapshot::upstreams`].
    pub upstream: usize,
    /// 0 to 1000; its part is its weight over the sum of weights.
    pub weight: u32,
}

/// Another place.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Redirect {
    /// An absolute URI or an absolute path.
    pub to: Template,
    /// Whether the query of the request is added, since `to` has none of its own.
    pub keeps_query: bool,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// An answer that is always the same.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FixedAnswer {
    /// 200 to 599, and not 304.
    pub status: u16,
    /// Names and values; none that frames the message or that the gateway writes itself.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub content_type: String,
    /// At most [`crate::ANSWER_BYTES_MAX`] bytes; empty for a status without content.
    pub body: String,
}

impl Action {
    /// The upstreams it may forward to.
    pub fn upstreams(&self) -> impl Iterator<Item = usize> {
        let shares: &[Share] = match self {
            Self::Forward(forwarding) => &forwarding.shares,
            Self::Redirect(_) | Self::Answer(_) => &[],
        };
        shares.iter().map(|share| share.upstream)
    }
}
