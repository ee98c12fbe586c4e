//! Operations at the places of their version: what requests look like, and what an upstream is asked for instead.
//!
//! A line is a route in the making. An operation whose path is `/`, or takes everything, has a second line without the
//! slash at the end, since `/orders` and `/orders/` are not the same to the contract and callers mean the same.

use crate::names;
use tollgate_domain::{ApiSpec, Name, Operation, Placement};
use tollgate_model::PathPattern;

/// An operation at a place.
pub(crate) struct Line<'s> {
    pub(crate) operation: &'s Operation,
    /// Of the route.
    pub(crate) name: String,
    /// With the base path.
    pub(crate) path: String,
    /// Header field and query parameter that tell the version.
    pub(crate) header: Option<(String, String)>,
    pub(crate) query: Option<(String, String)>,
    /// What the upstream is asked for: a template.
    pub(crate) asked: String,
}

/// What tells requests from others: two lines with the same take the same.
pub(crate) type Key = (String, String, Option<(String, String)>, Option<(String, String)>);

impl Line<'_> {
    /// What tells its requests from others.
    pub(crate) fn key(&self) -> Key {
        let shape = PathPattern::parse(&self.path).map_or_else(|_| self.path.clone(), |pattern| pattern.shape());
        (shape, self.operation.method.clone(), self.header.clone(), self.query.clone())
    }
}

/// The lines of a revision; `short` are the short forms that lead to its version.
pub(crate) fn of<'s>(spec: &'s ApiSpec, place: (&Name, &Name), short: &[String]) -> Vec<Line<'s>> {
    let placements = spec.versioning.places(&spec.base_path, &spec.version, short);
    let said = std::iter::once(spec.version.as_str())
        .chain(spec.versioning.latest.then_some(short).into_iter().flatten().map(String::as_str));
    // Those behind the version and its short forms are for requests that say none.
    let said = said.map(Some).chain(std::iter::repeat(None));
    let mut lines = Vec::new();
    for (placement, version) in placements.iter().zip(said) {
        for operation in &spec.operations {
            let name = |suffix: &str| names::route(place, &spec.name, version, &format!("{}{suffix}", operation.name));
            lines.push(line(spec, operation, placement, name(""), &operation.path));
            let is_all = matches!(PathPattern::parse(&operation.path), Ok(pattern) if takes_all(&pattern));
            let is_bare = operation.path == "/" || is_all && !has_root(spec, operation);
            if is_bare && !placement.path.is_empty() {
                lines.push(line(spec, operation, placement, name("_bare"), ""));
            }
        }
    }
    lines
}

/// `path` is that of the operation, or empty.
fn line<'s>(spec: &ApiSpec, operation: &'s Operation, placement: &Placement, name: String, path: &str) -> Line<'s> {
    let before = spec.upstream.as_ref().and_then(|upstream| upstream.path.as_deref()).unwrap_or_default();
    let below = if path.is_empty() { "/" } else { path };
    Line {
        operation,
        name,
        path: format!("{}{path}", placement.path),
        header: placement.header.clone(),
        query: placement.query.clone(),
        asked: format!("{}{}", before.trim_end_matches('/'), template(below)),
    }
}

/// The path that a pattern has taken: `{rest*}` is `{rest}`, and a `*` at the end is short for that.
fn template(path: &str) -> String {
    let path = path.replace("*}", "}");
    path.strip_suffix("/*").map_or_else(|| path.clone(), |front| format!("{front}/{{rest}}"))
}

fn takes_all(pattern: &PathPattern) -> bool {
    matches!(pattern.segments(), [tollgate_model::Segment::Rest(_)])
}

/// Whether another operation takes the requests for the base path with its method.
fn has_root(spec: &ApiSpec, operation: &Operation) -> bool {
    spec.operations.iter().any(|other| other.path == "/" && other.method == operation.method)
}
