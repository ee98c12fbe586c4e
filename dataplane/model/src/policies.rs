//! The policies of a route, after those of the node's defaults, of the sets and of the route were put together.
//!
//! Resolved: every origin, name and value is valid, every limit lies within the node's, no credentials are given to any
//! origin. What is the same for several routes is shared between them. Which layer comes first is decided in `resolve`,
//! how a request is held against a policy in crates `transform` and `policy`.

use std::{hash::Hash, net::IpAddr, sync::Arc, time::Duration};

use crate::{
    action::FixedAnswer,
    resilience::{Faults, Priority},
    rule::Rule,
};
use tollgate_consumer::{Authorize, Identify};
use tollgate_pattern::{Expression, IpSet};

/// What is done to the requests of a route besides what its action says.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policies {
    /// A client must be let in by each; those of the node first.
    pub ip: Vec<Arc<IpRules>>,
    /// Which pages of other origins may read the answers; `None` leaves that to the endpoint.
    pub cors: Option<Arc<Cors>>,
    /// Sizes a request may not exceed; `None` for those of the node.
    pub limits: Option<RouteLimits>,
    /// How a request says who calls; there wherever `authorize` is.
    pub identify: Option<Arc<Identify>>,
    /// What the caller must have.
    pub authorize: Option<Arc<Authorize>>,
    /// Changes to the query, by name.
    pub request_query: Vec<Edit>,
    /// Changes to the fields of the request, by name.
    pub request_headers: Vec<Edit>,
    /// Changes to the fields of the response, by name.
    pub response_headers: Vec<Edit>,
    /// Who is refused last when a worker cannot keep up.
    pub priority: Priority,
    /// Delays and errors on purpose.
    pub faults: Option<Faults>,
    /// What is answered in place of the action.
    pub mock: Option<Arc<FixedAnswer>>,
    /// What limits how much is admitted, in the order of the layers; of a kind no name comes twice.
    pub rules: Vec<Arc<Rule>>,
    /// Which fields tell a client what the rules leave it.
    pub rate_limit_fields: RateLimitFields,
    /// Of all the above.
    pub(crate) hash: u64,
    /// Regular expressions that are the route's own.
    pub(crate) expressions: usize,
}

impl Policies {
    /// No policy at all.
    pub(crate) const fn none() -> Self {
        Self {
            ip: Vec::new(),
            cors: None,
            limits: None,
            identify: None,
            authorize: None,
            request_query: Vec::new(),
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            priority: Priority::Normal,
            faults: None,
            mock: None,
            rules: Vec::new(),
            rate_limit_fields: RateLimitFields::Standard,
            hash: 0,
            expressions: 0,
        }
    }

    /// What the hash is taken of. The pattern names every field, so that a new one does not build until it is here.
    pub(crate) fn content(&self) -> impl Hash {
        let Self {
            ip,
            cors,
            limits,
            identify,
            authorize,
            request_query,
            request_headers,
            response_headers,
            priority,
            faults,
            mock,
            rules,
            rate_limit_fields,
            hash: _,
            expressions: _,
        } = self;
        let ip: Vec<u64> = ip.iter().map(|rules| rules.hash).collect();
        let edits = (request_query, request_headers, response_headers);
        ((ip, cors, limits), (identify, authorize), edits, priority, faults, mock, rules, rate_limit_fields)
    }
}

/// Which fields of a response tell what rules leave the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateLimitFields {
    /// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
    Standard,
    /// `X-RateLimit-Limit`, `X-RateLimit-Remaining`, `X-RateLimit-Reset`, of the rule that leaves least.
    Legacy,
    /// All of these.
    Both,
    /// None.
    Off,
}

/// Which clients are let in.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IpRules {
    /// Only these; `None` for all.
    pub allow: Option<IpSet>,
    /// None of these, even if allowed.
    pub deny: IpSet,
    /// Of both: one list may hold for very many routes.
    pub(crate) hash: u64,
}

impl IpRules {
    /// Whether a client of this address is let in.
    #[must_use]
    pub fn permits(&self, client: IpAddr) -> bool {
        !self.deny.contains(client) && self.allow.as_ref().is_none_or(|allowed| allowed.contains(client))
    }
}

/// Sizes of a request that a route takes: the node's with what the policies override.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RouteLimits {
    /// Bytes of the head; at most the node's.
    pub head_bytes: usize,
    /// Bytes of the target after normalization; at most the node's.
    pub target_bytes: usize,
    /// Fields of the head; at most the node's.
    pub fields: usize,
    /// Bytes of the body's content, `None` for any.
    pub body_bytes: Option<u64>,
}

/// What becomes of the fields or query parameters of one name.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Edit {
    /// Of a field in any case of letters, as written; of a parameter exactly, decoded.
    pub name: String,
    /// Whether what the message has of that name goes away.
    pub replaces: bool,
    /// What it gets, in this order.
    pub values: Vec<String>,
}

/// Which pages of other origins may ask, and read the answers (the Fetch standard, "CORS protocol").
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Cors {
    /// At least one; [`OriginPattern::Any`] stands alone and never with `credentials`.
    pub origins: Vec<OriginPattern>,
    /// Methods that may be asked for, sorted.
    pub methods: Vec<String>,
    /// Request fields that a page may set.
    pub headers: CorsHeaders,
    /// Response fields a page may read besides the usual ones; `*` stands alone and never with `credentials`.
    pub expose: Vec<String>,
    /// Whether cookies and the like may be sent.
    pub credentials: bool,
    /// How long a browser may remember the answer to a preflight; `None` leaves it to the browser.
    pub max_age: Option<Duration>,
}

/// Request fields that a page may set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CorsHeaders {
    /// Any.
    Any,
    /// These, in lower case, sorted.
    Listed(Vec<String>),
}

/// Origins (RFC 6454) that may read answers.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum OriginPattern {
    /// Every one.
    Any,
    /// `scheme://host[:port]` in lower case.
    Exact(String),
    /// `https://*.example.com:8443`, kept as `https://` and `.example.com:8443`: every name below, at any depth.
    Below {
        /// With its `://`.
        scheme: String,
        /// With the dot before it and the port behind it.
        suffix: String,
    },
    /// What the expression takes.
    Expression(Expression),
}

impl OriginPattern {
    /// Whether it takes the value of an Origin field.
    #[must_use]
    pub fn takes(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(text) => origin == text.as_bytes(),
            Self::Below { scheme, suffix } => {
                let rest = origin.strip_prefix(scheme.as_bytes());
                let below = rest.and_then(|rest| rest.strip_suffix(suffix.as_bytes()));
                below.is_some_and(|labels| !labels.is_empty() && labels.iter().all(|&byte| is_label_byte(byte)))
            }
            Self::Expression(expression) => expression.is_match(origin),
        }
    }
}

/// What the labels of a host are made of; above all no `/`, `:` or `@`, behind which another host could stand.
const fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_below_a_domain_is_one_of_its_names() {
        let pattern = OriginPattern::Below { scheme: "https://".into(), suffix: ".example.com".into() };
        for origin in ["https://a.example.com", "https://a.b.example.com"] {
            assert!(pattern.takes(origin.as_bytes()), "{origin}");
        }
        for origin in [
            "https://example.com",
            "https://.example.com",
            "http://a.example.com",
            "https://a.example.com:8443",
            "https://a.example.com.evil.test",
            "https://evil.test/.example.com",
            "https://evil.test:80.example.com",
            "https://aexample.com",
            "null",
        ] {
            assert!(!pattern.takes(origin.as_bytes()), "{origin}");
        }
    }
}
