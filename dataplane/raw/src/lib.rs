//! The configuration as written: what serde reads out of the text, with the place of every value.
//!
//! **The comments of these fields are the reference manual**; `docs/users/configure.md` repeats them as tables. Unknown
//! keys and wrong shapes are refused here, at the first one. Every scalar is kept as the text that stands in the file:
//! a number too may be written as `${env:X}`, and `resolve` judges all values together, so that all mistakes are told
//! at one time. Only crate `model` reads it; `Debug` prints what is written and so never the value of a reference.

mod access_log;
mod application;
mod cluster;
mod delta;
mod identify;
mod json;
mod policies;
mod read;
mod resilience;
mod route;
mod rules;
mod settings;
mod tls;
mod tuning;
mod upstream;
mod word;

pub use access_log::{AccessLog, Keep, Rotate};
pub use application::{Application, Credential, Plan, Subscription};
pub use cluster::{Cluster, QuotaStore};
pub use delta::{Delta, Removed};
pub use identify::{ApiKey, Authorize, Jwt, Method};
pub use policies::{Cors, Defaults, Edits, IpRules, Policies, PolicyLimits, PolicySet};
pub use resilience::{AdaptiveConcurrency, Breaker, Cache, Fallback, Faults, Hedge, Shedding, Throughput};
pub use route::{Answer, Condition, Header, Match, Redirect, Rewrite, Route, RouteTimeouts};
pub use rules::{Override, Rule, When};
pub use tls::{ClientAuth, Identity, ListenerTls, UpstreamTls};
pub use tollgate_place::{Location, Spanned, Text, canonical};
pub use tuning::{Spin, Tuning};
pub use upstream::{
    Balance, Connections, ConsistentHash, Dns, Health, HttpProbe, Outliers, Retries, TcpProbe, Upstream,
};
pub use word::{OrWord, Shape};

use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The version of the contract. Required in one of the files; `1`.
    pub version: Option<Text>,
    /// Files whose items and settings belong to this one: paths, relative to the folder of this file, in which `*` stands
    /// for any part of a name. Up to 1024 files, 8 inside each other.
    pub include: Option<Spanned<Vec<Text>>>,
    /// `auto` (default): one worker on each CPU the process may use. Or a list of CPU ids, 0 to 1023, none twice.
    pub workers: Option<Spanned<OrWord<Vec<Text>>>>,
    /// `auto` (default): io_uring, or epoll where the kernel refuses it. `io_uring`: that or no start. `epoll`.
    pub io: Option<Text>,
    /// Where `/livez`, `/readyz`, `/metrics`, `/config` and `/quotas` are served. Default: `{ bind: 127.0.0.1:9901 }`. `off`: nowhere.
    pub status: Option<Spanned<OrWord<Status>>>,
    /// Where access records go. Left out: standard output. `off`: nowhere.
    pub access_log: Option<Spanned<OrWord<AccessLog>>>,
    /// The addresses that take connections of clients. Required; 1 to 256.
    pub listeners: Option<Spanned<Vec<Spanned<Listener>>>>,
    /// The groups of endpoints requests are sent to.
    #[serde(default)]
    pub upstreams: Vec<Spanned<Upstream>>,
    /// Which requests go to which upstream. A request no route takes is answered with 404.
    #[serde(default)]
    pub routes: Vec<Spanned<Route>>,
    /// What applications get of the APIs they subscribe to. Up to 300000.
    #[serde(default)]
    pub plans: Vec<Spanned<Plan>>,
    /// Who may call APIs (`authorize` of policies), and with what. Up to 4000000.
    #[serde(default)]
    pub applications: Vec<Spanned<Application>>,
    /// What holds for every route.
    pub defaults: Option<Spanned<Defaults>>,
    /// Policies under a name, for `use`. Up to 1024.
    pub policy_sets: Option<Spanned<Vec<Spanned<PolicySet>>>>,
    /// Networks (`10.0.0.0/8`) and addresses (`::1`) of peers whose `Forwarded` and `X-Forwarded-*` fields are believed
    /// and extended; those of all other peers are replaced. Default: none.
    pub trusted_proxies: Option<Spanned<Vec<Text>>>,
    /// Which fields tell an upstream about the client. `x_forwarded` (default): `X-Forwarded-For`, `X-Forwarded-Proto`,
    /// `X-Forwarded-Host`. `standard`: `Forwarded` (RFC 7239). `both`. `off`.
    pub forwarded: Option<Text>,
    /// What becomes of the trace context of requests.
    pub tracing: Option<Spanned<Tracing>>,
    /// How the names of endpoints are resolved.
    pub dns: Option<Spanned<Dns>>,
    /// Which requests a worker refuses that cannot keep up. Left out or `off`: none.
    pub shedding: Option<Spanned<OrWord<Shedding>>>,
    /// Where what quotas have counted outlives the node. `off`: nowhere.
    pub quota_store: Option<Spanned<OrWord<QuotaStore>>>,
    /// The store that nodes share, for rules of `mode: leased` and `mode: strict`.
    pub cluster: Option<Spanned<Cluster>>,
    /// Sizes and counts a peer may not exceed.
    pub limits: Option<Spanned<Limits>>,
    /// The deadlines of the node.
    pub timeouts: Option<Spanned<Timeouts>>,
    /// What trades memory, latency and throughput against each other.
    pub tuning: Option<Spanned<Tuning>>,
}

