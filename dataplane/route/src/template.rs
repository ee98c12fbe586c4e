//! Templates of a route filled in from the request it took.
//!
//! A rewritten path is checked once more, since pieces of a normalized path can be put together to one that is not: then
//! the request is refused, rather than sent to a place nobody meant. Only routes that rewrite or redirect come here; what
//! they make is allocated.

use tollgate_http::normalize_path;
use tollgate_model::{PathMatch, Piece, Redirect, Template};

use crate::Request;

/// The target (`path?query`) that a rewriting route asks its endpoint for; the query is that of the request. `None` when
/// the path would not be a normalized one.
#[must_use]
pub fn rewritten(template: &Template, path: &PathMatch, request: &Request<'_>) -> Option<Vec<u8>> {
    let mut target = fill(template, path, request);
    let len = target.len();
    // A wrong path may be changed before it is refused, so that an unchanged one is looked for.
    let before = target.clone();
    if !target.starts_with(b"/") || normalize_path(&mut target) != Ok(len) || target != before {
        return None;
    }
    add_query(&mut target, request.query);
    Some(target)
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

/// What is left of a path behind its first `count` segments.
fn rest(path: &[u8], count: usize) -> &[u8] {
    (0..count).fold(path, |path, _| match path.iter().position(|&byte| byte == b'/') {
        Some(slash) => &path[slash + 1..],
        None => &[],
    })
}
