//! Request heads (RFC 9112, sections 2 and 3).
//!
//! Lines first, then each by its rule, then what they mean together. A head with a malformed line is not judged for its
//! meaning, because another parser may have read other lines.

use crate::{
    Defect, Field, Framing, Limits, Reading,
    authority::host_of,
    connection,
    field::{field_line, values},
    framing,
    grammar::{elements, is_same, is_tchar, is_token, is_vchar, lines},
    limits::{LEADING_LINES_MAX, METHOD_BYTES_MAX},
    target::read_target,
};

/// A good request head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// As sent.
    pub method: Vec<u8>,
    /// Normalized path and query, or `*`.
    pub target: Vec<u8>,
    /// Of the absolute form, else of Host; empty if an HTTP/1.0 client sent neither.
    pub authority: Vec<u8>,
    /// The authority without port.
    pub host: Vec<u8>,
    /// The digit behind `HTTP/1.`.
    pub minor: u8,
    /// In order.
    pub fields: Vec<Field>,
    /// Where the body ends.
    pub framing: Framing,
    /// RFC 9112, section 9.3.
    pub keep_alive: bool,
    /// The protocols the client would switch to.
    pub upgrade: Option<Vec<u8>>,
    /// RFC 9110, section 10.1.1.
    pub expects_continue: bool,
    /// Bytes of the head with the empty lines around it.
    pub head_len: usize,
}

/// What a request line is made of.
struct Line<'a> {
    method: &'a [u8],
    target: &'a [u8],
    minor: u8,
}

/// Reads the head at the start of `bytes`.
#[must_use]
pub fn read_request(bytes: &[u8], limits: &Limits) -> Reading<Request> {
    let mut start = 0;
    while start < 2 * LEADING_LINES_MAX && bytes[start..].starts_with(b"\r\n") {
        start += 2;
    }
    match &bytes[start..] {
        [] => return Reading::Incomplete,
        [b'\r'] if start < 2 * LEADING_LINES_MAX => return Reading::Incomplete,
        [b'\r' | b'\n', ..] => return Reading::Refused(vec![Defect::RequestLine]),
        _ => {}
    }
    let Some((lines, len)) = lines(&bytes[start..]) else {
        return if bytes.len() < limits.head_bytes {
            Reading::Incomplete
        } else {
            Reading::Refused(vec![Defect::TooLarge, Defect::TargetTooLong])
        };
    };
    judge(&lines, start + len, limits)
}

fn judge(lines: &[&[u8]], head_len: usize, limits: &Limits) -> Reading<Request> {
    let mut defects = Vec::new();
    let line = request_line(lines[0], limits, &mut defects);
    let fields: Vec<Field> = lines[1..].iter().filter_map(|line| field_line(line, &mut defects)).collect();
    judge_size(lines, head_len, limits, &mut defects);
    connection::judge_count(&fields, &mut defects);
    // What cannot be told apart is not judged further.
    let is_sound = defects.is_empty();
    // It may be refused for its target before the rest is looked at.
    if lines[0].split(|&byte| byte == b' ').nth(1).is_some_and(|target| !target.is_ascii()) {
        defects.push(Defect::Target);
    }
    let Some(line) = line.filter(|_| is_sound) else {
        return Reading::Refused(defects);
    };
    let host = host(&fields, line.minor, &mut defects);
    let framing = framing::declared(&fields, line.minor, &mut defects).unwrap_or(Framing::None);
    let target = read_target(line.target, line.method);
    if target.is_none() {
        defects.push(Defect::Target);
    }
    let Some(target) = target.filter(|_| defects.is_empty()) else {
        return Reading::Refused(defects);
    };
    // RFC 9112, section 3.2.2: the authority of an absolute form replaces Host.
    let authority = target.authority.unwrap_or(host);
    Reading::Whole(Request {
        method: line.method.to_vec(),
        target: target.path_and_query,
        host: host_of(&authority).unwrap_or_default().to_vec(),
        authority,
        minor: line.minor,
        framing,
        keep_alive: connection::persists(&fields, line.minor),
        // RFC 9110, section 7.8: ignored in HTTP/1.0.
        upgrade: connection::upgrade(&fields).filter(|_| line.minor == 1),
        expects_continue: line.minor == 1 && expects_continue(&fields),
        fields,
        head_len,
    })
}

fn judge_size(lines: &[&[u8]], head_len: usize, limits: &Limits, defects: &mut Vec<Defect>) {
    // A parser that stops at a lone line feed counts the lines in between.
    let feeds = lines.iter().flat_map(|line| line.iter()).filter(|&&byte| byte == b'\n').count();
    if head_len > limits.head_bytes || lines.len() - 1 + feeds > limits.fields {
        defects.push(Defect::TooLarge);
    }
    if head_len > limits.head_bytes && lines[0].len() + 2 > limits.head_bytes {
        defects.push(Defect::TargetTooLong);
    }
}

/// `request-line = method SP request-target SP HTTP-version` (RFC 9112, section 3).
fn request_line<'a>(line: &'a [u8], limits: &Limits, defects: &mut Vec<Defect>) -> Option<Line<'a>> {
    if line.contains(&b'\r') || line.contains(&b'\n') {
        defects.push(Defect::LineBreak);
    }
    let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    // Before the line is whole, its beginning may be all that is looked at.
    if words[0].iter().take_while(|&&byte| is_tchar(byte)).count() > METHOD_BYTES_MAX {
        defects.push(Defect::Method);
    }
    for word in words.iter().skip(2) {
        let seen = word.split(|byte| b"\r\n".contains(byte)).next().unwrap_or_default();
        if words.len() > 3 || seen.len() < word.len() {
            http_version(seen, defects);
        }
    }
    let [method, target, version] = words[..] else {
        defects.push(Defect::RequestLine);
        return None;
    };
    if !is_token(method) || target.is_empty() {
        defects.push(Defect::RequestLine);
    }
    // What is no ASCII at all leaves the line whole; see `judge`.
    if !target.iter().all(|&byte| is_vchar(byte) || byte >= 0x80) {
        defects.push(Defect::RequestLine);
    }
    if target.len() > limits.target_bytes {
        defects.push(Defect::TargetTooLong);
    }
    if method == b"CONNECT" {
        defects.push(Defect::Method);
    }
    let minor = http_version(version, defects)?;
    Some(Line { method, target, minor })
}

/// `HTTP-version = HTTP-name "/" DIGIT "." DIGIT` (RFC 9112, section 2.3), of which 1.0 and 1.1 are spoken.
pub(crate) fn http_version(version: &[u8], defects: &mut Vec<Defect>) -> Option<u8> {
    match version {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ (b'0' | b'1')] => Some(minor - b'0'),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            defects.push(Defect::Version);
            None
        }
        _ => {
            defects.push(Defect::RequestLine);
            None
        }
    }
}

/// The Host field (RFC 9112, section 3.2): one and good, also beside an absolute form; HTTP/1.0 may do without.
fn host(fields: &[Field], minor: u8, defects: &mut Vec<Defect>) -> Vec<u8> {
    let hosts: Vec<&[u8]> = values(fields, "host").collect();
    match hosts[..] {
        [host] if host_of(host).is_some() => return host.to_vec(),
        [] if minor == 0 => {}
        _ => defects.push(Defect::Host),
    }
    Vec::new()
}

/// `Expect: 100-continue` (RFC 9110, section 10.1.1).
fn expects_continue(fields: &[Field]) -> bool {
    values(fields, "expect").flat_map(elements).any(|expectation| is_same(expectation, b"100-continue"))
}
