//! What nodes run, for whoever asks: told by whoever feeds them, which is not this crate's business.

use serde::Serialize;
use std::{collections::BTreeMap, fmt::Debug};

/// Knows what nodes run.
pub trait Fleet: Debug + Send + Sync {
    /// What is known of each node that was seen since the control plane has started, by name. `local` is the gateway of this
    /// process, if there is one.
    fn reports(&self) -> BTreeMap<String, NodeReport>;
}

/// Name of the gateway of the control plane's own process. No other node has it.
pub const LOCAL: &str = "local";

/// How a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It runs everything.
    Current,
    /// It lacks something, and will get it.
    Behind,
    /// It was sent something that it does not run.
    Refused,
    /// It does not ask any more.
    Away,
    /// It has not asked since the control plane has started.
    #[default]
    Unseen,
}

/// What is known of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NodeReport {
    /// How it is.
    pub state: NodeState,
    /// What its program is.
    pub version: Option<String>,
    /// The change of the store that led to what it runs.
    pub generation: Option<u64>,
    /// What it runs comes to this.
    pub digest: Option<String>,
    /// How many changes of the store it is behind.
    pub behind_generations: Option<u64>,
    /// Seconds since the first change was compiled that it lacks.
    pub behind_s: Option<u64>,
    /// When it asked last, in Unix seconds.
    pub last_seen_s: Option<u64>,
    /// Why it has refused what it was sent last.
    pub refused: Option<String>,
    /// The change of the store that led to what it has refused.
    #[serde(skip)]
    pub refused_at: Option<u64>,
    /// Whether it is on its way down.
    pub draining: bool,
    /// Its workers.
    pub workers: u32,
    /// Its workers that do not run yet what they were given.
    pub workers_behind: u32,
    /// Seconds since it has started.
    pub uptime_s: Option<u64>,
    /// Up to which change of the store it runs everything.
    #[serde(skip)]
    pub covers: Option<u64>,
}
