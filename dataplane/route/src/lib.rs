//! Compiled tables that turn the head of a request into a route.
//!
//! [`Table::build`] runs on the publishing thread, once per snapshot; [`Table::find`] on a worker, once per request.
//! A route is found when all of its match fits. Which of several that fit is taken is told in docs/users/routing.md, and
//! held by the tests here against a matcher that looks at every route: host, then path segment by segment, expressions
//! behind all patterns, then the number of conditions, then the order in the file.
//!
//! A lookup does not allocate, except to list methods for a 405 and for the first expression a thread runs. It looks a
//! host up at most once per label, and visits a node of the tree at most once: what a pattern or an expression may cost is
//! up to whoever writes it, never to a client.
//!
//! It does not normalize: `find` is given the path as `http` left it.

mod conditions;
mod hosts;
mod request;
mod template;
mod tree;

pub use request::{Fields, Request};
pub use template::{location, rewritten};

use ahash::AHashMap;
use hosts::Hosts;
use std::cmp::Reverse;
use tollgate_model::{PathMatch, Route};

/// The index of a route in its snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub u32);

/// What a lookup ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The route that takes the request.
    Route(RouteId),
    /// Some routes take the request but for its method. The value of the `Allow` field that the
    /// answer owes (RFC 9110, 15.5.6): the methods of all these routes, sorted. Allocated here, the only such case.
    MethodNotAllowed(String),
    /// No route.
    None,
}

/// All routes of a snapshot.
pub struct Table {
    hosts: Hosts,
}

impl Table {
    /// Compiles the routes; the id of a route is its index in the slice.
    ///
    /// # Panics
    /// With more than 2^32 routes, which no snapshot holds.
    #[must_use]
    pub fn build(routes: &[Route]) -> Self {
        let mut hosts = Hosts::default();
        for index in by_precedence(routes) {
            let id = RouteId(u32::try_from(index).expect("a snapshot is bounded by the nodes of its file, 6 million"));
            hosts.insert(id, &routes[index].matcher);
        }
        Self { hosts }
    }

    /// The route of a request.
    #[must_use]
    pub fn find(&self, request: &Request<'_>) -> Found {
        let mut refused = false;
        let found = self.hosts.first(request.host, |tree| tree.find(request, &mut refused));
        match found {
            Some(id) => Found::Route(id),
            None if refused => Found::MethodNotAllowed(self.allow(request)),
            None => Found::None,
        }
    }

    /// The methods of all routes that take the rest of the request.
    fn allow(&self, request: &Request<'_>) -> String {
        let mut methods = Vec::new();
        let _: Option<()> = self.hosts.first(request.host, |tree| {
            tree.methods(request, &mut methods);
            None
        });
        methods.sort_unstable();
        methods.dedup();
        methods.join(", ")
    }
}

/// The indexes of the routes, so that of those with the same host and the same path the first that fits is the right one:
/// by number of conditions, then as in the file. Expressions stand as in the file, those that are written alike together.
fn by_precedence(routes: &[Route]) -> Vec<usize> {
    let mut expressions: AHashMap<&str, usize> = AHashMap::new();
    let mut order: Vec<_> = routes
        .iter()
        .enumerate()
        .map(|(index, route)| {
            let first = match &route.matcher.path {
                PathMatch::Pattern(_) => 0,
                PathMatch::Expression(expression) => *expressions.entry(expression.text()).or_insert(index),
            };
            (first, Reverse(route.matcher.conditions()), index)
        })
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(_, _, index)| index).collect()
}

#[cfg(test)]
mod tests;
