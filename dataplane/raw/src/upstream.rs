//! `upstreams` as written: endpoints, the choice among them, health, retries and connections; and `dns`.
//!
//! Part of the reference manual, as all of `raw` is.

use serde::{Deserialize, Serialize};

use super::{AdaptiveConcurrency, Breaker, Hedge, OrWord, Shape, Spanned, Text, Throughput, UpstreamTls};

/// An entry of `upstreams`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; unique among the upstreams. Required.
    pub name: Option<Text>,
    /// Where the requests go. Required; 1 to 4096, no address twice, not all of them backups.
    pub endpoints: Option<Spanned<Vec<Spanned<Endpoint>>>>,
    /// How an endpoint is chosen. `round_robin` (default): in turn, by weight. `least_requests`: the one with the fewest
    /// requests in progress per weight. `power_of_two`: the better of two drawn by weight. Or `{ consistent_hash: .. }`.
    pub balance: Option<Spanned<OrWord<Balance>>>,
    /// Time in which an endpoint that is new or back gets from a tenth of its share to the whole. 1ms to 24h or `off`
    /// (default). Not with `consistent_hash`.
    pub slow_start: Option<Text>,
    /// How endpoints are asked whether they are well. Left out: not at all.
    pub health: Option<Spanned<Health>>,
    /// When an endpoint is left alone for what exchanges with it were like. Left out: never.
    pub outliers: Option<Spanned<Outliers>>,
    /// When the whole upstream is left alone for what requests to it were like. Left out: never.
    pub breaker: Option<Spanned<Breaker>>,
    /// Requests in progress, as many as do not slow the upstream down. Left out: any number.
    pub adaptive_concurrency: Option<Spanned<AdaptiveConcurrency>>,
    /// Requests it is sent in a time, over all routes. Left out: any number.
    pub throughput: Option<Spanned<Throughput>>,
    /// Requests that are sent to a second endpoint when the first is slow. Left out: none.
    pub hedge: Option<Spanned<Hedge>>,
    /// What is tried again.
    #[serde(default)]
    pub retries: Retries,
    /// The connections to an endpoint.
    #[serde(default)]
    pub connections: Connections,
    /// Left out: HTTP without TLS. Else all endpoints are spoken to in TLS.
    pub tls: Option<Spanned<UpstreamTls>>,
}

/// An entry of `endpoints`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// `ip:port`, `[ipv6]:port`, `name:port` or `unix:/path`. A name is resolved while the node runs, again whenever its
    /// answer has expired; each of its addresses is an endpoint of the weight written here. Required.
    pub address: Option<Text>,
    /// Its share of the requests is its weight over the sum of all weights. 1 to 1000, default 1.
    pub weight: Option<Text>,
    /// `true`: used only while none of the others is available. Default `false`.
    pub backup: Option<Text>,
}

/// `balance` of an upstream, where it is no word.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// The same endpoint for the same key. Required.
    pub consistent_hash: Option<Spanned<ConsistentHash>>,
}

/// `consistent_hash`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistentHash {
    /// `client_ip`, `path`, `header:NAME` or `cookie:NAME`. A request without it is spread at random. Required.
    pub key: Option<Text>,
    /// Requests in progress, in percent of the average, above which an endpoint is passed over for the next on the ring.
    /// 101% to 1000% or `off` (default).
    pub load_max: Option<Text>,
}

/// `health` of an upstream; one of the two.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// A GET that must be answered with one of the statuses.
    pub http: Option<Spanned<HttpProbe>>,
    /// A connection that must be accepted; with `tls`, its handshake must succeed too.
    pub tcp: Option<Spanned<TcpProbe>>,
}

/// `http` of `health`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// What is asked for, with query if need be. Begins with `/`. Default `/`.
    pub path: Option<Text>,
    /// The Host field. Default: the `server_name` of `tls`, or else the endpoint's address.
    pub host: Option<Text>,
    /// Statuses and ranges of them, like `[200, 301-302]`. 1 to 16. Default `[200-299]`.
    pub status: Option<Spanned<Vec<Text>>>,
    /// From one check to the next. 10ms to 24h, default 5s.
    pub interval: Option<Text>,
    /// For one check. 1ms to 24h, default 2s.
    pub timeout: Option<Text>,
    /// Checks in a row that must succeed until an endpoint is available again. 1 to 100, default 2.
    pub healthy: Option<Text>,
    /// Checks in a row that must fail until it no longer is. 1 to 100, default 3. The very first check decides alone.
    pub unhealthy: Option<Text>,
}

