//! Templates of a route filled in from the request it took.
//!
//! A rewritten path is checked once more, since pieces of a normalized path can be put together to one that is not: then
//! the request is refused, rather than sent to a place nobody meant. Only routes that rewrite or redirect come here; what
//! they make is allocated, except for paths that are always the same.

use smallvec::SmallVec;
use std::borrow::Cow;
use tollgate_http::normalize_path;
use tollgate_model::{PathMatch, Piece, Redirect, Template};

use crate::Request;

/// What a rewriting route makes of the path of a request.
pub enum Rewrite {
    /// Always this path, a normalized one.
    Fixed(SmallVec<[u8; 24]>),
    /// What the template makes of the request.
    Filled(Template),
}

impl Rewrite {
    /// The compiled form of a template.
    #[must_use]
    pub fn compile(template: &Template) -> Self {
        match template.pieces() {
            [Piece::Text(path)] if is_normalized(path.as_bytes()) => Self::Fixed(SmallVec::from_slice(path.as_bytes())),
            _ => Self::Filled(template.clone()),
        }
    }

    /// The target (`path?query`) to ask the endpoint for; the query is that of the request. `None` when the path would not
    /// be a normalized one. `path` is the pattern that the request fits. Allocates unless it is a fixed path and there is
    /// no query.
    #[must_use]
    pub fn target(&self, path: &PathMatch, request: &Request<'_>) -> Option<Cow<'_, [u8]>> {
        let mut target = match self {
            Self::Fixed(path) if request.query.is_empty() => return Some(Cow::Borrowed(path)),
            Self::Fixed(path) => path.to_vec(),
            Self::Filled(template) => Some(fill(template, path, request)).filter(|path| is_normalized(path))?,
        };
        add_query(&mut target, request.query);
        Some(Cow::Owned(target))
    }
}

fn is_normalized(path: &[u8]) -> bool {
    let mut normalized = path.to_vec();
    path.starts_with(b"/") && normalize_path(&mut normalized) == Ok(path.len()) && normalized == path
}

/// The value of the Location field of a redirect (RFC 9110, section 10.2.2). `None` when it needs a host and the request
/// has none.
#[must_use]
pub fn location(redirect: &Redirect, path: &PathMatch, request: &Request<'_>) -> Option<Vec<u8>> {
    if request.host.is_empty() && redirect.to.pieces().contains(&Piece::Host) {
        return None;
    }
    let mut location = fill(&redirect.to, path, request);
    // Two slashes in front would be read as a host (RFC 3986, section 4.2), which the client has chosen.
    let slashes = location.iter().take_while(|&&byte| byte == b'/').count();
    location.drain(..slashes.saturating_sub(1));
    if redirect.keeps_query {
        add_query(&mut location, request.query);
    }
    Some(location)
}

fn add_query(target: &mut Vec<u8>, query: &[u8]) {
    if !query.is_empty() {
        target.push(b'?');
        target.extend_from_slice(query);
    }
}

fn fill(template: &Template, path: &PathMatch, request: &Request<'_>) -> Vec<u8> {
    let groups = match path {
        PathMatch::Expression(expression) => expression.captures(request.path),
        PathMatch::Pattern(_) => None,
    };
    let below = request.path.strip_prefix(b"/").unwrap_or_default();
    let mut text = Vec::with_capacity(request.path.len() + 64);
    for piece in template.pieces() {
        text.extend_from_slice(match piece {
            Piece::Text(text) => text.as_bytes(),
            Piece::Segment(index) => below.split(|&byte| byte == b'/').nth(*index).unwrap_or_default(),
            Piece::Rest(index) => rest(below, *index),
            Piece::Group(number) => groups.as_ref().map_or(&[], |groups| groups.group(*number)),
            Piece::Path => request.path,
            Piece::Host => request.host,
        });
    }
    text
}

/// What a parameter of the path pattern that a request fits took of its path. Allocates for the groups of an expression.
#[must_use]
pub fn path_value<'r>(parameter: &Piece, pattern: &PathMatch, path: &'r [u8]) -> &'r [u8] {
    let below = path.strip_prefix(b"/").unwrap_or_default();
    match (parameter, pattern) {
        (Piece::Segment(index), _) => below.split(|&byte| byte == b'/').nth(*index).unwrap_or_default(),
        (Piece::Rest(index), _) => rest(below, *index),
        (Piece::Group(number), PathMatch::Expression(expression)) => {
            expression.captures(path).map_or(&[], |groups| groups.group(*number))
        }
        _ => &[],
    }
}

/// What is left of a path behind its first `count` segments.
fn rest(path: &[u8], count: usize) -> &[u8] {
    (0..count).fold(path, |path, _| match path.iter().position(|&byte| byte == b'/') {
        Some(slash) => &path[slash + 1..],
        None => &[],
    })
}
