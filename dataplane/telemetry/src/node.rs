//! What a scrape shows besides what workers count: the process, queues, endpoints and certificates, as they are at that
//! moment.
//!
//! Plain data, looked up by whoever serves the scrape and given to [`crate::Registry::render`], so that this crate reads no
//! file and knows nothing of health checks or TLS. Lists may be of any length: the scrape keeps the bounds of
//! [`crate::limits`].

/// The node at the moment of a scrape. What is empty or `None` is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFigures {
    /// Whether the node would say that it is ready.
    pub is_ready: bool,
    /// The process, where the system tells.
    pub process: Option<ProcessFigures>,
    /// Messages that wait for a worker, by worker.
    pub mailboxes: Vec<usize>,
    /// Every endpoint of the snapshot.
    pub endpoints: Vec<EndpointFigures>,
    /// Every rule there is, or was and still has requests.
    pub rules: Vec<RuleFigures>,
    /// Every upstream of the snapshot that has a breaker or an adaptive limit.
    pub guards: Vec<GuardFigures>,
    /// The file that quotas are kept in.
    pub quota_store: Option<QuotaStoreFigures>,
    /// The store that nodes share.
    pub cluster: Option<ClusterFigures>,
    /// Every certificate that a listener serves.
    pub certificates: Vec<CertificateFigures>,
    /// Keys of issuers that are fetched.
    pub keys: Vec<KeyFigures>,
}

/// The file that quotas are kept in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaStoreFigures {
    /// Rounds that were written.
    pub writes: u64,
    /// Rounds that failed.
    pub errors: u64,
    /// When the last was written, in seconds since 1970; 0 for never.
    pub written_s: i64,
}

/// The store that nodes share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterFigures {
    /// Whether it answers.
    pub is_up: bool,
    /// Times it was lost.
    pub losses: u64,
    /// Units it lent.
    pub lent: u64,
    /// Units the node lent itself.
    pub lent_alone: u64,
    /// Requests that it was to decide on, by what became of that: answered, late, lost, full.
    pub questions: [u64; 4],
    /// Admissions without it that it will not be told of.
    pub debits_dropped: u64,
    /// Times a worker wanted units of the store and too many such wishes waited.
    pub wants_dropped: u64,
}

/// What the process takes of the machine, under the names that Prometheus' own clients use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessFigures {
    /// Time on a CPU since the start, user and system, in milliseconds.
    pub cpu_ms: u64,
    /// When it was started, in milliseconds since 1970.
    pub started_ms: u64,
    /// Memory in RAM, in bytes.
    pub resident_bytes: u64,
    /// Address space, in bytes.
    pub virtual_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// The soft limit of open file descriptors.
    pub max_fds: u64,
}

/// What decides on the requests to one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardFigures {
    /// Name of the upstream.
    pub upstream: String,
    /// Its breaker, if it has one.
    pub breaker: Option<BreakerFigures>,
    /// How many requests may be in progress, if that follows its response times.
    pub concurrency_limit: Option<u64>,
}

/// A breaker. Arrays are in the order closed, open, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerFigures {
    /// Which state it is in.
    pub state: usize,
    /// How often it has entered each.
    pub entered: [u64; 3],
}

/// One endpoint of one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointFigures {
    /// Name of the upstream.
    pub upstream: String,
    /// Its address, as access records show it.
    pub endpoint: String,
    /// Whether it may be chosen.
    pub state: EndpointState,
    /// Exchanges in progress with it, over all workers, if they are counted.
    pub active_requests: Option<u64>,
}

/// Whether an endpoint may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointState {
    /// It may.
    Healthy,
    /// Its health check fails.
    Unhealthy,
    /// It failed requests, and is left alone for a while.
    Ejected,
}

impl EndpointState {
    /// Every state, in the order of their discriminants.
    pub(crate) const ALL: [Self; 3] = [Self::Healthy, Self::Unhealthy, Self::Ejected];

    /// The label's text.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Ejected => "ejected",
        }
    }
}

/// What is kept for one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFigures {
    /// Where it is written, its policy and its name.
    pub labels: [String; 3],
    /// Decisions on keys for which there was no room.
    pub overflows: u64,
    /// Keys that something is counted of; `None` for a rule that is not shown.
    pub keys: Option<u64>,
    /// Memory, in bytes.
    pub table_bytes: u64,
}

/// One certificate of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFigures {
    /// Name of the listener.
    pub listener: String,
    /// The first name the certificate is valid for.
    pub name: String,
    /// The kind of its key. No other certificate of the listener has the same name and kind.
    pub key: &'static str,
    /// When it ends, in seconds since 1970.
    pub not_after_s: u64,
}

/// Keys of an issuer that are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFigures {
    /// Where they are.
    pub url: String,
    /// When they were fetched last, in seconds since 1970; 0 for never.
    pub fetched_s: u64,
    /// How often they could not be.
    pub failures: u64,
}
