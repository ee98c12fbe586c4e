//! The forms of a request target (RFC 9112, section 3.2): origin-form, absolute-form of `http` and `https`, and `*` for
//! OPTIONS. Authority-form belongs to CONNECT, which is refused before. Positions are in the bytes of the whole head.

use super::fields::Span;
use crate::{Method, Reason, uri};

/// What the target turned out to be.
pub(super) struct Target {
    /// `path?query` after normalization.
    pub(super) span: Span,
    pub(super) path_end: usize,
    /// Of an absolute-form target.
    pub(super) authority: Option<Span>,
}

impl Target {
    /// Judges and normalizes the target at `start..end` in place.
    pub(super) fn parse(bytes: &mut [u8], start: usize, end: usize, method: Method) -> Result<Self, Reason> {
        match &bytes[start..end] {
            [b'/', ..] => {
                let (len, path_len) = uri::normalize_target(&mut bytes[start..end])?;
                Ok(Self { span: Span::new(start, start + len), path_end: start + path_len, authority: None })
            }
            b"*" if method == Method::Options => {
                Ok(Self { span: Span::new(start, end), path_end: end, authority: None })
            }
            _ => parse_absolute(bytes, start, end, method),
        }
    }
}

/// Takes `http://authority[/path][?query]` apart. An empty path becomes `/`, or `*` for OPTIONS (RFC 9112, section
/// 3.2.4); room for that byte is made by moving the authority over the scheme's last slash.
#[cold]
fn parse_absolute(bytes: &mut [u8], start: usize, end: usize, method: Method) -> Result<Target, Reason> {
    let target = &bytes[start..end];
    let scheme_len = ["http://".len(), "https://".len()].into_iter().find(|&len| {
        target
            .get(..len)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"http://") || scheme.eq_ignore_ascii_case(b"https://"))
    });
    let authority_start = start + scheme_len.ok_or(Reason::BadTarget)?;
    let rest = &bytes[authority_start..end];
    let authority_end = authority_start + rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    if bytes[authority_start..end].contains(&b'#') {
        return Err(Reason::BadTarget);
    }
    if bytes.get(authority_end) == Some(&b'/') && authority_end < end {
        let (len, path_len) = uri::normalize_target(&mut bytes[authority_end..end])?;
        return Ok(Target {
            span: Span::new(authority_end, authority_end + len),
            path_end: authority_end + path_len,
            authority: Some(Span::new(authority_start, authority_end)),
        });
    }
    bytes.copy_within(authority_start..authority_end, authority_start - 1);
    let path_start = authority_end - 1;
    let is_asterisk = method == Method::Options && authority_end == end;
    bytes[path_start] = if is_asterisk { b'*' } else { b'/' };
    let (len, path_len) = uri::normalize_target(&mut bytes[path_start..end])?;
    Ok(Target {
        span: Span::new(path_start, path_start + len),
        path_end: path_start + path_len,
        authority: Some(Span::new(authority_start - 1, authority_end - 1)),
    })
}
