//! The slow matcher of routes: every route is compared, and the best of those that fit is taken (docs/users/routing.md).
//!
//! Of regular expressions it knows some ([`crate::takes`]); whoever compares with it uses no others.

use crate::{conditions::are_met, expression::takes};
use std::collections::BTreeSet;
use tollgate_model::{HostPattern, PathMatch, PathPattern, Route, Segment};

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
    /// As sent, without question mark.
    pub query: &'a [u8],
    /// Header fields: names in any case, and values.
    pub fields: &'a [(&'a str, &'a [u8])],
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The route of this number.
    Route(u32),
    /// Routes fit but for their methods, which are these, in order and with `, ` between.
    MethodNotAllowed(String),
    /// No route fits.
    None,
}

/// Which of `routes` takes a request. They come with numbers in the order of the file.
pub fn choose<'r>(routes: impl Iterator<Item = (u32, &'r Route)>, lookup: Lookup<'_>) -> Choice {
    let is_heard =
        |route: &Route| route.matcher.listeners.is_empty() || route.matcher.listeners.contains(&lookup.listener);
    // Nothing else is a path: `*` belongs to no route.
    if !lookup.path.starts_with('/') {
        return Choice::None;
    }
    let all: Vec<(u32, &Route)> = routes.collect();
    let fitting: Vec<(Rank, u32, &Route)> = all
        .iter()
        .filter(|(_, route)| is_heard(route))
        .filter_map(|&(number, route)| Some((rank(route, lookup.host, lookup.path, &all)?, number, route)))
        .filter(|(_, _, route)| are_met(&route.matcher, &lookup))
        .collect();
    let takes = |route: &Route| {
        let methods = &route.matcher.methods;
        methods.is_empty() || methods.iter().any(|known| known == lookup.method)
    };
    let taking = fitting.iter().filter(|(_, _, route)| takes(route));
    if let Some((_, number, _)) = taking.min_by_key(|(rank, number, _)| (rank, *number)) {
        return Choice::Route(*number);
    }
    let methods: BTreeSet<&str> =
        fitting.iter().flat_map(|(_, _, route)| &route.matcher.methods).map(String::as_str).collect();
    match methods.is_empty() {
        true => Choice::None,
        false => Choice::MethodNotAllowed(methods.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// Smaller is more specific: the host's class, minus its length, the path, minus the conditions.
type Rank = (u8, isize, PathRank, isize);

/// The kinds of the segments, or where an expression stands first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum PathRank {
    Pattern(Vec<u8>),
    Expression(u32),
}

fn rank(route: &Route, host: &str, path: &str, all: &[(u32, &Route)]) -> Option<Rank> {
    let host = host.strip_suffix('.').unwrap_or(host).to_lowercase();
    let host_rank = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(exact) => (*exact == host).then_some((0, 0)),
        HostPattern::Suffix(suffix) => {
            (host.len() > suffix.len() && host.ends_with(suffix)).then_some((1, -(suffix.len() as isize)))
        }
    };
    let ranks = |route: &Route| {
        let hosts = &route.matcher.hosts;
        let ranks = hosts.iter().filter_map(host_rank).chain(hosts.is_empty().then_some((2, 0)));
        ranks.collect::<Vec<_>>()
    };
    let (class, length) = ranks(route).into_iter().min()?;
    let path = match &route.matcher.path {
        PathMatch::Pattern(pattern) => PathRank::Pattern(kinds(pattern, path)?),
        PathMatch::Expression(expression) => {
            if !takes(expression.text(), path.as_bytes()) {
                return None;
            }
            let is_alike = |other: &Route| match &other.matcher.path {
                PathMatch::Expression(other) => other.text() == expression.text(),
                PathMatch::Pattern(_) => false,
            };
            // Of the routes with this host, whether or not they take the rest of the request.
            let at_host = all.iter().filter(|(_, other)| is_alike(other) && ranks(other).contains(&(class, length)));
            let first = at_host.map(|(number, _)| *number).min()?;
            PathRank::Expression(first)
        }
    };
    Some((class, length, path, -(route.matcher.conditions() as isize)))
}

/// What each segment of a path is taken by: text, a parameter or the rest; `None` if the pattern does not take it.
fn kinds(pattern: &PathPattern, path: &str) -> Option<Vec<u8>> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let pattern = pattern.segments();
    let rest = matches!(pattern.last(), Some(Segment::Rest(_)));
    let fits = if rest { segments.len() >= pattern.len() } else { segments.len() == pattern.len() };
    let kinds = pattern.iter().zip(&segments).map(|(pattern, segment)| match pattern {
        Segment::Literal(text) => (text == segment).then_some(0),
        Segment::Parameter(_) => (!segment.is_empty()).then_some(1),
        Segment::Rest(_) => Some(2),
    });
    kinds.collect::<Option<Vec<u8>>>().filter(|_| fits)
}
