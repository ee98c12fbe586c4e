//! From bytes to tokens: httparse, plus all it is lenient about, for the heads that `scan` does not take.
//!
//! httparse takes a bare line feed for a line break and skips any number of empty lines in front; both are refused
//! here, and a head that is not complete is refused as soon as it exceeds a limit or cannot become acceptable. At most
//! [`HeadLimits::head_bytes`] bytes are looked at. What the fields mean is not judged here.

use super::{Fields, Parsed, scan};
use crate::{FIELDS_MAX, HeadLimits, Reason, limits};
use httparse::{Error, Header, Status};
use std::mem::MaybeUninit;

/// Room for the tokenizer's output; it stays uninitialized until used.
pub(super) const fn room<'a>() -> [MaybeUninit<Header<'a>>; FIELDS_MAX] {
    [const { MaybeUninit::uninit() }; FIELDS_MAX]
}

/// Bytes of empty lines in front of a request line that are ignored.
///
/// # Errors
/// More of them than are ignored, or a byte of a line break that stands alone.
pub(super) fn leading_lines(bytes: &[u8]) -> Result<usize, Parsed> {
    let mut len = 0;
    for _ in 0..limits::LEADING_LINES_MAX {
        match &bytes[len..] {
            [b'\r', b'\n', ..] => len += 2,
            [] | [b'\r'] => return Err(Parsed::Partial),
            _ => break,
        }
    }
    match bytes.get(len) {
        None => Err(Parsed::Partial),
        Some(b'\r' | b'\n') => Err(Parsed::Refused(Reason::BadRequestLine)),
        Some(_) => Ok(len),
    }
}

/// A tokenized start line: what httparse made of the whole head.
pub(super) struct Tokens<T> {
    pub(super) start_line: T,
    pub(super) head_len: usize,
}

/// Positions in a request line. The target is `target_start..target_end`.
pub(super) struct RequestLine {
    pub(super) target_start: usize,
    pub(super) target_end: usize,
    pub(super) minor: u8,
}

/// Tokenizes a request head whose request line begins behind `leading` bytes of empty lines, which httparse skips.
pub(super) fn request(
    bytes: &[u8],
    leading: usize,
    limits: &HeadLimits,
    fields: &mut Fields,
) -> Result<Tokens<RequestLine>, Parsed> {
    let window = &bytes[..bytes.len().min(limits.head_bytes())];
    if leading == 0
        && let Some(tokens) = scan::request(window, limits.fields(), fields)
    {
        return Ok(tokens);
    }
    judge_request(window, leading, limits, fields)
}

fn judge_request(
    window: &[u8],
    leading: usize,
    limits: &HeadLimits,
    fields: &mut Fields,
) -> Result<Tokens<RequestLine>, Parsed> {
    let mut room = room();
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(window, &mut room[..limits.fields()]) {
        Ok(Status::Complete(head_len)) => {
            fields.index(window, head_len, request.headers).map_err(Parsed::Refused)?;
            let target_start = leading + request.method.map_or(0, str::len) + 1;
            let target_end = target_start + request.path.map_or(0, str::len);
            let start_line = RequestLine { target_start, target_end, minor: request.version.unwrap_or(1) };
            Ok(Tokens { start_line, head_len })
        }
        Ok(Status::Partial) => Err(judge_partial_request(window, leading, limits)),
        Err(Error::Version) if version_goes_on(&window[leading..]) => {
            Err(judge_partial_request(window, leading, limits))
        }
        Err(error) => Err(Parsed::Refused(request_refusal(error, &window[leading..]))),
    }
}

/// What a status line says, but for its phrase.
pub(super) struct StatusLine {
    pub(super) status: u16,
    pub(super) minor: u8,
    /// Where its line break is.
    pub(super) line_end: usize,
}

/// Tokenizes a response head. Every refusal is one of the upstream's.
pub(super) fn response(bytes: &[u8], limits: &HeadLimits, fields: &mut Fields) -> Result<Tokens<StatusLine>, Parsed> {
    let window = &bytes[..bytes.len().min(limits.head_bytes())];
    match scan::response(window, limits.fields(), fields) {
        Some(tokens) => Ok(tokens),
        None => judge_response(window, limits, fields),
    }
}

