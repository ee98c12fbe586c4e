//! Where counts of limits outlive the node, and what nodes share.
//!
//! Secrets (that of the cluster, passwords in addresses) can be read where they are used and are never shown: no `Debug`
//! prints them and they are no part of the digest.

use std::{
    fmt,
    hash::{Hash, Hasher},
    path::PathBuf,
    time::Duration,
};

/// Where what quotas have counted is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct QuotaStore {
    /// `None`: beside the last good configuration, if one is kept.
    pub path: Option<PathBuf>,
    /// Between two times it is written.
    pub every: Duration,
}

/// The store that nodes share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Cluster {
    /// Where shares are taken from.
    pub store: ClusterStore,
    /// What keys of limits are hashed with.
    pub secret: Secret,
    /// At least 1.
    pub nodes: u64,
    /// For an answer of the store.
    pub timeout: Duration,
    /// Of names of keys.
    pub prefix: String,
}

/// Where nodes take their shares of limits from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClusterStore {
    /// URLs of one Redis; at least one.
    Redis(Vec<Secret>),
    /// The control plane that feeds the node. It decides on no single request.
    ControlPlane,
}

impl Cluster {
    /// Whether the store decides on single requests, as rules of `mode: strict` need it.
    #[must_use]
    pub const fn decides(&self) -> bool {
        matches!(self.store, ClusterStore::Redis(_))
    }
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(crate) Box<str>);

impl Secret {
    /// The text, for who needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Nothing of it: see above.
impl Hash for Secret {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
