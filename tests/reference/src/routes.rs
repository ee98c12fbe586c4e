//! The slow matcher of routes: every route is compared, and the best of those that fit is taken (docs/users/routing.md).
//! It knows no expressions and judges no conditions; whoever compares with it leaves both out.

use std::collections::BTreeSet;
use tollgate_model::{HostPattern, Items, PathMatch, Route, Segment};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// Index of the listener.
    pub listener: usize,
    /// Without port.
    pub host: &'a str,
    /// Normalized, without query.
    pub path: &'a str,
    /// As sent.
    pub method: &'a str,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The route of this index.
    Route(usize),
    /// Routes fit but for their methods, which are these, in order and with `, ` between.
    MethodNotAllowed(String),
    /// No route fits.
    None,
}

/// The route that takes a request.
#[must_use]
pub fn choose(routes: &Items<Route>, lookup: Lookup<'_>) -> Choice {
    let fitting: Vec<(Rank, usize)> = routes
        .iter()
        .enumerate()
        .filter(|(_, route)| route.matcher.listeners.is_empty() || route.matcher.listeners.contains(&lookup.listener))
        .filter_map(|(index, route)| Some((rank(route, lookup.host, lookup.path)?, index)))
        .collect();
    let takes = |index: usize| {
        let methods = &routes[index].matcher.methods;
        methods.is_empty() || methods.iter().any(|known| known == lookup.method)
    };
    if let Some((_, index)) = fitting.iter().filter(|&&(_, index)| takes(index)).min() {
        return Choice::Route(*index);
    }
    let methods: BTreeSet<&str> =
        fitting.iter().flat_map(|&(_, index)| &routes[index].matcher.methods).map(String::as_str).collect();
    match methods.is_empty() {
        true => Choice::None,
        false => Choice::MethodNotAllowed(methods.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// Smaller is more specific: the host's class, minus its length, the kinds of the segments, minus the conditions.
type Rank = (u8, isize, Vec<u8>, isize);

fn rank(route: &Route, host: &str, path: &str) -> Option<Rank> {
    let host = host.strip_suffix('.').unwrap_or(host).to_lowercase();
    let host_rank = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(exact) => (*exact == host).then_some((0, 0)),
        HostPattern::Suffix(suffix) => {
            (host.len() > suffix.len() && host.ends_with(suffix)).then_some((1, -(suffix.len() as isize)))
        }
    };
    let hosts = &route.matcher.hosts;
    let any = hosts.is_empty().then_some((2, 0));
    let (class, length) = hosts.iter().filter_map(host_rank).min().or(any)?;
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let PathMatch::Pattern(pattern) = &route.matcher.path else { return None };
    let pattern = pattern.segments();
    let rest = matches!(pattern.last(), Some(Segment::Rest(_)));
    let fits = if rest { segments.len() >= pattern.len() } else { segments.len() == pattern.len() };
    let kinds = pattern.iter().zip(&segments).map(|(pattern, segment)| match pattern {
        Segment::Literal(text) => (text == segment).then_some(0),
        Segment::Parameter(_) => (!segment.is_empty()).then_some(1),
        Segment::Rest(_) => Some(2),
    });
    let kinds = kinds.collect::<Option<Vec<u8>>>()?;
    fits.then_some((class, length, kinds, -(route.matcher.conditions() as isize)))
}
