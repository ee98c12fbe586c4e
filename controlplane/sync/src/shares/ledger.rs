//! What is lent, by cluster and key: pure arithmetic, the same as that of the scripts nodes run in a Redis.
//!
//! A count is the number of units that all nodes were lent in a window, kept until an hour behind its end, since clocks
//! differ. A bucket is when it will be full, by the control plane's own clock; one that is full is forgotten. The number of
//! keys is bounded: a batch that would need more is refused as a whole, and nodes go on as without a store.

use super::{ShareAsk, ShareOf, ShareRequest};
use crate::limits::{ASKS_MAX, CLUSTER_CHARS_MAX, CLUSTERS_MAX, SHARE_KEYS_MAX};
use std::{collections::BTreeMap, fmt};

/// A count is kept for this long behind the end of its window, in seconds.
const KEPT_S: i64 = 3600;
/// What secret a cluster has is forgotten when nobody has asked with it for this long.
const PROBE_US: u64 = 60_000_000;
/// Between two looks for what need not be known any more.
const SWEEP_US: u64 = 60_000_000;
/// The same while there is no room.
const SWEEP_FULL_US: u64 = 1_000_000;

/// When it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// Microseconds that only grow.
    pub(super) us: u64,
    /// Seconds since 1970.
    pub(super) unix_s: i64,
}

/// Why a batch is not answered. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareRefusal {
    /// It has more questions than one may have.
    TooMany(usize),
    /// Something in it cannot be meant: what.
    Malformed(&'static str),
    /// Other nodes of this cluster hash keys otherwise.
    OtherSecret,
    /// There is no room for further keys.
    Full,
}

impl fmt::Display for ShareRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(asks) => write!(f, "{asks} asks in one batch, {ASKS_MAX} are allowed"),
            Self::Malformed(what) => f.write_str(what),
            Self::OtherSecret => f.write_str(
                "other nodes hash keys in another way: is `cluster.secret` the same on all, and their release?",
            ),
            Self::Full => write!(f, "{SHARE_KEYS_MAX} keys are counted already, and there is no room for more"),
        }
    }
}

/// Everything that is lent.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    clusters: BTreeMap<String, Counts>,
    swept_us: u64,
}

/// What is lent to the nodes of one cluster.
#[derive(Debug, Default)]
struct Counts {
    probe: u64,
    /// When somebody asked last.
    asked_us: u64,
    /// By key and end of its window.
    quotas: BTreeMap<(u64, i64), i64>,
    /// When they will be full.
    buckets: BTreeMap<u64, u64>,
}

impl Ledger {
    pub(super) fn answer(&mut self, request: &ShareRequest, now: Now) -> Result<Vec<(i64, i64)>, ShareRefusal> {
        check(request)?;
        if now.us.saturating_sub(self.swept_us) >= SWEEP_US {
            self.sweep(now);
        }
        self.make_room(request, now)?;
        let counts = self.clusters.entry(request.cluster.clone()).or_insert_with(|| Counts::new(request, now));
        if counts.probe != request.probe {
            if now.us.saturating_sub(counts.asked_us) < PROBE_US {
                return Err(ShareRefusal::OtherSecret);
            }
            counts.probe = request.probe;
        }
        counts.asked_us = now.us;
        Ok(request.asks.iter().map(|ask| counts.take(ask, now.us)).collect())
    }

    /// Sees to it that all keys of a batch can be counted.
    fn make_room(&mut self, request: &ShareRequest, now: Now) -> Result<(), ShareRefusal> {
        if self.has_room(request) {
            return Ok(());
        }
        if now.us.saturating_sub(self.swept_us) >= SWEEP_FULL_US {
            self.sweep(now);
        }
        if self.has_room(request) { Ok(()) } else { Err(ShareRefusal::Full) }
    }

