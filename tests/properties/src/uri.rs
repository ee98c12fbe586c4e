//! Request targets and the one normalization of their paths.

use crate::request_head::shown;
use tollgate_http::{HeadLimits, Parsed, RequestIndex, normalize_path};
use tollgate_reference::{normalized_path, read_target};

/// Properties of a request target:
/// - [`normalize_path`] agrees with the reference on every path of visible ASCII without `?` and `#`;
/// - what it makes is never longer, begins with a slash, has no dot segment, and stays as it is the second time;
/// - in a request line, with methods that matter, codec and reference agree whether it is a target and which, and the
///   target that is forwarded is one that stays as it is.
pub fn uri(bytes: &[u8]) {
    check_path(bytes);
    for method in ["GET", "OPTIONS"] {
        check_target(bytes, method);
    }
}

fn check_path(bytes: &[u8]) {
    let is_path =
        bytes.first() == Some(&b'/') && bytes.iter().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(byte));
    if !is_path {
        return;
    }
    let mut path = bytes.to_vec();
    let normal = normalize_path(&mut path).ok().map(|len| &path[..len]);
    assert_eq!(normal.map(shown), normalized_path(bytes).as_deref().map(shown), "{}", shown(bytes));
    let Some(normal) = normal else { return };
    assert!(normal.len() <= bytes.len() && normal.starts_with(b"/"));
    assert!(
        !normal.split(|&byte| byte == b'/').any(|segment| segment == b"." || segment == b".."),
        "{}",
        shown(normal)
    );
    let mut again = normal.to_vec();
    assert_eq!(normalize_path(&mut again), Ok(normal.len()), "{}", shown(bytes));
    assert_eq!(shown(&again), shown(normal));
}

/// What a request with this target and method means, as target and authority.
fn parsed(target: &[u8], method: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut head = [method.as_bytes(), b" ", target, b" HTTP/1.1\r\nHost: h\r\n\r\n"].concat();
    let mut index = RequestIndex::new();
    match index.parse(&mut head, &HeadLimits::DEFAULT) {
        Parsed::Complete { .. } => Some((index.head(&head).target().to_vec(), index.head(&head).authority().to_vec())),
        _ => None,
    }
}

fn check_target(bytes: &[u8], method: &str) {
    if bytes.len() > HeadLimits::DEFAULT.target_bytes || bytes.iter().any(|byte| b" \r\n".contains(byte)) {
        return;
    }
    let found = parsed(bytes, method);
    let expected = read_target(bytes, method.as_bytes()).map(|target| {
        let authority = target.authority.unwrap_or_else(|| b"h".to_vec());
        (target.path_and_query, authority)
    });
    assert_eq!(found, expected, "{method} {}", shown(bytes));
    if let Some((target, _)) = found {
        let again = parsed(&target, method).map(|(again, _)| again);
        assert_eq!(again.as_deref().map(shown), Some(shown(&target)), "{method} {}", shown(bytes));
    }
}
