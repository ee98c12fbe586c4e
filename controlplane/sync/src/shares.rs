//! Shares of limits that the control plane lends to nodes: what is asked, what is answered, and the counts behind it.
//!
//! ```text
//! node:          POST /sync/v1/shares { cluster, probe, asks }   a bearer token says that it is a node
//! control plane: { answers }                                     what is given and what is left, for each ask
//! the gateway of the control plane's own process -> Shares::answer, without HTTP
//! ```
//!
//! A batch is answered at once and as a whole, or refused before it has changed anything. Counts are in memory only: after
//! a start of the control plane they begin anew. The arithmetic is `ledger`'s.

mod ledger;
mod lender;

pub use ledger::ShareRefusal;
pub use lender::ShareClient;

use ledger::{Ledger, Now};
use serde::{Deserialize, Serialize};
use std::{
    sync::{Mutex, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// Where nodes ask for shares.
pub const SHARES_PATH: &str = "/sync/v1/shares";

/// What a node asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShareRequest {
    /// What it speaks.
    pub protocol: u32,
    /// What tells clusters apart that are fed by one control plane.
    pub cluster: String,
    /// The same on all nodes of the cluster that hash keys alike.
    pub probe: u64,
    /// At most 512. None, to hear whether the control plane is there.
    #[serde(default)]
    pub asks: Vec<ShareAsk>,
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShareAsk {
    /// The hash of a rule and the values of its key.
    pub key: u64,
    /// How much. Below 0: that many come back.
    pub units: i64,
    /// What of.
    pub of: ShareOf,
}

/// What units are asked of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareOf {
    /// A count in a window.
    Quota {
        /// Units in the window.
        limit: u64,
        /// The end of the window, in seconds since 1970.
        end_s: i64,
        /// Whether the units are lent already: they are noted whatever the limit.
        #[serde(default)]
        debit: bool,
    },
    /// A bucket.
    Bucket {
        /// Microseconds in which a unit comes back; above 0.
        unit_us: f64,
        /// Microseconds in which it fills.
        fill_us: f64,
        /// Units that are given however full it is, if it has them.
        spare: u64,
        /// More only where it takes this many microseconds to be full.
        drained_us: u64,
    },
}

/// What a node is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareAnswer {
    /// What is spoken.
    pub protocol: u32,
    /// What is given and what is left, for each question in its order.
    pub answers: Vec<(i64, i64)>,
}

/// What is lent to all nodes together.
#[derive(Debug)]
pub struct Shares {
    ledger: Mutex<Ledger>,
    /// Where time of buckets begins: no step of the wall clock makes one full.
    since: Instant,
}

impl Default for Shares {
    fn default() -> Self {
        Self { ledger: Mutex::default(), since: Instant::now() }
    }
}

impl Shares {
    /// Answers a batch, all of it in one step.
    ///
    /// # Errors
    /// Nothing has changed: why.
    pub fn answer(&self, request: &ShareRequest) -> Result<Vec<(i64, i64)>, ShareRefusal> {
        let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed());
        let us = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        // Nothing in between can panic.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).answer(request, Now { us, unix_s })
    }
}
