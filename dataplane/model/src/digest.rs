//! The digest of a snapshot: what tells two configurations apart.
//!
//! Each listener, upstream and route is an item, all settings together are one. An item's hash is FNV-1a (64 bits) over its
//! kind and its resolved content, fed by `derive(Hash)` so that no field can be forgotten, then mixed by the finalizer of
//! SplitMix64; the digest is their wrapping sum. The sum makes files equal that differ in order only, and lets a change of
//! one item be a subtraction and an addition. The finalizer is needed: without it two items that swap their last bytes often
//! have the same sum. Not made against someone who looks for collisions.
//!
//! **Secrets.** The digest is shown to everyone who may ask a node for its status, and whoever knows the rest of a
//! configuration could try short values until the digest fits. So what a reference stands for is never in it: the hash of
//! an item with a `${env:X}` is taken of its canonical text, in which the reference is still a reference, and so is that of
//! every route when the settings it inherits have one. Two nodes with different environments have the same digest then.

use std::hash::{Hash, Hasher};

use crate::{
    action::{Action, Forwarding, Share},
    snapshot::{Match, Route, Snapshot},
};
use tollgate_items::{Items, Named};

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// A hasher whose result is the same in each process and on each machine.
pub(crate) struct Content(u64);

impl Default for Content {
    fn default() -> Self {
        Self(FNV_OFFSET)
    }
}

impl Hasher for Content {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    }

    // Numbers have one width and one order of bytes on every machine.

    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    fn write_u128(&mut self, number: u128) {
        self.write(&number.to_le_bytes());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    /// The finalizer of SplitMix64.
    fn finish(&self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }
}

/// The hash of an item that is the same whatever else a configuration has.
pub(crate) fn item(kind: &str, content: &impl Hash) -> u64 {
    let mut hasher = Content::default();
    (kind, content).hash(&mut hasher);
    hasher.finish()
}

/// The hash of an item that has a reference: `text` is canonical.
pub(crate) fn written(kind: &str, text: &str) -> u64 {
    item(kind, &("as written", text))
}

/// The hash of a route: listeners and upstreams by name, since their slots are not the same everywhere. The patterns name
/// every field, so that a new one does not build until it is here.
pub(crate) fn route(route: &Route, snapshot: &Snapshot) -> u64 {
    let Route { name, matcher, action, timeouts, policies } = route;
    // Taken once for all routes that share them.
    let policies = policies.as_ref().map(|policies| policies.hash);
    let Match { listeners, hosts, path, methods, headers, query, cookies } = matcher;
    let mut named: Vec<&str> = listeners.iter().map(|&slot| name_of(&snapshot.listeners, slot)).collect();
    named.sort_unstable();
    let matched = (named, hosts, path, methods, headers, query, cookies);
    item("route", &(name, matched, action_hash(action, snapshot), timeouts, policies))
}

fn action_hash(action: &Action, snapshot: &Snapshot) -> u64 {
    match action {
        Action::Forward(Forwarding { shares, rewrite }) => {
            let share = |&Share { upstream, weight }: &Share| (name_of(&snapshot.upstreams, upstream), weight);
            item("forward", &(shares.iter().map(share).collect::<Vec<_>>(), rewrite))
        }
        Action::Redirect(redirect) => item("redirect", redirect),
        Action::Answer(answer) => item("answer", answer),
    }
}

fn name_of<T: Named>(items: &Items<T>, slot: usize) -> &str {
    u32::try_from(slot).ok().and_then(|slot| items.get(slot)).map_or("", |item| item.name())
}

/// The hash of all that is no item. As with a route, every field is named.
pub(crate) fn settings(snapshot: &Snapshot) -> u64 {
    let Snapshot {
        generation: _,
        digest: _,
        listeners: _,
        upstreams: _,
        routes: _,
        plans: _,
        applications: _,
        workers,
        io,
        status,
        access_log,
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
    } = snapshot;
    let traffic = (trusted_proxies, forwarded, tracing, dns, shedding, limits, timeouts);
    item("settings", &(workers, io, status, access_log, traffic, quota_store, cluster, tuning))
}