    fn has_room(&self, request: &ShareRequest) -> bool {
        let keys: usize = self.clusters.values().map(Counts::len).sum();
        let counts = self.clusters.get(&request.cluster);
        if counts.is_none() && self.clusters.len() >= CLUSTERS_MAX {
            return false;
        }
        let is_new = |ask: &&ShareAsk| counts.is_none_or(|counts| !counts.has(ask));
        // To count them is only worth while near the bound.
        keys + request.asks.len() <= SHARE_KEYS_MAX
            || keys + request.asks.iter().filter(is_new).count() <= SHARE_KEYS_MAX
    }

    /// Forgets windows that are over, buckets that are full, and clusters that nobody asks for.
    fn sweep(&mut self, now: Now) {
        self.swept_us = now.us;
        self.clusters.retain(|_, counts| {
            counts.quotas.retain(|(_, end_s), _| end_s.saturating_add(KEPT_S) > now.unix_s);
            counts.buckets.retain(|_, full_us| *full_us > now.us);
            counts.len() > 0 || now.us.saturating_sub(counts.asked_us) < PROBE_US
        });
    }
}

impl Counts {
    fn new(request: &ShareRequest, now: Now) -> Self {
        Self { probe: request.probe, asked_us: now.us, ..Self::default() }
    }

    fn len(&self) -> usize {
        self.quotas.len() + self.buckets.len()
    }

    fn has(&self, ask: &ShareAsk) -> bool {
        match ask.of {
            ShareOf::Quota { end_s, .. } => self.quotas.contains_key(&(ask.key, end_s)),
            ShareOf::Bucket { .. } => self.buckets.contains_key(&ask.key),
        }
    }

    /// What is given and what is left.
    fn take(&mut self, ask: &ShareAsk, now_us: u64) -> (i64, i64) {
        match ask.of {
            ShareOf::Quota { limit, end_s, debit } => {
                let (id, limit) = ((ask.key, end_s), i64::try_from(limit).unwrap_or(i64::MAX));
                let lent = self.quotas.get(&id).copied().unwrap_or(0);
                let is_free = debit || ask.units < 0;
                let given = if is_free { ask.units } else { ask.units.min(limit.saturating_sub(lent)).max(0) };
                let lent = lent.saturating_add(given);
                if given != 0 {
                    self.quotas.insert(id, lent);
                }
                (given, limit.saturating_sub(lent))
            }
            ShareOf::Bucket { unit_us, fill_us, spare, drained_us } => {
                let full_us = self.buckets.get(&ask.key).map_or(now_us, |full_us| now_us.max(*full_us));
                let missing_us = full_us - now_us;
                let is_drained = missing_us >= drained_us;
                let most = if is_drained { i64::MAX } else { i64::try_from(spare).unwrap_or(i64::MAX) };
                // What is too large for an integer is its largest.
                let room = ((fill_us - missing_us as f64) / unit_us).floor().max(0.0) as i64;
                let given = ask.units.min(most).min(room);
                if given > 0 {
                    self.buckets.insert(ask.key, full_us.saturating_add((given as f64 * unit_us).ceil() as u64));
                }
                (given, room.saturating_sub(given))
            }
        }
    }
}

fn check(request: &ShareRequest) -> Result<(), ShareRefusal> {
    if request.asks.len() > ASKS_MAX {
        return Err(ShareRefusal::TooMany(request.asks.len()));
    }
    if request.cluster.chars().nth(CLUSTER_CHARS_MAX).is_some() {
        return Err(ShareRefusal::Malformed("the name of the cluster is too long"));
    }
    let is_sound = |ask: &ShareAsk| match ask.of {
        ShareOf::Quota { .. } => true,
        ShareOf::Bucket { unit_us, fill_us, .. } => {
            unit_us.is_finite() && unit_us > 0.0 && fill_us.is_finite() && fill_us >= 0.0
        }
    };
    let is_sound = request.asks.iter().all(is_sound);
    if is_sound { Ok(()) } else { Err(ShareRefusal::Malformed("a unit of a bucket takes no time that there is")) }
}

#[cfg(test)]
mod tests;