/// `status`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// `ip:port` or `[ipv6]:port`; port 0 lets the system choose. Required unless there is a `socket`.
    pub bind: Option<Text>,
    /// A Unix socket that only the user of the gateway can open (mode 0600). Who can may change the configuration.
    pub socket: Option<Text>,
    /// Who shows it as a bearer token at `bind` may change the configuration. 16 to 256 visible ASCII characters,
    /// which are not written here but referred to: `${file:/run/secrets/tollgate}` or `${env:TOKEN}`.
    pub token: Option<Text>,
}

/// `tracing`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tracing {
    /// Whose `traceparent` and `tracestate` go on as they came. `all` (default), `trusted`: those of `trusted_proxies`,
    /// `none`.
    pub accept: Option<Text>,
    /// `true`: a request that has no `traceparent` that goes on gets one. `false` (default).
    pub generate: Option<Text>,
    /// Of the traces begun here, how many in a hundred ask to be recorded. 0 to 100, default 100.
    pub sampled_percent: Option<Text>,
}

/// An entry of `listeners`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; unique among the listeners. Required.
    pub name: Option<Text>,
    /// `ip:port` or `[ipv6]:port`, unique; port 0 lets the system choose. Required.
    pub bind: Option<Text>,
    /// Left out: HTTP without TLS. Else TLS only.
    pub tls: Option<Spanned<ListenerTls>>,
}

/// `limits`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Size of a request or response head. 1KiB to 31KiB, default 16KiB. A larger request head is answered with 431.
    pub head_bytes: Option<Text>,
    /// Size of a request target. 64 to 31KiB and at most `head_bytes`, default 8KiB. A larger one is answered with 414.
    pub target_bytes: Option<Text>,
    /// Fields of a head. 1 to 128, default 100. A request with more is answered with 431.
    pub fields: Option<Text>,
    /// Size of a request body. 0 to 1048576GiB or `unlimited` (default). A larger one is answered with 413.
    pub body_bytes: Option<Text>,
    /// Client connections open at one time, over all workers. 1 to 10000000, default 20000.
    pub connections: Option<Text>,
    /// A client connection is closed after this many requests. 1 to 4294967296 or `unlimited` (default).
    pub requests_per_connection: Option<Text>,
}

/// `timeouts` of the node.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// To open a connection to an endpoint. 1ms to 24h, default 5s.
    pub connect: Option<Text>,
    /// From the request sent to the end of the response's head, interim responses (1xx) before it included. 1ms to 24h, default 60s.
    pub first_byte: Option<Text>,
    /// Without progress of a body, in either direction. 1ms to 24h, default 60s.
    pub idle: Option<Text>,
    /// For the whole exchange. 1ms to 24h or `none` (default).
    pub request: Option<Text>,
    /// Without a byte in either direction of an upgraded connection. 1ms to 24h, default 1h.
    pub tunnel: Option<Text>,
    /// For a client's TLS handshake, from the connection accepted to the session open. 1ms to 24h, default 10s.
    pub handshake: Option<Text>,
    /// From the first byte of a request head to its last. 1ms to 24h, default 10s.
    pub head: Option<Text>,
    /// For a client between two requests. 1ms to 24h, default 75s.
    pub keep_alive: Option<Text>,
    /// For running exchanges once the node is told to stop. 1ms to 24h, default 30s.
    pub drain: Option<Text>,
    /// To read on after a refusal, so that the client sees the answer and not a reset. 1ms to 1m, default 2s.
    pub linger: Option<Text>,
}

impl Shape for Vec<Text> {
    const EXPECTED: &'static str = "`auto` or a list of CPU ids like [0, 1]";
    const LIST: bool = true;
}

impl Shape for Status {
    const EXPECTED: &'static str = "`off` or a mapping like { bind: 127.0.0.1:9901 }";
    const LIST: bool = false;
}
