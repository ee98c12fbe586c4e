//! Response heads (RFC 9112, section 4) and the length of what follows them (section 6.3).
//!
//! As in `request`: lines, then each by its rule, then what they mean together with the method that was asked. What a proxy
//! makes of a response is not judged here.

use crate::{
    Defect, Field, Framing, Limits, Reading, connection,
    field::field_line,
    framing,
    grammar::{is_text, lines},
};

/// A good response head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 100 to 599.
    pub status: u16,
    /// The reason phrase, perhaps empty.
    pub phrase: Vec<u8>,
    /// The digit behind `HTTP/1.`.
    pub minor: u8,
    /// In order.
    pub fields: Vec<Field>,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether another response can come behind it.
    pub keep_alive: bool,
    /// The protocol a 101 switches to.
    pub upgrade: Option<Vec<u8>>,
    /// Bytes of the head with its empty line.
    pub head_len: usize,
}

/// Reads the head at the start of `bytes`, which answers a request with `method`.
#[must_use]
pub fn read_response(bytes: &[u8], method: &[u8], limits: &Limits) -> Reading<Response> {
    // RFC 9112, section 2.2 allows empty lines in front of a request line only.
    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
        return Reading::Refused(vec![Defect::StatusLine]);
    }
    let Some((lines, head_len)) = lines(bytes) else {
        return if bytes.len() < limits.head_bytes {
            Reading::Incomplete
        } else {
            Reading::Refused(vec![Defect::TooLarge])
        };
    };
    let mut defects = Vec::new();
    let line = status_line(lines[0], &mut defects);
    let fields: Vec<Field> = lines[1..].iter().filter_map(|line| field_line(line, &mut defects)).collect();
    let feeds = lines.iter().flat_map(|line| line.iter()).filter(|&&byte| byte == b'\n').count();
    if head_len > limits.head_bytes || fields.len() + feeds > limits.fields {
        defects.push(Defect::TooLarge);
    }
    connection::judge_count(&fields, &mut defects);
    let Some((minor, status, phrase)) = line else {
        return Reading::Refused(defects);
    };
    let declared = framing::declared(&fields, minor, &mut defects);
    judge_forbidden_body(status, declared, &mut defects);
    if !defects.is_empty() {
        return Reading::Refused(defects);
    }
    let framing = body(status, method, declared);
    let may_follow = status == 204 && matches!(declared, Some(Framing::Length(1..)));
    let ends_here = framing == Framing::UntilClose || status == 101 || may_follow;
    let keep_alive = connection::persists(&fields, minor) && !ends_here;
    let upgrade = connection::upgrade(&fields);
    Reading::Whole(Response { status, phrase: phrase.to_vec(), minor, framing, keep_alive, upgrade, fields, head_len })
}

/// `status-line = HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112, section 4). Lenient: the second space may
/// be missing with the phrase. Strict: a status code is 100 to 599 (RFC 9110, section 15).
fn status_line<'a>(line: &'a [u8], defects: &mut Vec<Defect>) -> Option<(u8, u16, &'a [u8])> {
    let (version, rest) = line.split_at_checked(8).unwrap_or_default();
    let minor = match version {
        b"HTTP/1.0" => 0,
        b"HTTP/1.1" => 1,
        _ => {
            defects.push(Defect::StatusLine);
            return None;
        }
    };
    let (code, phrase) = match rest {
        [b' ', a, b, c] => ([*a, *b, *c], &[][..]),
        [b' ', a, b, c, b' ', phrase @ ..] => ([*a, *b, *c], phrase),
        _ => {
            defects.push(Defect::StatusLine);
            return None;
        }
    };
    let status = code.iter().fold(0, |status, digit| status * 10 + u16::from(digit % 16));
    let is_status = code.iter().all(u8::is_ascii_digit) && (100..600).contains(&status);
    if !is_status || !phrase.iter().all(|&byte| is_text(byte)) {
        defects.push(Defect::StatusLine);
    }
    Some((minor, status, phrase))
}

/// RFC 9110, section 8.6 and RFC 9112, section 6.1: neither field in 1xx and 204. Lenient: a Content-Length of a 204, and
/// one of zero, say nothing.
fn judge_forbidden_body(status: u16, declared: Option<Framing>, defects: &mut Vec<Defect>) {
    let is_forbidden = match declared {
        None | Some(Framing::Length(0)) => false,
        Some(Framing::Length(_)) => (100..200).contains(&status),
        Some(_) => (100..200).contains(&status) || status == 204,
    };
    if is_forbidden {
        defects.push(Defect::ForbiddenBody);
    }
}

/// RFC 9112, section 6.3.
fn body(status: u16, method: &[u8], declared: Option<Framing>) -> Framing {
    if method == b"HEAD" || (100..200).contains(&status) || status == 204 || status == 304 {
        return Framing::None;
    }
    declared.unwrap_or(Framing::UntilClose)
}
