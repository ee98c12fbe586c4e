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

use crate::{
    action::{Action, Forwarding, Share},
    snapshot::{Match, Route, Snapshot},
};
pub(crate) use tollgate_items::{Content, hash_of as item, hash_of_text as written};
use tollgate_items::{Items, Named};

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
