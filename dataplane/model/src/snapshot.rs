//! The snapshot: a whole configuration after `resolve`, which is its only constructor.
//!
//! It cannot be wrong. Every slot is in use, every name is unique, every number lies within its bound and
//! every pattern is valid; whoever holds a [`Snapshot`] checks nothing again. The structs are `#[non_exhaustive]`, so
//! that no other crate can build one beside `resolve`.
//!
//! Names, addresses and paths may have come out of a `${env:X}` reference, so no `Debug` here prints them.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    action::{Action, FixedAnswer, Forwarding, Redirect, Share},
    cluster::{Cluster, QuotaStore},
    plan::Plan,
    policies::{Cors, Edit, IpRules, OriginPattern, Policies},
    resilience::{Breaker, Fallback, Shedding},
    status::Status,
    tls::ListenerTls,
    tracing::Tracing,
    tuning::Tuning,
    upstream::{Address, Endpoint, HealthCheck, Probe, Upstream},
};
use tollgate_consumer::Applications;
use tollgate_items::{Items, Named};
use tollgate_pattern::{Condition, HostPattern, IpSet, PathMatch};

/// One resolved configuration.
#[derive(Clone)]
#[non_exhaustive]
pub struct Snapshot {
    /// Counts the configurations a node has taken; the first is 1.
    pub generation: u64,
    /// Sum of the hashes of all items: equal for files that differ in the order of their items only.
    pub digest: u64,
    /// How many workers run, and on which CPUs.
    pub workers: Workers,
    /// What carries the bytes.
    pub io: IoDriver,
    /// Where the node's status is served, `None` for nowhere.
    pub status: Option<Status>,
    /// Where access records go.
    pub access_log: AccessLog,
    /// At least one; their names and, unless the port is 0, their addresses are unique.
    pub listeners: Items<Listener>,
    /// Unique names.
    pub upstreams: Items<Upstream>,
    /// Unique names; no two match the same requests with the same precedence.
    pub routes: Items<Route>,
    /// Unique names.
    pub plans: Items<Plan>,
    /// Unique names and credentials; each plan they name is in use.
    pub applications: Applications,
    /// The peers whose forwarding fields are believed.
    pub trusted_proxies: IpSet,
    /// Which forwarding fields an upstream is sent.
    pub forwarded: Forwarded,
    /// What becomes of the trace context of requests.
    pub tracing: Tracing,
    /// How the names of endpoints are resolved.
    pub dns: Dns,
    /// Which requests a worker refuses that cannot keep up, `None` for none.
    pub shedding: Option<Shedding>,
    /// Where what quotas have counted outlives the node, `None` for nowhere.
    pub quota_store: Option<QuotaStore>,
    /// The store that nodes share.
    pub cluster: Option<Cluster>,
    /// Sizes and counts a peer may not exceed.
    pub limits: Limits,
    /// The node's deadlines. A route's own are in [`Route::timeouts`].
    pub timeouts: Timeouts,
    /// What trades memory, latency and throughput against each other.
    pub tuning: Tuning,
}

/// Which workers run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Workers {
    /// One on each CPU the process may use.
    Auto,
    /// One on each of these CPUs: at least one, no CPU twice.
    Cpus(Vec<usize>),
}

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IoDriver {
    /// io_uring, or epoll where the kernel refuses it.
    Auto,
    /// io_uring or no start.
    IoUring,
    /// epoll.
    Epoll,
}

/// Where access records go.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// Standard output.
    Stdout,
    /// Appended to this file.
    File(LogFile),
}

/// The file of the access log, and those it becomes.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LogFile {
    /// A relative path starts at the working directory.
    pub path: PathBuf,
    /// How records get into it.
    pub writer: LogWriter,
    /// When it is closed and a new one begun.
    pub rotate: Rotate,
    /// Which closed ones stay.
    pub keep: Keep,
}

/// How access records get into their file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogWriter {
    /// Past the page cache, or through it where kernel or file system forbid.
    Auto,
    /// Past the page cache or no start.
    Direct,
    /// Through the page cache.
    Plain,
}

/// When a file of the access log is closed. Neither: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rotate {
    /// Before it would be larger, in bytes; at least 128 KiB.
    pub size: Option<u64>,
    /// At each multiple of this since 1970; at least a minute.
    pub every: Option<Duration>,
}

/// Which closed files of the access log stay: those within all bounds. None: all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Keep {
    /// So many.
    pub files: Option<usize>,
    /// So many bytes together.
    pub bytes: Option<u64>,
    /// For so long since the last record.
    pub age: Option<Duration>,
}

/// An address that takes connections of clients.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Listener {
    /// 1 to 64 letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// Port 0 lets the system choose.
    pub bind: SocketAddr,
    /// TLS, `None` for plain HTTP.
    pub tls: Option<Arc<ListenerTls>>,
}

/// How the names of endpoints are resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Dns {
    /// Asked in this order; empty for those of the system.
    pub servers: Vec<SocketAddr>,
    /// An answer is good for at least this long.
    pub ttl_min: Duration,
    /// An answer is good for at most this long.
    pub ttl_max: Duration,
    /// For the answer of one server.
    pub timeout: Duration,
}

/// Which requests are taken, and what becomes of them.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// 1 to 64 letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// The requests it takes.
    pub matcher: Match,
    /// What becomes of them.
    pub action: Action,
    /// The node's deadlines with what the route overrides.
    pub timeouts: Timeouts,
    /// Those of the node's defaults, of the sets and of the route put together; `None` for none. Routes that say the same
    /// share it.
    pub policies: Option<Arc<Policies>>,
}

