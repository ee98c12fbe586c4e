//! Request targets (RFC 3986, RFC 9112 section 3.2): what is accepted, and the one normalization, which routing and
//! forwarding share so that they can never see different paths.
//!
//! Of a path: escapes of unreserved characters are decoded (`%41` is `A`), the hex digits of other escapes become upper
//! case, `.` and `..` segments are removed, also escaped ones. Climbing above the root, `%00`, an incomplete escape, a
//! backslash and bytes outside visible ASCII are refused; so is a `..` that only some servers would act on: beside an
//! escaped slash or backslash, or with a `;` parameter. Repeated slashes and `%2F` stay as they are, because they may
//! mean something to the endpoint. A query is checked for its escapes and otherwise untouched. The result is never
//! longer, so it is made in place.

use crate::Reason;

/// Classes of bytes in a target; one pass collects the classes that occur.
const REFUSED: u8 = 1;
const ESCAPE: u8 = 2;
const DOT: u8 = 4;
const BACKSLASH: u8 = 8;
const QUERY: u8 = 16;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'%' => ESCAPE,
            b'.' => DOT,
            b'\\' => BACKSLASH,
            b'?' => QUERY,
            b'#' | 0..=b' ' | 0x7f.. => REFUSED,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// Checks and normalizes `path?query` in place. Returns the new length and where the path ends.
pub(crate) fn normalize_target(target: &mut [u8]) -> Result<(usize, usize), Reason> {
    let classes = target.iter().fold(0, |classes, &byte| classes | CLASSES[byte as usize]);
    if classes & !(DOT | QUERY) != 0 {
        check(target, classes)?;
    }
    let path_len = match classes & QUERY {
        0 => target.len(),
        _ => target.iter().position(|&byte| byte == b'?').unwrap_or(target.len()),
    };
    if classes & (ESCAPE | DOT | BACKSLASH) == 0 {
        return Ok((target.len(), path_len));
    }
    let new_path_len = normalize_path(&mut target[..path_len])?;
    target.copy_within(path_len.., new_path_len);
    Ok((target.len() - (path_len - new_path_len), new_path_len))
}

#[cold]
fn check(target: &[u8], classes: u8) -> Result<(), Reason> {
    if classes & REFUSED != 0 || (classes & ESCAPE != 0 && !escapes_are_complete(target)) {
        return Err(Reason::BadTarget);
    }
    Ok(())
}

fn escapes_are_complete(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        match escaped(&rest[at..]) {
            None | Some(0) => return false,
            Some(_) => rest = &rest[at + 3..],
        }
    }
    true
}

/// The byte that an escape at the start of `bytes` stands for.
fn escaped(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [b'%', high, low, ..] => Some(hex_value(*high)? << 4 | hex_value(*low)?),
        _ => None,
    }
}

pub(crate) const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Normalizes an absolute path in place as the module describes; returns its new length, at most the old one. A second
/// pass changes nothing.
///
/// # Errors
/// [`Reason::BadTarget`] for a path that is not acceptable. The bytes may be changed by then.
pub fn normalize_path(path: &mut [u8]) -> Result<usize, Reason> {
    let needs_work = path.windows(2).any(|pair| pair == b"/.") || path.iter().any(|byte| matches!(byte, b'%' | b'\\'));
    if !needs_work {
        return Ok(path.len());
    }
    let len = decode_unreserved(path)?;
    let path = &mut path[..len];
    if path.split(|&byte| byte == b'/').any(is_ambiguous_segment) {
        return Err(Reason::BadTarget);
    }
    remove_dot_segments(path)
}

fn decode_unreserved(path: &mut [u8]) -> Result<usize, Reason> {
    let (mut read, mut write) = (0, 0);
    while read < path.len() {
        match path[read] {
            b'\\' => return Err(Reason::BadTarget),
            b'%' => match escaped(&path[read..]) {
                None | Some(0) => return Err(Reason::BadTarget),
                Some(byte) if is_unreserved(byte) => {
                    path[write] = byte;
                    (read, write) = (read + 3, write + 1);
                }
                Some(_) => {
                    let digits = [path[read + 1].to_ascii_uppercase(), path[read + 2].to_ascii_uppercase()];
                    path[write..write + 3].copy_from_slice(&[b'%', digits[0], digits[1]]);
                    (read, write) = (read + 3, write + 3);
                }
            },
            byte => {
                path[write] = byte;
                (read, write) = (read + 1, write + 1);
            }
        }
    }
    Ok(write)
}

