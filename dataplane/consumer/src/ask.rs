//! What a route asks of a request: how it says who calls, and what that one must have.

use std::sync::Arc;

use crate::Jwt;

/// How a request says who calls, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identify {
    /// The first whose credential a request has decides; at least one, and [`Method::Anonymous`] last.
    pub methods: Vec<Method>,
}

/// One way to say who calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// A key of an application.
    ApiKey(ApiKey),
    /// A token of an issuer, in the Authorization field (RFC 6750, section 2.1).
    Jwt(Arc<Jwt>),
    /// None: the request is nobody's.
    Anonymous,
}

/// Where a key stands; in one place at least, of which the header field is looked at first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ApiKey {
    /// The name of a header field, as written.
    pub header: Option<String>,
    /// The name of a query parameter, decoded.
    pub query: Option<String>,
}

/// What the caller must have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authorize {
    /// The API that subscriptions name.
    pub api: Arc<str>,
    /// All of these; sorted.
    pub scopes: Vec<String>,
    /// Whether an application without a subscription is refused.
    pub needs_subscription: bool,
}