/// What a request must have to belong to a route; all of it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Match {
    /// Sorted slots of [`Snapshot::listeners`], empty for all.
    pub listeners: Vec<usize>,
    /// Empty for any host.
    pub hosts: Vec<HostPattern>,
    /// The path, without query.
    pub path: PathMatch,
    /// Sorted, compared exactly as written; empty for any method.
    pub methods: Vec<String>,
    /// Header fields there must be, sorted.
    pub headers: Vec<Condition>,
    /// Query parameters there must be, sorted; names and values are decoded.
    pub query: Vec<Condition>,
    /// Cookies there must be, sorted.
    pub cookies: Vec<Condition>,
}

impl Match {
    /// How many conditions it has besides host and path, the named listeners and the named methods being one each: of two
    /// that fit a request equally well by host and path, the one with more comes first.
    #[must_use]
    pub fn conditions(&self) -> usize {
        let named = usize::from(!self.listeners.is_empty()) + usize::from(!self.methods.is_empty());
        named + self.headers.len() + self.query.len() + self.cookies.len()
    }

    /// How many regular expressions it has.
    pub(crate) fn expressions(&self) -> usize {
        let conditions = self.headers.iter().chain(&self.query).chain(&self.cookies);
        let in_values = conditions.filter(|condition| condition.value.is_expression()).count();
        in_values + usize::from(matches!(self.path, PathMatch::Expression(_)))
    }
}

/// Which forwarding fields an upstream is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forwarded {
    /// None.
    Off,
    /// `X-Forwarded-For`, `-Proto`, `-Host`.
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Standard,
    /// Both of the above.
    Both,
}

/// What a peer may not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request or response head, start line and empty line included.
    pub head_bytes: usize,
    /// Bytes of a request target; at most `head_bytes`.
    pub target_bytes: usize,
    /// Fields of a head.
    pub fields: usize,
    /// Bytes of a request body's content, `None` for any.
    pub body_bytes: Option<u64>,
    /// Client connections open at one time, over all workers of the node.
    pub connections: usize,
    /// Requests after which a client connection is closed, `None` for never.
    pub requests_per_connection: Option<u64>,
}

/// Deadlines; none is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Timeouts {
    /// To open a connection to an endpoint.
    pub connect: Duration,
    /// From the request sent to the first byte of the response.
    pub first_byte: Duration,
    /// Without progress of a body, in either direction.
    pub idle: Duration,
    /// For the whole exchange, `None` for no bound.
    pub request: Option<Duration>,
    /// Without a byte in either direction of an upgraded connection.
    pub tunnel: Duration,
    /// For a client's TLS handshake, from the connection accepted to the session open.
    pub handshake: Duration,
    /// From the first byte of a request head to its last.
    pub head: Duration,
    /// For a client between two requests.
    pub keep_alive: Duration,
    /// For running exchanges once the node is told to stop.
    pub drain: Duration,
    /// To read on after a refusal, so that the client sees the answer and not a reset.
    pub linger: Duration,
}

impl Snapshot {
    /// Whether a node would not notice if it ran the one in place of the other: everything but the generation. The digest
    /// cannot tell, since it does not know what references stand for. Exact when the one was made of the other; else it may
    /// miss that two items are alike. Costs what changed.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let Self {
            generation: _,
            digest,
            workers,
            io,
            status,
            access_log,
            listeners,
            upstreams,
            routes,
            plans,
            // They have no references, so that the digest tells.
            applications: _,
            trusted_proxies,
            forwarded,
            tracing,
            dns,
            shedding,
            quota_store,
            cluster,
            limits,
            timeouts,
            tuning,
        } = self;
        let node = (workers, io, status, access_log, shedding, limits, timeouts, tuning);
        let traffic = (trusted_proxies, forwarded, tracing, dns, quota_store, cluster);
        *digest == other.digest
            && node
                == (
                    &other.workers,
                    &other.io,
                    &other.status,
                    &other.access_log,
                    &other.shedding,
                    &other.limits,
                    &other.timeouts,
                    &other.tuning,
                )
            && traffic
                == (
                    &other.trusted_proxies,
                    &other.forwarded,
                    &other.tracing,
                    &other.dns,
                    &other.quota_store,
                    &other.cluster,
                )
            && listeners.changes(&other.listeners).next().is_none()
            && upstreams.changes(&other.upstreams).next().is_none()
            && routes.changes(&other.routes).next().is_none()
            && plans.changes(&other.plans).next().is_none()
    }
}

macro_rules! named {
    ($($item:ty),+) => { $(
        impl Named for $item {
            fn name(&self) -> &str {
                &self.name
            }
        }
    )+ };
}

named!(Listener, Upstream, Route);

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("generation", &self.generation)
            .field("digest", &format_args!("{:016x}", self.digest))
            .field("listeners", &self.listeners.len())
            .field("upstreams", &self.upstreams.len())
            .field("routes", &self.routes.len())
            .finish_non_exhaustive()
    }
}

/// `Debug` that names the type and none of its values: they may have come from the environment.
macro_rules! debug_without_values {
    ($($name:ty),+) => { $(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+ };
}

debug_without_values!(AccessLog, LogFile, Listener, Upstream, Endpoint, Address, HealthCheck, Probe, Route);
debug_without_values!(Match, Breaker, Fallback);
debug_without_values!(Policies, IpRules, Cors, OriginPattern, Edit);
debug_without_values!(Action, Forwarding, Share, Redirect, FixedAnswer);
