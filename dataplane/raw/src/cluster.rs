//! `quota_store` and `cluster` as written: where counts of limits outlive the node, and what nodes share.
//!
//! The comments are the reference manual, as in the rest of `raw`; `resolve/cluster.rs` judges the values.

use serde::{Deserialize, Serialize};

use super::{Shape, Spanned, Text};

/// `quota_store`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaStore {
    /// The file that what quotas have counted is kept in; a relative path starts at the working directory. Left out: beside
    /// the last good configuration, if one is kept (`--last-good`), with `.quotas` at its end; else nowhere.
    pub path: Option<Text>,
    /// How often what has changed is written: what a crash may forget. 100ms to 1h, default 1s.
    pub every: Option<Text>,
}

impl Shape for QuotaStore {
    const EXPECTED: &'static str = "`off` or a mapping like `{ path: state/quotas }`";
    const LIST: bool = false;
}

/// `cluster`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Addresses of the one Redis or Valkey the nodes share, the first that can be written to is used:
    /// `redis://[user:password@]host[:port][/database]`, `rediss://` with TLS, `unix:///path`. 1 to 8; one with a password
    /// is not written here but referred to. Either this or `control_plane`.
    pub redis: Option<Spanned<Vec<Text>>>,
    /// Whether shares are taken from the control plane that feeds this node, without a Redis; for rules of `mode: leased`.
    /// `true`, `false`; default `false`.
    pub control_plane: Option<Text>,
    /// The same on all nodes and known to nobody else: keys of limits are hashed with it. 16 to 256 visible ASCII
    /// characters, which are referred to: `${file:/run/secrets/cluster}` or `${env:SECRET}`. Required.
    pub secret: Option<Text>,
    /// How many nodes there are: while the store is away each admits its part of a limit. 1 to 1000. Required.
    pub nodes: Option<Text>,
    /// For an answer of the store; after that the node admits its part of each limit. 1ms to 10s, default 100ms.
    pub timeout: Option<Text>,
    /// What names of keys in the store begin with. 1 to 64 letters, digits, `.`, `_`, `-`; default `tollgate`.
    pub prefix: Option<Text>,
}
