//! The slow matcher of routes: every route is compared, and the best of those that fit is taken (docs/users/routing.md).
//! It knows no expressions and judges no conditions; whoever compares with it leaves both out.

use std::collections::BTreeSet;
use tollgate_model::{HostPattern, PathMatch, Route, Segment};

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
    let fitting: Vec<(Rank, u32, &Route)> = routes
        .filter(|(_, route)| is_heard(route))
        .filter_map(|(number, route)| Some((rank(route, lookup.host, lookup.path)?, number, route)))
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
