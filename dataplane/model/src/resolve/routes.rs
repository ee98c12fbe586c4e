//! `routes`: what they match, what they do, and no two that would take the same requests.
//!
//! Part of `resolve`, after listeners and upstreams, whose names they refer to. A route with a mistake is left out and
//! reported. Only the routes that a change names are resolved, unless something changed that all inherit. The tables that
//! requests are looked up in are built elsewhere (crate `route`).

use super::{
    Change, Inherited, actions,
    index::Index,
    matches,
    names::{Defined, Names, Removal},
    node,
    policies::{Owner, Shared},
    report::Report,
    state::{Kept, State, has_reference},
};
use crate::{
    digest, limits,
    raw::{self, Location, Spanned},
    snapshot::Route,
};

/// What of a change concerns the routes besides themselves.
pub(super) struct Around {
    /// Listeners and upstreams that go.
    pub(super) listeners: Vec<Removal>,
    pub(super) upstreams: Vec<Removal>,
    /// Whether what routes inherit is another than before.
    pub(super) all: bool,
}

/// Brings the routes of a change into `state`.
pub(super) fn apply(report: &mut Report<'_>, state: &mut State, change: &Change, around: &Around) {
    let mut defined = Defined::new("route");
    let names: Vec<Option<String>> =
        change.routes.iter().map(|raw| defined.define(report, raw.referenced, raw.value.name.as_ref())).collect();
    let routes = &state.snapshot.routes;
    let removals = match change.is_whole {
        true => defined.left_out(routes),
        false => defined.removed(report, routes, &change.removed.routes),
    };
    let inheriting = if around.all && !change.is_whole { inheriting(state, &defined, &removals) } else { Vec::new() };
    unindex(state, change.is_whole, &names, &removals);
    state.routes(change.is_whole, None).remove(&removals);
    if !change.is_whole {
        refuse_loose_ends(report, state, around, &defined);
    }
    let (mut last, mut shared) = (None, Shared::default());
    for (raw, name) in change.routes.iter().zip(names) {
        let route = route(report, state, raw, name, &mut shared);
        if let Some(route) = route {
            let text = raw.value.to_canonical().into_boxed_str();
            last = put(report, state, route, (text, raw), (change.is_whole, last));
        }
    }
    for slot in inheriting {
        again(report, state, slot, &mut shared);
    }
}

/// The slots of the routes that a change does not name.
fn inheriting(state: &State, defined: &Defined, removals: &[Removal]) -> Vec<u32> {
    let gone: ahash::AHashSet<u32> = removals.iter().map(|removal| removal.slot).collect();
    let stays = |&(slot, entry): &(u32, &crate::Entry<Route>)| !gone.contains(&slot) && !defined.has(&entry.item.name);
    state.snapshot.routes.entries().filter(stays).map(|(slot, _)| slot).collect()
}

/// Takes the routes that will be put in anew, or go, out of the index.
fn unindex(state: &mut State, is_whole: bool, names: &[Option<String>], removals: &[Removal]) {
    if is_whole {
        state.index = Index::default();
        return;
    }
    let routes = &state.snapshot.routes;
    let changed = names.iter().flatten().filter_map(|name| routes.slot(name));
    let removed = removals.iter().map(|removal| removal.slot);
    for slot in changed.chain(removed) {
        if let Some(route) = routes.get(slot) {
            state.index.remove(slot, route);
        }
    }
}

/// Refuses to take away what a route still needs that the change leaves as it is.
fn refuse_loose_ends(report: &mut Report<'_>, state: &State, around: &Around, defined: &Defined) {
    for removal in &around.upstreams {
        let users: Vec<u32> = state.index.users(removal.slot).collect();
        refuse_removal(report, state, "upstream", removal, &users);
    }
    for removal in &around.listeners {
        let slot = removal.slot as usize;
        let uses = |route: &Route| route.matcher.listeners.contains(&slot) && !defined.has(&route.name);
        let entries = state.snapshot.routes.entries();
        let users: Vec<u32> = entries.filter(|(_, entry)| uses(&entry.item)).map(|(slot, _)| slot).collect();
        refuse_removal(report, state, "listener", removal, &users);
    }
}

fn refuse_removal(report: &mut Report<'_>, state: &State, kind: &str, removal: &Removal, users: &[u32]) {
    let Some((&first, rest)) = users.split_first() else { return };
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    let first = state.written.routes.name(first);
    let message = format!("{kind} `{}` is used by route `{first}`{more}", removal.written);
    report.error(removal.place, message, Some("change or remove what uses it in the same patch".to_owned()));
}

