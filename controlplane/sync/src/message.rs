//! What the two ends say to each other: a node polls, the control plane answers.
//!
//! ```text
//! node:          POST /sync/v1/poll { has, refused, health, usage }          a bearer token says which node it is
//! control plane: { head }           nothing new within the wait: a heartbeat
//!                { head, delta }    what leads from what the node has to the head, or everything
//! ```
//!
//! A poll acknowledges what came before it. Both ends ignore fields they do not know, and what is left out has a value that
//! means nothing; a change that is more than that is a new `PROTOCOL`, and each end speaks that and the one before. Shares
//! of limits are asked for beside it (`shares`): a poll waits, and that must not.

use crate::{
    patch::Patch,
    position::Position,
    usage::{BatchId, UsageBatch},
};
use serde::{Deserialize, Serialize};

/// What is spoken here. Both ends say theirs; the lower one is spoken.
pub const PROTOCOL: u32 = 1;
/// The oldest that is understood.
pub(crate) const PROTOCOL_MIN: u32 = 1;
/// Where polls go.
pub const PATH: &str = "/sync/v1/poll";

/// What a node says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Poll {
    /// What it speaks.
    pub protocol: u32,
    /// Of the program.
    #[serde(default)]
    pub version: String,
    /// What it runs. `None`: nothing of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has: Option<Position>,
    /// What it does not run, though it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// How it is.
    #[serde(default)]
    pub health: Health,
    /// What was used of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageBatch>,
    /// How long it would wait for news, in milliseconds.
    #[serde(default)]
    pub wait_ms: u64,
}

/// Something that a node was sent and does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Where it would have led to.
    pub to: Position,
    /// Why not.
    pub why: String,
}

/// How a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// It takes no new connections any more.
    pub draining: bool,
    /// Its workers.
    pub workers: u32,
    /// Those that do not run yet what they were given.
    pub workers_behind: u32,
    /// Since it has started, in seconds.
    pub uptime_s: u64,
}

/// What the control plane says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// What is spoken.
    pub protocol: u32,
    /// What the newest is. `None`: nothing was compiled yet.
    #[serde(default)]
    pub head: Option<Position>,
    /// What is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<Delta>,
    /// The batch of usage that was added, now or before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<BatchId>,
}

/// From one position to another.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delta {
    /// What it is for. `None`: whatever the node has; the patch is everything there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Position>,
    /// Where it leads to.
    pub to: Position,
    /// What changes.
    pub patch: Patch,
}

impl Delta {
    /// This, and then `next`, which is everything or goes on where this has led to.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        if next.from.is_none() {
            return next;
        }
        let mut patch = self.patch.then(next.patch);
        if self.from.is_none() {
            // Of everything nothing goes.
            patch.removed.clear();
        }
        Self { from: self.from, to: next.to, patch }
    }
}
