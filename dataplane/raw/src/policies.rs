//! `policies` as written: of a route, of an entry of `policy_sets`, of `defaults`.
//!
//! Part of the reference manual, as all of `raw` is. Each policy may be `off`, which takes away what the layers before
//! said of it.

use serde::{Deserialize, Serialize};

use super::{Answer, Authorize, Faults, Header, Method, OrWord, Rule, Shape, Spanned, Text};

/// `defaults`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// The policies of every route that does not say `defaults: off`.
    pub policies: Option<Spanned<Policies>>,
}

/// An entry of `policy_sets`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySet {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; unique among the sets. Required.
    pub name: Option<Text>,
    /// What a route that uses it gets. Required.
    pub policies: Option<Spanned<Policies>>,
}

/// `policies`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Policies {
    /// `off`: nothing of `defaults.policies` holds for this route. Of routes only.
    pub defaults: Option<Text>,
    /// Names of `policy_sets`, which hold before what is written beside it. Not in a set itself. Up to 16.
    pub r#use: Option<Spanned<Vec<Text>>>,
    /// Which clients are let in. Each layer must let a client in.
    pub ip: Option<Spanned<OrWord<IpRules>>>,
    /// Which pages of other origins may read the answers. The last layer that has it counts.
    pub cors: Option<Spanned<OrWord<Cors>>>,
    /// Sizes of a request. Of each key the last layer that has it counts.
    pub limits: Option<Spanned<OrWord<PolicyLimits>>>,
    /// How a request says who calls. The first whose credential a request has decides, and without one it is refused with
    /// 401. Up to 8. The last layer that has it counts.
    pub identify: Option<Spanned<OrWord<Vec<Spanned<Method>>>>>,
    /// What the caller must have. Needs `identify`. The last layer that has it counts.
    pub authorize: Option<Spanned<OrWord<Authorize>>>,
    /// Changes to the query that the upstream gets. Layer after layer.
    pub request_query: Option<Spanned<OrWord<Edits>>>,
    /// Changes to the header fields that the upstream gets. Layer after layer.
    pub request_headers: Option<Spanned<OrWord<Edits>>>,
    /// Changes to the header fields that the client gets, of answers of the gateway too. Layer after layer.
    pub response_headers: Option<Spanned<OrWord<Edits>>>,
    /// Token buckets: how often. Rule after rule; one of a name that a layer before has takes its place.
    pub throttle: Option<Spanned<OrWord<Vec<Spanned<Rule>>>>>,
    /// Exact counters by calendar window: how much in all. Rule after rule, as `throttle`.
    pub quota: Option<Spanned<OrWord<Vec<Spanned<Rule>>>>>,
    /// How many requests at the same time. Rule after rule, as `throttle`.
    pub concurrency: Option<Spanned<OrWord<Vec<Spanned<Rule>>>>>,
    /// How many bytes of bodies a second; what is above waits. Rule after rule, as `throttle`.
    pub bandwidth: Option<Spanned<OrWord<Vec<Spanned<Rule>>>>>,
    /// Which fields tell the client what the rules leave it: `standard` (default; `RateLimit-Policy`, `RateLimit`),
    /// `x_ratelimit` (`X-RateLimit-Limit`, `-Remaining`, `-Reset`), `both`, `off`. The last layer that has it counts.
    pub rate_limit_fields: Option<Text>,
    /// Who is refused last when a worker cannot keep up (`shedding`): `low`, `normal` (default), `high`, `critical`. The
    /// last layer that has it counts.
    pub priority: Option<Text>,
    /// Delays and errors on purpose. The last layer that has it counts.
    pub faults: Option<Spanned<OrWord<Faults>>>,
    /// An answer in place of what the route does. The last layer that has it counts.
    pub mock: Option<Spanned<OrWord<Answer>>>,
}

/// `ip`. One of the two, or both.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IpRules {
    /// Networks (`10.0.0.0/8`) and addresses (`::1`); all other clients are refused with 403. Up to 65536.
    pub allow: Option<Spanned<Vec<Text>>>,
    /// Networks and addresses of clients that are refused, even if allowed. Up to 65536.
    pub deny: Option<Spanned<Vec<Text>>>,
}

/// `cors`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// `https://app.example.com`, `https://*.example.com` for every name below it, or `*` alone for every origin. Up to
    /// 64. Required, unless `origins_regex` is there.
    pub origins: Option<Spanned<Vec<Text>>>,
    /// Regular expressions that must take the whole origin. Up to 16.
    pub origins_regex: Option<Spanned<Vec<Text>>>,
    /// Methods that may be asked for. Default: GET, HEAD, POST.
    pub methods: Option<Spanned<Vec<Text>>>,
    /// Request header fields that a page may set; `*` alone for any. Default: none but those it may set anyway.
    pub headers: Option<Spanned<Vec<Text>>>,
    /// Response header fields that a page may read besides the usual ones; `*` alone for all. Default: none.
    pub expose: Option<Spanned<Vec<Text>>>,
    /// `true`: cookies may be sent. Default: `false`. Not with the origin `*`.
    pub credentials: Option<Text>,
    /// How long a browser may remember the answer to a preflight. 0s to 24h. Default: the browser's own.
    pub max_age: Option<Text>,
}

/// `limits` of policies.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyLimits {
    /// Size of the request head; at most the node's. A larger one is answered with 431.
    pub head_bytes: Option<Text>,
    /// Size of the request target; at most the node's. A larger one is answered with 414.
    pub target_bytes: Option<Text>,
    /// Fields of the request head; at most the node's. A request with more is answered with 431.
    pub fields: Option<Text>,
    /// Size of the request body, or `unlimited`; may be more than the node's. A larger one is answered with 413.
    pub body_bytes: Option<Text>,
}

/// `request_query`, `request_headers`, `response_headers`: first `remove`, then `set`, then `add`. Up to 32 entries each.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Edits {
    /// Names that go away.
    pub remove: Option<Spanned<Vec<Text>>>,
    /// Names and values in place of what there is of that name.
    pub set: Option<Spanned<Vec<Spanned<Header>>>>,
    /// Names and values besides what there is of that name.
    pub add: Option<Spanned<Vec<Spanned<Header>>>>,
}

impl Shape for IpRules {
    const EXPECTED: &'static str = "`off` or a mapping like { deny: [192.0.2.0/24] }";
    const LIST: bool = false;
}

impl Shape for Cors {
    const EXPECTED: &'static str = "`off` or a mapping like { origins: [\"https://app.example.com\"] }";
    const LIST: bool = false;
}

impl Shape for PolicyLimits {
    const EXPECTED: &'static str = "`off` or a mapping like { body_bytes: 1MiB }";
    const LIST: bool = false;
}

impl Shape for Edits {
    const EXPECTED: &'static str = "`off` or a mapping like { set: [ { name: X-Tenant, value: acme } ] }";
    const LIST: bool = false;
}

impl Shape for Answer {
    const EXPECTED: &'static str = "`off` or a mapping like { status: 200, body: hello }";
    const LIST: bool = false;
}