/// Resolves one route. All of it is judged even when a part is wrong.
fn route(
    report: &mut Report<'_>,
    state: &State,
    raw: &Spanned<raw::Route>,
    name: Option<String>,
    shared: &mut Shared,
) -> Option<Route> {
    let inherited = Inherited::of(state);
    let listeners = Names { kind: "listener", items: &state.snapshot.listeners };
    let upstreams = Names { kind: "upstream", items: &state.snapshot.upstreams };
    let matcher = matches::matcher(report, raw, &listeners);
    let action = actions::action(report, raw, matcher.as_ref().map(|matcher| &matcher.path), &upstreams);
    let timeouts = node::route_timeouts(report, &raw.value.timeouts, inherited.timeouts);
    let owner = Owner::Route(name.as_deref().unwrap_or_default(), matcher.as_ref().map(|matcher| &matcher.path));
    let policies = inherited.layers.of_route(report, raw.value.policies.as_ref(), owner, shared);
    Some(Route { name: name?, matcher: matcher?, action: action?, timeouts, policies })
}

/// Whether the change is a whole file, and of that the place of the route before.
type Order = (bool, Option<u64>);

/// Puts a route in and tells if another takes its requests. Gives its place in the order.
fn put(
    report: &mut Report<'_>,
    state: &mut State,
    route: Route,
    (text, raw): (Box<str>, &Spanned<raw::Route>),
    order: Order,
) -> Option<u64> {
    if let Some(other) = state.index.overlapping(&route.matcher, &state.snapshot.routes) {
        tell(report, state, other, &route, raw);
    }
    let (slot, last) = keep(state, route, text, raw.referenced, order);
    let Some(route) = state.snapshot.routes.get(slot) else { return last };
    let had_room = state.index.expressions <= limits::EXPRESSIONS_MAX;
    state.index.add(slot, route);
    if had_room && state.index.expressions > limits::EXPRESSIONS_MAX {
        let message = format!("a file has at most {} regular expressions", limits::EXPRESSIONS_MAX);
        report.error(raw.referenced, message, None);
    }
    last
}

/// Puts a route in beside its text. Gives its slot and its place in the order.
fn keep(state: &mut State, route: Route, text: Box<str>, place: Location, order: Order) -> (u32, Option<u64>) {
    let refers = has_reference(&text) || state.written.settings_refer;
    let hash = if refers { digest::written("route", &text) } else { digest::route(&route, &state.snapshot) };
    let mut pair = state.routes(order.0, order.1);
    let slot = pair.put(route, Kept { text, place, hash });
    (slot, pair.last)
}

/// Resolves a route that did not change itself. It is in the index, and most often stays there as it is.
fn again(report: &mut Report<'_>, state: &mut State, slot: u32, shared: &mut Shared) {
    let (Some(kept), Some(old)) = (state.written.routes.get(slot).cloned(), state.snapshot.routes.get(slot).cloned())
    else {
        return;
    };
    report.fallback = kept.place;
    let raw = Spanned { value: raw::Route::of_canonical(&kept.text), referenced: kept.place };
    if let Some(route) = route(report, state, &raw, Some(old.name.clone()), shared) {
        if route.matcher == old.matcher && route.action == old.action {
            keep(state, route, kept.text.clone(), kept.place, (false, None));
        } else {
            state.index.remove(slot, &old);
            put(report, state, route, (kept.text.clone(), &raw), (false, None));
        }
    }
    report.fallback = Location::UNKNOWN;
}

fn tell(report: &mut Report<'_>, state: &State, other: u32, route: &Route, raw: &Spanned<raw::Route>) {
    let place = raw.value.r#match.as_ref().map_or(raw.referenced, |raw| raw.referenced);
    let first = state.written.routes.get(other).map_or(Location::UNKNOWN, |kept| kept.place);
    let first = report.documents.seen_from(raw.referenced, first);
    // Of both what is written: a name may come from the environment.
    let name = raw.value.name.as_ref().map_or(route.name.as_str(), |name| &name.value);
    let other = state.written.routes.name(other);
    let message = format!("route `{name}` matches the same requests as route `{other}` in {first}");
    let help = "give one of them another host, path, method, listener or condition".to_owned();
    report.error(place, message, Some(help));
}
