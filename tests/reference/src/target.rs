//! The forms of a request target (RFC 9112, section 3.2) and the normalization of its path (RFC 3986, section 6.2.2).
//!
//! Lenient: any visible ASCII character may stand in a target, as section 3.2 of RFC 9112 lets a server decide, except `#`
//! everywhere and a backslash in the path. Strict: what leads above the root, or would for a server that decodes `%2F` or
//! `%5C` or cuts parameters off at `;`, is refused and not resolved; so is `%00`.

use crate::{
    authority::{host_of, is_unreserved},
    grammar::{hex, is_same, is_vchar},
};

/// A target taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Normalized path and the query as sent, or `*`.
    pub path_and_query: Vec<u8>,
    /// Of an absolute form.
    pub authority: Option<Vec<u8>>,
}

/// RFC 9112, section 3.2, without the authority form, which is CONNECT's.
#[must_use]
pub fn read_target(target: &[u8], method: &[u8]) -> Option<Target> {
    if !target.iter().all(|&byte| is_vchar(byte) && byte != b'#') {
        return None;
    }
    if target == b"*" {
        return (method == b"OPTIONS").then(|| Target { path_and_query: b"*".to_vec(), authority: None });
    }
    if target.first() == Some(&b'/') {
        return Some(Target { path_and_query: origin_form(target)?, authority: None });
    }
    absolute_form(target, method)
}

/// `origin-form = absolute-path [ "?" query ]` (RFC 9112, section 3.2.1).
fn origin_form(target: &[u8]) -> Option<Vec<u8>> {
    let path_len = target.iter().position(|&byte| byte == b'?').unwrap_or(target.len());
    let (path, query) = target.split_at(path_len);
    let mut whole = normalized_path(path)?;
    escapes_are_good(query).then(|| whole.extend_from_slice(query))?;
    Some(whole)
}

/// `absolute-form = absolute-URI` with the scheme `http` or `https` (RFC 9112, section 3.2.2; RFC 9110, section 4.2).
fn absolute_form(target: &[u8], method: &[u8]) -> Option<Target> {
    let scheme_len = target.iter().position(|&byte| byte == b':')?;
    let (scheme, rest) = target.split_at(scheme_len);
    let rest = rest.strip_prefix(b"://").filter(|_| is_same(scheme, b"http") || is_same(scheme, b"https"))?;
    let authority_len = rest.iter().position(|&byte| byte == b'/' || byte == b'?').unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority_len);
    host_of(authority)?;
    let path_and_query = match rest.first() {
        // RFC 9112, section 3.2.4.
        None if method == b"OPTIONS" => b"*".to_vec(),
        Some(b'/') => origin_form(rest)?,
        _ => origin_form(&[b"/", rest].concat())?,
    };
    Some(Target { path_and_query, authority: Some(authority.to_vec()) })
}

/// `pct-encoded` (RFC 3986, section 2.1) wherever there is a `%`, and never of a zero byte.
fn escapes_are_good(bytes: &[u8]) -> bool {
    (0..bytes.len()).filter(|&at| bytes[at] == b'%').all(|at| escaped(bytes, at).is_some_and(|byte| byte != 0))
}

fn escaped(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |offset| bytes.get(at + offset).copied().and_then(hex);
    Some(digit(1)? * 16 + digit(2)?)
}

/// A path normalized by case and escapes (RFC 3986, sections 6.2.2.1 and 6.2.2.2) and then by segments (6.2.2.3).
#[must_use]
pub fn normalized_path(path: &[u8]) -> Option<Vec<u8>> {
    if path.first() != Some(&b'/') || path.contains(&b'\\') || !escapes_are_good(path) {
        return None;
    }
    let decoded = normalized_escapes(path);
    let mut kept: Vec<&[u8]> = Vec::new();
    let segments: Vec<&[u8]> = decoded[1..].split(|&byte| byte == b'/').collect();
    let mut ends_with_slash = false;
    for segment in segments {
        ends_with_slash = segment == b"." || segment == b"..";
        match segment {
            b"." => {}
            b".." => drop(kept.pop()?),
            _ if climbs_for_some(segment) => return None,
            _ => kept.push(segment),
        }
    }
    if ends_with_slash {
        kept.push(b"");
    }
    Some([b"/", &kept.join(&b'/')[..]].concat())
}

fn normalized_escapes(path: &[u8]) -> Vec<u8> {
    let (mut normal, mut at) = (Vec::new(), 0);
    while at < path.len() {
        match escaped(path, at).filter(|_| path[at] == b'%') {
            Some(byte) if is_unreserved(byte) => normal.push(byte),
            Some(byte) => normal.extend(format!("%{byte:02X}").bytes()),
            None => normal.push(path[at]),
        }
        at += if path[at] == b'%' { 3 } else { 1 };
    }
    normal
}

/// Whether a server that reads `%2F` or `%5C` as a slash, or ignores what follows `;`, would see `..` in this segment.
fn climbs_for_some(segment: &[u8]) -> bool {
    let text: String = segment.iter().map(|&byte| char::from(byte)).collect();
    let pieces = text.replace("%5C", "%2F");
    pieces.split("%2F").any(|piece| piece.split(';').next() == Some(".."))
}
