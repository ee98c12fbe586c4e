//! Compiled tables that turn the head of a request into a route.
//!
//! A [`Table`] is filled on the publishing thread. Copies share what they have in common, so that the next snapshot's table is
//! the copy of the last one with what changed: [`Table::insert`] and [`Table::remove`] cost the length of the path, not the
//! number of routes. [`Table::find`] runs on a worker, once per request.
//! A route is found when all of its match fits. Which of several that fit is taken is told in docs/users/routing.md, and
//! held by the tests here against a matcher that looks at every route: host, then path segment by segment, expressions
//! behind all patterns, then the number of conditions, then the order in the file.
//!
//! A lookup does not allocate, except to list methods for a 405 and for the first expression a thread runs. It looks a
//! host up at most once per label, and visits a node of the tree at most once: what a pattern or an expression may cost is
//! up to whoever writes it, never to a client.
//!
//! It does not normalize: `find` is given the path as `http` left it.

mod children;
mod conditions;
mod expressions;
mod hosts;
mod leaf;
mod pages;
mod request;
mod template;
mod tree;

pub use conditions::{Conditions, query_value};
pub use request::{Fields, Request};
pub use template::{Rewrite, location, path_value};

use hosts::Hosts;
use tollgate_model::Match;

/// What a lookup ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// The route that takes the request.
    Route(T),
    /// Some routes take the request but for its method. The value of the `Allow` field that the
    /// answer owes (RFC 9110, 15.5.6): the methods of all these routes, sorted. Allocated here, the only such case.
    MethodNotAllowed(String),
    /// No route.
    None,
}

/// Routes by what they match; `T` is what a lookup finds.
#[derive(Clone)]
pub struct Table<T> {
    hosts: Hosts<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { hosts: Hosts::default() }
    }
}

impl<T: Clone> Table<T> {
    /// Adds a route. `order` is its place in the file, which no other route has.
    pub fn insert(&mut self, order: u64, matcher: &Match, route: &T) {
        self.hosts.insert(order, matcher, route);
    }

    /// Takes a route away that was added with these arguments.
    pub fn remove(&mut self, order: u64, matcher: &Match) {
        self.hosts.remove(order, matcher);
    }
}

impl<T> Table<T> {
    /// The route of a request.
    #[must_use]
    pub fn find(&self, request: &Request<'_>) -> Found<&T> {
        let mut refused = false;
        let found = self.hosts.first(request.host, |tree| tree.find(request, &mut refused));
        match found {
            Some(route) => Found::Route(route),
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

#[cfg(test)]
mod tests;
