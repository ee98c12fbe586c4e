//! The contract between whoever writes a configuration and the data plane that runs it.
//!
//! Text (YAML, and so JSON) -> `raw`, what is written -> `resolve`, the only constructor -> [`Snapshot`], immutable and
//! never wrong. A [`Configuration`] keeps both and takes changes. Every mistake is a [`ConfigError`] with file, line, column, the line itself, a caret and, where there is
//! one, the near miss. Bounds are crate `bounds`. No I/O happens but through a [`Source`], and nothing here runs on a worker
//! except comparisons: [`IpSet::contains`], [`ValueMatch::takes`], [`Expression::is_match`], [`OriginPattern::takes`].

mod action;
mod applications;
mod cluster;
mod configuration;
mod digest;
mod include;
mod patch;
mod plan;
mod policies;
mod resilience;
mod resolve;
mod rule;
mod setting;
mod snapshot;
mod source;
mod status;
mod tls;
mod tracing;
mod tuning;
mod upstream;

pub use action::{Action, FixedAnswer, Forwarding, Redirect, Share};
pub use cluster::{Cluster, ClusterStore, QuotaStore, Secret};
pub use configuration::Configuration;
pub use patch::PatchError;
pub use plan::Plan;
pub use policies::{Cors, CorsHeaders, Edit, IpRules, OriginPattern, Policies, RateLimitFields, RouteLimits};
pub use resilience::{AdaptiveConcurrency, Breaker, Cache, Fallback, Faults, Hedge, Priority, Shedding};
pub use rule::{
    Allowance, Calendar, Cost, Direction, KeyPart, Mode, Override, Period, Rule, RuleId, RuleKind, StoreLost, When,
    Whom,
};
pub use setting::{Item, Kind, Origin, Setting};
pub use snapshot::{
    AccessLog, Dns, Forwarded, IoDriver, Keep, Limits, Listener, LogFile, LogWriter, Match, Rotate, Route, Snapshot,
    Timeouts, Workers,
};
pub use source::{NoSource, Source, SystemSource};
pub use status::{Status, Token};
pub use tls::{ClientAuth, Flaw, Identity, ListenerTls, Pem, ServerName, TlsVersion, UpstreamTls};
pub use tollgate_bounds::{
    ANSWER_BYTES_MAX, ATTEMPTS_MAX, CREDENTIALS_MAX, ENDPOINTS_MAX, FILE_BYTES_MAX, PLAN_RULES_MAX, REVOKED_MAX,
    SCOPE_BYTES_MAX, SCOPES_MAX, SUBSCRIPTIONS_MAX, VALUE_BYTES_MAX,
};
pub use tollgate_document::{ConfigError, ConfigErrors};
pub use tollgate_items::{Change, Entry, Items, Named};
pub use tracing::{TraceAccept, Tracing};
pub use tuning::{FixedTuning, LiveTuning, Tuning};
pub use upstream::{
    Address, Balance, Connections, Endpoint, HashKey, HealthCheck, Outliers, Probe, Retries, RetryOn, Upstream,
};

pub use tollgate_pattern::{
    Captures, Condition, Expression, HOST_BYTES_MAX, HostPattern, IpSet, PATH_BYTES_MAX, PathMatch, PathPattern, Piece,
    SEGMENTS_MAX, Segment, Template, ValueMatch, parameter,
};

pub use tollgate_consumer::{
    ApiKey, Application, Applications, Authorize, Credential, Identify, Jwt, KeySet, KeySource, Keys, Lists, Method,
    Proof, Subscription, Texts, Who, client_proof, key_proof,
};

use tollgate_bounds as limits;
use tollgate_raw as raw;

use std::path::Path;

/// Reads and resolves a file; the snapshot is generation 1.
///
/// # Errors
/// Every mistake that can be told at one time. A file that cannot be read, or whose YAML is broken, is a single one.
pub fn load(file: &Path, source: &dyn Source) -> Result<Snapshot, ConfigErrors> {
    Configuration::load(file, source).map(|configuration| configuration.snapshot().as_ref().clone())
}

/// Resolves a text; `name` stands for it in errors. The snapshot is generation 1.
///
/// # Errors
/// As [`load`].
///
/// ```
/// let text = "version: 1\nlisteners: [ { name: public, bindd: 127.0.0.1:8080 } ]\n";
/// let errors = tollgate_model::parse("gateway.yaml", text, &tollgate_model::NoSource).unwrap_err();
/// assert!(errors.to_string().contains("unknown key `bindd`, did you mean `bind`?"));
/// ```
pub fn parse(name: &str, text: &str, source: &dyn Source) -> Result<Snapshot, ConfigErrors> {
    Configuration::parse(name, text, source).map(|configuration| configuration.snapshot().as_ref().clone())
}
