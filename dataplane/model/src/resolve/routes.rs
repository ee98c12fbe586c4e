//! `routes`: their patterns, their upstreams, and no two that would take the same requests.
//!
//! Part of `resolve`, after listeners and upstreams, whose names they refer to. A route with a mistake is left out and
//! reported. The tables that requests are looked up in are built elsewhere (crate `route`).

use ahash::AHashMap;
use serde_saphyr::Spanned;

use super::{Names, node, report::Report};
use crate::{
    host::{HostPattern, Refusal},
    limits,
    path::PathPattern,
    raw::{self, Text},
    snapshot::{Match, Route, Timeouts},
};

/// Resolves the routes; `timeouts` are the node's.
pub(super) fn routes(
    report: &mut Report<'_>,
    raw: &[Spanned<raw::Route>],
    listeners: &Names,
    upstreams: &Names,
    timeouts: &Timeouts,
) -> Vec<Route> {
    let mut names = Names::new("route");
    let mut taken = Taken::default();
    let mut routes = Vec::with_capacity(raw.len());
    for (index, item) in raw.iter().enumerate() {
        let name = names.define(report, item.referenced, item.value.name.as_ref(), index);
        let matcher = matcher(report, item, listeners);
        let upstream = report.required(item.value.upstream.as_ref(), "upstream", item.referenced);
        let upstream = upstream.and_then(|raw| upstreams.find(report, raw));
        let timeouts = node::route_timeouts(report, &item.value.timeouts, timeouts);
        let (Some(name), Some(matcher), Some(upstream)) = (name, matcher, upstream) else { continue };
        routes.push(Route { name, matcher, upstream, timeouts });
        taken.take(report, raw, index, &routes);
    }
    routes
}

fn matcher(report: &mut Report<'_>, item: &Spanned<raw::Route>, listeners: &Names) -> Option<Match> {
    let raw = report.required(item.value.r#match.as_ref(), "match", item.referenced)?;
    let path = report.required(raw.value.path.as_ref(), "path", raw.referenced);
    let path = path.and_then(|path| report.parse(path, "a path pattern", PathPattern::parse));
    let listeners = list(report, "listeners", raw.value.listeners.as_ref(), |report, raw| listeners.find(report, raw));
    let hosts = list(report, "hosts", raw.value.hosts.as_ref(), |report, raw| {
        report.parse(raw, "a host pattern", HostPattern::parse)
    });
    let methods =
        list(report, "methods", raw.value.methods.as_ref(), |report, raw| report.parse(raw, "a method", method));
    if let Some(raw) = raw.value.methods.as_ref().filter(|raw| raw.value.len() > limits::METHODS_MAX) {
        report.error(raw.referenced, format!("a route has at most {} methods", limits::METHODS_MAX), None);
    }
    Some(Match { listeners: listeners?, hosts: hosts?, path: path?, methods: methods? })
}

/// The values of a list, sorted. One that is written must have an entry (else a list that loses its last would match
/// everything) and none twice.
fn list<'a, T: Ord>(
    report: &mut Report<'a>,
    key: &str,
    raw: Option<&Spanned<Vec<Text>>>,
    mut read: impl FnMut(&mut Report<'a>, &Text) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    if raw.value.is_empty() {
        report.error(raw.referenced, format!("`{key}` is empty"), Some(format!("leave `{key}` out to match any")));
        return None;
    }
    let mut entries: Vec<(T, &Text)> = raw.value.iter().filter_map(|text| Some((read(report, text)?, text))).collect();
    let mut complete = entries.len() == raw.value.len();
    // Stable, so that of two equal entries the later one is told.
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    for pair in entries.windows(2) {
        if pair[0].0 == pair[1].0 {
            complete = false;
            let text = pair[1].1;
            report.error(text.referenced, format!("`{}` is in `{key}` twice", text.value), None);
        }
    }
    complete.then(|| entries.into_iter().map(|(value, _)| value).collect())
}

/// A method as a token (RFC 9110, 5.6.2). Methods are case-sensitive, and all known ones are in upper case.
fn method(text: &str) -> Result<String, Refusal> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || text.len() > limits::METHOD_BYTES_MAX || !text.bytes().all(token) {
        return Err((format!("`{text}` is not a method"), Some("write it like `GET`".to_owned())));
    }
    if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        let help = format!("write `{}`", text.to_ascii_uppercase());
        return Err((format!("`{text}` is not a method: they are written in upper case"), Some(help)));
    }
    Ok(text.to_owned())
}

/// What gives a route its precedence: a host, `None` for any, and the shape of a path.
type Place = (Option<HostPattern>, String);

/// A route by its index in the file and its index among the resolved ones.
type Taker = (usize, usize);

/// The requests that already have a route.
///
/// Two routes of the same host and the same shape of path have the same precedence. They may stand side by side when
/// they have different listeners or different methods, or when one takes any method and the other names its own, which
/// then comes first.
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
    let help = "give one of them another host, path, method or listener".to_owned();
    report.error(place, message, Some(help));
}

fn overlap(one: &Match, other: &Match) -> bool {
    let listeners = one.listeners.is_empty()
        || other.listeners.is_empty()
        || one.listeners.iter().any(|listener| other.listeners.contains(listener));
    let methods = (one.methods.is_empty() && other.methods.is_empty())
        || one.methods.iter().any(|method| other.methods.contains(method));
    listeners && methods
}
