//! `routes`: what they match, what they do, and no two that would take the same requests.
//!
//! Part of `resolve`, after listeners and upstreams, whose names they refer to. A route with a mistake is left out and
//! reported. The tables that requests are looked up in are built elsewhere (crate `route`).

use ahash::AHashMap;
use serde_saphyr::Spanned;

use super::{Names, actions, matches, node, policies::Layers, report::Report};
use crate::{
    host::HostPattern,
    limits, raw,
    snapshot::{Match, Route, Timeouts},
};

/// Resolves the routes; `timeouts` are the node's, `layers` its policies.
pub(super) fn routes(
    report: &mut Report<'_>,
    raw: &[Spanned<raw::Route>],
    listeners: &Names,
    upstreams: &Names,
    timeouts: &Timeouts,
    layers: &mut Layers,
) -> Vec<Route> {
    let mut names = Names::new("route");
    let mut taken = Taken::default();
    let mut expressions = 0;
    let mut routes = Vec::with_capacity(raw.len());
    for (index, item) in raw.iter().enumerate() {
        let name = names.define(report, item.referenced, item.value.name.as_ref(), index);
        let matcher = matches::matcher(report, item, listeners);
        let action = actions::action(report, item, matcher.as_ref().map(|matcher| &matcher.path), upstreams);
        let timeouts = node::route_timeouts(report, &item.value.timeouts, timeouts);
        let policies = layers.of_route(report, item.value.policies.as_ref());
        let (Some(name), Some(matcher), Some(action)) = (name, matcher, action) else { continue };
        expressions += matcher.expressions();
        if expressions > limits::EXPRESSIONS_MAX {
            let message = format!("a file has at most {} regular expressions", limits::EXPRESSIONS_MAX);
            report.error(item.referenced, message, None);
            break;
        }
        routes.push(Route { name, matcher, action, timeouts, policies });
        taken.take(report, raw, index, &routes);
    }
    routes
}

/// What gives a route its precedence: a host, `None` for any, and the shape of a path.
type Place = (Option<HostPattern>, String);

/// A route by its index in the file and its index among the resolved ones.
type Taker = (usize, usize);

/// The requests that already have a route.
///
/// Two routes of the same host and the same shape of path may stand side by side when something else tells them apart:
/// other listeners, methods, header fields, query parameters or cookies. One that names them and one that does not are
/// told apart too, since the first then comes first.
#[derive(Default)]
struct Taken {
    by_place: AHashMap<Place, Vec<Taker>>,
}

impl Taken {
    /// Takes the matches of the last route, which is written at `raw[index]`.
    fn take(&mut self, report: &mut Report<'_>, raw: &[Spanned<raw::Route>], index: usize, routes: &[Route]) {
        let Some(route) = routes.last() else { return };
        let matcher = &route.matcher;
        let any = matcher.hosts.is_empty().then_some(None);
        let mut told = false;
        for host in matcher.hosts.iter().cloned().map(Some).chain(any) {
            let others = self.by_place.entry((host, matcher.path.shape())).or_default();
            let other = others.iter().find(|&&(_, other)| overlap(&routes[other].matcher, matcher));
            if let Some(&(other, _)) = other.filter(|_| !told) {
                told = true;
                tell(report, &raw[other], &raw[index]);
            }
            others.push((index, routes.len() - 1));
        }
    }
}

fn tell(report: &mut Report<'_>, first: &Spanned<raw::Route>, second: &Spanned<raw::Route>) {
    let name =
        |route: &Spanned<raw::Route>| route.value.name.as_ref().map(|name| name.value.clone()).unwrap_or_default();
    let place = second.value.r#match.as_ref().map_or(second.referenced, |raw| raw.referenced);
    let line = first.referenced.line();
    let message =
        format!("route `{}` matches the same requests as route `{}` in line {line}", name(second), name(first));
    let help = "give one of them another host, path, method, listener or condition".to_owned();
    report.error(place, message, Some(help));
}

fn overlap(one: &Match, other: &Match) -> bool {
    meet(&one.listeners, &other.listeners)
        && meet(&one.methods, &other.methods)
        && one.headers == other.headers
        && one.query == other.query
        && one.cookies == other.cookies
}

/// Whether two lists, of which an empty one stands for anything, have the same precedence and something in common.
fn meet<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    (one.is_empty() && other.is_empty()) || one.iter().any(|entry| other.contains(entry))
}
