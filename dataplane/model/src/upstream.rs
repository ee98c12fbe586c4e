//! An upstream after `resolve`: its endpoints, how one is chosen, what becomes of those that fail, and its connections.
//!
//! Part of the snapshot and as immutable: what changes while the node runs (health, counts, the addresses of a name) is
//! the state crate `balance` keeps beside it. Every number lies within the bound that `limits` names.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    resilience::{AdaptiveConcurrency, Breaker, Hedge},
    rule::Allowance,
    tls::UpstreamTls,
};

/// A group of endpoints that serve the same thing.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Upstream {
    /// 1 to 64 letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// At least one, no address twice, not all of them backups.
    pub endpoints: Vec<Endpoint>,
    /// How one of them is chosen.
    pub balance: Balance,
    /// Time in which an endpoint that is new or back gets from a tenth of its share to the whole, `None` for at once.
    pub slow_start: Option<Duration>,
    /// Requests or connections that ask whether an endpoint is well, `None` for none.
    pub health: Option<HealthCheck>,
    /// When an endpoint is left alone for what exchanges with it were like, `None` for never.
    pub outliers: Option<Outliers>,
    /// When the whole of it is left alone for what requests to it were like, `None` for never.
    pub breaker: Option<Breaker>,
    /// Requests in progress, `None` for any number.
    pub adaptive_concurrency: Option<AdaptiveConcurrency>,
    /// Requests it is sent, retries and hedges among them, `None` for any number.
    pub throughput: Option<Allowance>,
    /// When a request is sent to a second endpoint too, `None` for never.
    pub hedge: Option<Hedge>,
    /// What is tried again.
    pub retries: Retries,
    /// The connections to an endpoint.
    pub connections: Connections,
    /// TLS to its endpoints, `None` for plain HTTP.
    pub tls: Option<Arc<UpstreamTls>>,
}

/// One address of an upstream, or the name that stands for several.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// 1 to 1000; its share is its weight over the sum of weights. Each address of a name has it.
    pub weight: u32,
    /// Whether it is used only while no endpoint that is none is available.
    pub backup: bool,
}

/// Where an endpoint is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// The port is never 0.
    Socket(SocketAddr),
    /// A socket in the file system; absolute.
    Unix(PathBuf),
    /// Resolved while the node runs, again and again.
    Name {
        /// In lower case, without a final dot.
        host: String,
        /// Never 0.
        port: u16,
    },
}

impl fmt::Display for Address {
    /// As it is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// How an endpoint is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Balance {
    /// In turn, by weight.
    RoundRobin,
    /// The one with the fewest requests in progress per weight.
    LeastRequests,
    /// Of two drawn by weight, the one with fewer requests in progress.
    PowerOfTwo,
    /// The same one for the same key, as long as it is available.
    ConsistentHash {
        /// What is hashed.
        key: HashKey,
        /// Requests in progress, in percent of the average per weight, above which an endpoint is passed over.
        load_max: Option<u32>,
    },
}

/// What decides on the endpoint. A request without it is spread at random.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HashKey {
    /// The value of this header field, in lower case.
    Header(String),
    /// The value of this cookie.
    Cookie(String),
    /// The client's address.
    ClientIp,
    /// The path, without query.
    Path,
}

/// How an endpoint is asked whether it is well.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// From one check to the next.
    pub interval: Duration,
    /// For one check.
    pub timeout: Duration,
    /// Checks in a row that must succeed until an endpoint is available again.
    pub healthy: u32,
    /// Checks in a row that must fail until it no longer is.
    pub unhealthy: u32,
}

/// What a check asks.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Probe {
    /// Whether it accepts a connection, and the session in it if it is spoken to in TLS.
    Tcp,
    /// Whether it answers a GET.
    Http {
        /// The request target.
        path: String,
        /// The Host field, `None` for the name that its certificate must have, or else its address.
        host: Option<String>,
        /// First and last status that is well; at least one pair.
        status: Vec<(u16, u16)>,
    },
}

/// When exchanges with an endpoint take it out for a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Outliers {
    /// Failures in a row, `None` for any number.
    pub consecutive: Option<u32>,
    /// Failures in percent of the exchanges of a window, `None` for any share.
    pub failures: Option<u32>,
    /// Exchanges a window must have for its share to count.
    pub requests_min: u32,
    /// Length of a window.
    pub window: Duration,
    /// How long the first time; each time after it twice as long.
    pub ejection: Duration,
    /// How long at most.
    pub ejection_max: Duration,
    /// Endpoints out at one time, in percent of all; one is always allowed, and never the last that is available.
    pub ejected_max: u32,
}

/// What is tried again after it failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Retries {
    /// Tries in all; 1 for no retry.
    pub attempts: u32,
    /// Which failures.
    pub on: RetryOn,
    /// Retries in progress, in percent of the requests in progress, per worker.
    pub budget: u32,
    /// Retries in progress that are allowed however few requests there are, per worker.
    pub budget_min: u32,
    /// Longest wait before the first retry at an endpoint that was tried already; doubled for each after it.
    pub backoff: Duration,
    /// Longest wait.
    pub backoff_max: Duration,
}

/// Which failures are tried again. All but `connect` only for a method that may be repeated, and no body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RetryOn {
    /// The connection could not be opened: nothing was sent, so any method may go elsewhere.
    pub connect: bool,
    /// The connection ended before the response began.
    pub closed: bool,
    /// The response did not begin in time.
    pub timeout: bool,
    /// Answered 502.
    pub bad_gateway: bool,
    /// Answered 503.
    pub unavailable: bool,
    /// Answered 504.
    pub gateway_timeout: bool,
}

/// The connections to an endpoint, per worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Connections {
    /// 0 closes every connection after its exchange.
    pub idle_max: usize,
    /// A connection unused for this long is closed.
    pub idle_timeout: Duration,
    /// A connection older than this is not used again, `None` for any age.
    pub age_max: Option<Duration>,
    /// Open at one time, `None` for any number.
    pub max: Option<usize>,
    /// Exchanges after which a connection is closed, `None` for any number.
    pub requests_max: Option<u64>,
}
