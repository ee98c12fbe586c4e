//! What the routes of a configuration share: the requests they match, the upstreams they use, and with plans the bound on
//! expressions.
//!
//! Kept from change to change, so that a patch is judged against all other routes at the cost of those it names. Two sets
//! of pairs in which the routes of one place, or of one upstream, stand side by side.

use std::hash::{Hash as _, Hasher as _};

use crate::{
    digest::Content,
    snapshot::{Match, Route},
};
use tollgate_items::Items;
use tollgate_pattern::HostPattern;

/// The index over all routes, by their slots.
#[derive(Clone, Default)]
pub(super) struct Index {
    /// What gives a route its precedence (a host or any, and the shape of its path) as a hash, and the route.
    places: imbl::OrdSet<(u64, u32)>,
    /// Upstream and route.
    users: imbl::OrdSet<(u32, u32)>,
    /// Regular expressions of all routes and plans.
    pub(super) expressions: usize,
}

impl Index {
    /// Adds the route in a slot.
    pub(super) fn add(&mut self, slot: u32, route: &Route) {
        for place in places(&route.matcher) {
            self.places.insert((place, slot));
        }
        for upstream in route.action.upstreams() {
            self.users.insert((upstream as u32, slot));
        }
        self.expressions += expressions(route);
    }

    /// Takes the route in a slot out.
    pub(super) fn remove(&mut self, slot: u32, route: &Route) {
        for place in places(&route.matcher) {
            self.places.remove(&(place, slot));
        }
        for upstream in route.action.upstreams() {
            self.users.remove(&(upstream as u32, slot));
        }
        self.expressions -= expressions(route);
    }

    /// The routes that use an upstream.
    pub(super) fn users(&self, upstream: u32) -> impl Iterator<Item = u32> {
        self.users.range((upstream, 0)..=(upstream, u32::MAX)).map(|&(_, route)| route)
    }

    /// The first route in `routes` that matches the same requests with the same precedence.
    ///
    /// Two routes of the same host and the same shape of path may stand side by side when something else tells them
    /// apart: other listeners, methods, header fields, query parameters or cookies. One that names them and one that does
    /// not are told apart too, since the first then comes first.
    pub(super) fn overlapping(&self, matcher: &Match, routes: &Items<Route>) -> Option<u32> {
        let candidates = places(matcher).flat_map(|place| self.places.range((place, 0)..=(place, u32::MAX)));
        let overlaps = |&slot: &u32| routes.get(slot).is_some_and(|other| overlap(&other.matcher, matcher));
        candidates.map(|&(_, slot)| slot).find(overlaps)
    }
}

/// The regular expressions that are a route's own.
fn expressions(route: &Route) -> usize {
    route.matcher.expressions() + route.policies.as_ref().map_or(0, |policies| policies.expressions)
}

/// The places of a route: one for each host.
fn places(matcher: &Match) -> impl Iterator<Item = u64> {
    let shape = matcher.path.shape();
    let any = matcher.hosts.is_empty().then_some(None);
    matcher.hosts.iter().map(Some).chain(any).map(move |host: Option<&HostPattern>| {
        let mut content = Content::default();
        (host, &shape).hash(&mut content);
        content.finish()
    })
}

fn overlap(one: &Match, other: &Match) -> bool {
    meet(&one.hosts, &other.hosts)
        && meet(&one.listeners, &other.listeners)
        && meet(&one.methods, &other.methods)
        && one.headers == other.headers
        && one.query == other.query
        && one.cookies == other.cookies
        // Last, since it allocates.
        && one.path.shape() == other.path.shape()
}

/// Whether two lists, of which an empty one stands for anything, have the same precedence and something in common.
fn meet<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    (one.is_empty() && other.is_empty()) || one.iter().any(|entry| other.contains(entry))
}