/// `tcp` of `health`; ranges and defaults are those of `http`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TcpProbe {
    /// From one check to the next.
    pub interval: Option<Text>,
    /// For one check.
    pub timeout: Option<Text>,
    /// Checks in a row that must succeed until an endpoint is available again.
    pub healthy: Option<Text>,
    /// Checks in a row that must fail until it no longer is.
    pub unhealthy: Option<Text>,
}

/// `outliers` of an upstream.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outliers {
    /// Failures in a row: no connection, no whole response head in time, or a status of 500 and above. 1 to 1000 or
    /// `off`, default 5.
    pub consecutive: Option<Text>,
    /// Failures of all exchanges in a window. 1% to 100% or `off` (default).
    pub failures: Option<Text>,
    /// Exchanges a window must have before `failures` counts. 1 to 1000000, default 20.
    pub requests_min: Option<Text>,
    /// Length of a window. 1ms to 24h, default 10s.
    pub window: Option<Text>,
    /// How long an endpoint is left alone the first time; twice as long each time after it. 1ms to 24h, default 10s.
    pub ejection: Option<Text>,
    /// At most this long. 1ms to 24h and not less than `ejection`, default 5m.
    pub ejection_max: Option<Text>,
    /// At most so many of the endpoints are left alone at one time: one always may be, the last that is available never.
    /// 1% to 100%, default 50%.
    pub ejected_max: Option<Text>,
}

/// `retries` of an upstream.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retries {
    /// Tries in all. 1 to 10, default 3; 1 for no retry.
    pub attempts: Option<Text>,
    /// What is tried again: `connect` (no connection; any method, since nothing was sent), and for requests without a
    /// body that may be repeated `closed`, `timeout`, `502`, `503`, `504`. Default `[connect]`.
    pub on: Option<Spanned<Vec<Text>>>,
    /// Retries in progress, of the requests in progress, per worker. 0% to 100%, default 20%.
    pub budget: Option<Text>,
    /// Retries in progress that are allowed however few requests there are, per worker. 0 to 10000, default 10.
    pub budget_min: Option<Text>,
    /// An endpoint the request has not tried yet is tried at once. Before one that it has, a random time up to this
    /// passes; twice as long each time after it. 1ms to 24h, default 25ms.
    pub backoff: Option<Text>,
    /// At most this long. 1ms to 24h and not less than `backoff`, default 250ms.
    pub backoff_max: Option<Text>,
}

/// `connections` of an upstream.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Connections {
    /// Idle connections kept per worker and endpoint. 0 to 65536, default 256; 0 closes each after its exchange.
    pub idle_max: Option<Text>,
    /// An idle connection is closed after this long. 1ms to 24h, default 60s. Choose less than the endpoint's own.
    pub idle_timeout: Option<Text>,
    /// A connection older than this is closed after its exchange. 1ms to 24h or `unlimited` (default).
    pub age_max: Option<Text>,
    /// Connections open at one time, per worker and endpoint. A request that finds all of them busy goes to another
    /// endpoint, or is answered with 503. 1 to 65536 or `unlimited` (default).
    pub max: Option<Text>,
    /// Exchanges after which a connection is closed. 1 to 4294967296 or `unlimited` (default).
    pub requests_max: Option<Text>,
}

/// `dns`: how the names of endpoints are resolved.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// `ip` or `ip:port` of the servers, in the order they are asked. 1 to 8. Default: those of `/etc/resolv.conf`.
    pub servers: Option<Spanned<Vec<Text>>>,
    /// An answer is good for at least this long, whatever its TTL says. 1ms to 24h, default 1s.
    pub ttl_min: Option<Text>,
    /// An answer is good for at most this long. 1ms to 24h and not less than `ttl_min`, default 5m.
    pub ttl_max: Option<Text>,
    /// For the answer of one server. 1ms to 1m, default 2s.
    pub timeout: Option<Text>,
}

impl Shape for Balance {
    const EXPECTED: &'static str =
        "a word like `round_robin` or a mapping like { consistent_hash: { key: client_ip } }";
    const LIST: bool = false;
}