fn judge_response(window: &[u8], limits: &HeadLimits, fields: &mut Fields) -> Result<Tokens<StatusLine>, Parsed> {
    const MALFORMED: Parsed = Parsed::Refused(Reason::UpstreamMalformed);
    const TOO_LARGE: Parsed = Parsed::Refused(Reason::UpstreamHeadTooLarge);
    if matches!(window.first(), Some(b'\r' | b'\n')) {
        return Err(MALFORMED);
    }
    let mut room = room();
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, window, &mut room[..limits.fields()]) {
        Ok(Status::Complete(head_len)) => {
            fields.index(window, head_len, response.headers).map_err(|reason| match reason {
                Reason::HeadTooLarge => TOO_LARGE,
                _ => MALFORMED,
            })?;
            let line_end = window.iter().position(|&byte| byte == b'\r').ok_or(MALFORMED)?;
            let (status, minor) = (response.code.unwrap_or(0), response.version.unwrap_or(1));
            let start_line = StatusLine { status, minor, line_end };
            Ok(Tokens { start_line, head_len })
        }
        Ok(Status::Partial) if !line_breaks_are_whole(window) => Err(MALFORMED),
        Ok(Status::Partial) if window.len() == limits.head_bytes() => Err(TOO_LARGE),
        Ok(Status::Partial) => Err(Parsed::Partial),
        Err(Error::TooManyHeaders) => Err(TOO_LARGE),
        Err(_) => Err(MALFORMED),
    }
}

#[cold]
fn judge_partial_request(window: &[u8], leading: usize, limits: &HeadLimits) -> Parsed {
    if !line_breaks_are_whole(window) {
        return Parsed::Refused(Reason::BareLineBreak);
    }
    let head = &window[leading..];
    let line_len = head.iter().position(|&byte| byte == b'\r').unwrap_or(head.len());
    let mut words = head[..line_len].split(|&byte| byte == b' ');
    if words.next().is_some_and(|method| method.len() > limits::METHOD_BYTES_MAX) {
        return Parsed::Refused(Reason::MethodNotImplemented);
    }
    if words.next().is_some_and(|target| target.len() > limits.target_bytes) {
        return Parsed::Refused(Reason::TargetTooLong);
    }
    match window.len() == limits.head_bytes() {
        true if line_len == head.len() => Parsed::Refused(Reason::TargetTooLong),
        true => Parsed::Refused(Reason::HeadTooLarge),
        false => Parsed::Partial,
    }
}

/// Whether every carriage return is followed by a line feed and every line feed follows one. A carriage return at the
/// very end may still get its line feed.
pub(crate) fn line_breaks_are_whole(bytes: &[u8]) -> bool {
    let mut previous = 0;
    for &byte in bytes {
        if (previous == b'\r') != (byte == b'\n') {
            return false;
        }
        previous = byte;
    }
    true
}

/// The reason behind the tokenizer's error. `bytes` begin with the request line.
#[cold]
fn request_refusal(error: Error, bytes: &[u8]) -> Reason {
    let head_len = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let head = &bytes[..head_len];
    let line_len = head.windows(2).position(|pair| pair == b"\r\n").unwrap_or(head_len);
    match error {
        Error::TooManyHeaders => Reason::HeadTooLarge,
        _ if !line_breaks_are_whole(head) => Reason::BareLineBreak,
        Error::Version if names_another_version(&head[..line_len]) => Reason::UnsupportedVersion,
        // The tokenizer lets UTF-8 pass and refuses other bytes; to us it is all the same.
        Error::Token if !target(&head[..line_len]).is_ascii() => Reason::BadTarget,
        Error::Token | Error::Version | Error::Status | Error::NewLine => Reason::BadRequestLine,
        Error::HeaderName if has_indented_line(head) => Reason::LineFolding,
        Error::HeaderName | Error::HeaderValue => Reason::BadHeader,
    }
}

/// The three words of a request line; `None` if there are more or fewer.
fn words(line: &[u8]) -> Option<[&[u8]; 3]> {
    let mut words = line.split(|&byte| byte == b' ');
    let three = [words.next()?, words.next()?, words.next()?];
    words.next().is_none().then_some(three)
}

/// Whether all there is of a request line ends in a part of `HTTP/digit.digit`: which version that will be, and so the reason
/// for a refusal, must not depend on how the bytes arrive.
#[cold]
fn version_goes_on(bytes: &[u8]) -> bool {
    let line = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let Some([_, _, version]) = words(line) else { return false };
    let form = b"HTTP/0.0";
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    version.len() <= form.len() && version.iter().zip(form).all(fits) && (version.len() == form.len() || line == bytes)
}

/// Whether the last word of a request line is `HTTP/digit.digit`, and not one of the versions that are spoken here.
fn names_another_version(line: &[u8]) -> bool {
    match words(line) {
        None | Some([_, _, b"HTTP/1.0" | b"HTTP/1.1"]) => false,
        Some([_, _, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]]) => {
            major.is_ascii_digit() && minor.is_ascii_digit()
        }
        Some(_) => false,
    }
}

/// The second word of a request line.
fn target(line: &[u8]) -> &[u8] {
    line.split(|&byte| byte == b' ').nth(1).unwrap_or_default()
}

fn has_indented_line(head: &[u8]) -> bool {
    head.windows(3).any(|three| matches!(three, b"\r\n " | b"\r\n\t"))
}

#[cfg(test)]
mod tests;