/// Whether a segment has a `..` in it that is no segment here but would be one to a server that decodes `%2F` or `%5C`,
/// or that cuts path parameters off before it looks for dots.
fn is_ambiguous_segment(segment: &[u8]) -> bool {
    if !segment.windows(2).any(|pair| pair == b"..") {
        return false;
    }
    let mut start = 0;
    let mut pieces = 0;
    let is_climb = |piece: &[u8]| piece == b".." || piece.starts_with(b"..;");
    for at in 0..segment.len() {
        if segment[at..].starts_with(b"%2F") || segment[at..].starts_with(b"%5C") {
            if is_climb(&segment[start..at]) {
                return true;
            }
            start = at + 3;
            pieces += 1;
        }
    }
    let last = &segment[start..];
    if pieces == 0 { last.starts_with(b"..;") } else { is_climb(last) }
}

/// RFC 3986, section 5.2.4, on an absolute path, except that climbing above the root is an error.
fn remove_dot_segments(path: &mut [u8]) -> Result<usize, Reason> {
    let (mut read, mut write) = (0, 0);
    while read < path.len() {
        // `read` is at a slash: the path is absolute, and every step ends at the next slash.
        let end = path[read + 1..].iter().position(|&byte| byte == b'/').map_or(path.len(), |at| read + 1 + at);
        match &path[read + 1..end] {
            b"." => {}
            b".." => {
                let parent = path[..write].iter().rposition(|&byte| byte == b'/');
                write = parent.ok_or(Reason::BadTarget)?;
            }
            _ => {
                path.copy_within(read..end, write);
                write += end - read;
                read = end;
                continue;
            }
        }
        // A dot segment at the end leaves its slash.
        if end == path.len() {
            path[write] = b'/';
            write += 1;
        }
        read = end;
    }
    Ok(write)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Option<String> {
        let mut bytes = text.as_bytes().to_vec();
        let (len, path_len) = normalize_target(&mut bytes).ok()?;
        assert!(bytes[..path_len].iter().all(|&byte| byte != b'?'));
        Some(String::from_utf8(bytes[..len].to_vec()).unwrap())
    }

    #[test]
    fn targets_are_normalized() {
        for (raw, normal) in [
            ("/", "/"),
            ("/a/b.html?x=./..", "/a/b.html?x=./.."),
            ("/%41%7e%2d", "/A~-"),
            ("/%2f%c3%a9", "/%2F%C3%A9"),
            ("/%2541", "/%2541"),
            ("/a/./b/../c", "/a/c"),
            ("/a/%2e%2E/b?q=%2e", "/b?q=%2e"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/b/..?q", "/a/?q"),
            ("//a//../b", "//a/b"),
            ("/...", "/..."),
            ("/.a/..b", "/.a/..b"),
            ("/a..%2Fb", "/a..%2Fb"),
            ("/a;x=..", "/a;x=.."),
            ("/a?b?c", "/a?b?c"),
            ("/?q=a\\b|{}", "/?q=a\\b|{}"),
        ] {
            assert_eq!(target(raw).as_deref(), Some(normal), "{raw}");
        }
    }

    #[test]
    fn targets_are_refused() {
        for raw in [
            "/..",
            "/../a",
            "/a/../..",
            "/%2e%2e",
            "/a/../%2E%2e/b",
            "/%00",
            "/?%00",
            "/%",
            "/%4",
            "/%4g",
            "/?x=%",
            "/a\\b",
            "/a#b",
            "/a b",
            "/\u{e9}",
            "/a\u{7f}",
            "/..;/a",
            "/a/..;x=1/b",
            "/..%2Fa",
            "/a%2f..",
            "/a%5c..%5cb",
            "/x/..%5C",
        ] {
            assert_eq!(target(raw), None, "{raw}");
        }
    }
}
