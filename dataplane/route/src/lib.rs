//! Compiled tables that turn listener, host, path and method into a route.
//!
//! [`Table::build`] runs on the publishing thread, once per snapshot; [`Table::find`] on a worker, once per request.
//! A route is found when all of its match fits. Of several that fit, the first in this order is taken:
//!
//! 1. an exact host, then `*.` and the longest suffix, then any host;
//! 2. segment by segment from the left: a literal, then `{name}`, then `{rest*}`. So an exact path comes before any
//!    pattern, and the longer of two prefixes before the shorter;
//! 3. a route that names the method, then one that takes any.
//!
//! The order of the routes in a file never counts. A lookup does not allocate, except to list methods for a 405. It
//! looks a host up at most once per label, and visits a node of the tree at most once: what a pattern may cost is up to
//! whoever writes the patterns, never to a client.
//!
//! It does not normalize: `find` is given the path as `http` left it.

mod hosts;
mod tree;

use hosts::Hosts;
use tollgate_model::Route;
use tree::Request;

/// The index of a route in its snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub u32);

/// What a lookup ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The route that takes the request.
    Route(RouteId),
    /// Some routes take the listener, host and path, and none the method. The value of the `Allow` field that the
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
        for (index, route) in routes.iter().enumerate() {
            let id = RouteId(u32::try_from(index).expect("a snapshot is bounded by the nodes of its file, 6 million"));
            hosts.insert(id, &route.matcher);
        }
        Self { hosts }
    }

    /// The route of a request.
    ///
    /// `listener` is the index in the snapshot. `host` is as sent, in any case, without port; empty when there is none.
    /// `path` is normalized and without query.
    #[must_use]
    pub fn find(&self, listener: usize, host: &[u8], path: &[u8], method: &[u8]) -> Found {
        let request = Request { listener, method };
        // A path that is not absolute (`*` of OPTIONS) belongs to no route.
        let Some(path) = path.strip_prefix(b"/") else { return Found::None };
        let mut refused = false;
        let found = self.hosts.first(host, |tree| tree.find(path, &request, &mut refused));
        match found {
            Some(id) => Found::Route(id),
            None if refused => Found::MethodNotAllowed(self.allow(host, path, &request)),
            None => Found::None,
        }
    }

    /// The methods of all routes that take the rest of the request.
    fn allow(&self, host: &[u8], path: &[u8], request: &Request<'_>) -> String {
        let mut methods = Vec::new();
        let _: Option<()> = self.hosts.first(host, |tree| {
            tree.methods(path, request, &mut methods);
            None
        });
        methods.sort_unstable();
        methods.dedup();
        methods.join(", ")
    }
}

#[cfg(test)]
mod tests;
