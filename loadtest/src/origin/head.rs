//! The origin's own request parser: head bytes in, the few facts the origin acts on out.
//!
//! Pure and deliberately small. It reads what a gateway is supposed to send and refuses the rest with a reason; it is not
//! the strict parser of the product and shares nothing with it. Fields the origin does not act on are not judged.

use super::{body::Decoder, limits::HEAD_BYTES_MAX};
use memchr::memmem;

/// What a request head says, borrowed from the bytes it was received in.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// The head as received, with the empty line that ends it.
    pub(super) raw: &'a [u8],
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) http_1_0: bool,
    /// Whether the connection may carry another request (RFC 9112 section 9.3).
    pub(super) keep_alive: bool,
    /// `Expect: 100-continue` (RFC 9110 section 10.1.1).
    pub(super) expects_continue: bool,
    pub(super) upgrade: Option<&'a str>,
    pub(super) body: Decoder,
}

/// Why a request was refused; sent to the peer as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) why: &'static str,
}

/// Length of the head at the start of `input`, once all of it is there.
pub(super) fn length(input: &[u8]) -> Result<Option<usize>, Refusal> {
    match memmem::find(input, b"\r\n\r\n") {
        Some(at) => Ok(Some(at + 4)),
        None if input.len() >= HEAD_BYTES_MAX => Err(Refusal { status: 431, why: "the head is too long" }),
        None => Ok(None),
    }
}

const fn bad(why: &'static str) -> Refusal {
    Refusal { status: 400, why }
}

impl<'a> Request<'a> {
    /// Reads a complete head.
    pub(super) fn parse(raw: &'a [u8]) -> Result<Self, Refusal> {
        let line_end = memchr::memchr(b'\r', raw).ok_or(bad("no request line"))?;
        let mut request = Self::request_line(raw, &raw[..line_end])?;
        let mut rest = raw.get(line_end + 2..).unwrap_or_default();
        while let Some(end) = memchr::memchr(b'\r', rest).filter(|&end| end > 0) {
            request.field(&rest[..end])?;
            rest = rest.get(end + 2..).unwrap_or_default();
        }
        Ok(request)
    }

    fn request_line(raw: &'a [u8], line: &'a [u8]) -> Result<Self, Refusal> {
        let line = std::str::from_utf8(line).map_err(|_| bad("the request line is not text"))?;
        let (method, rest) = line.split_once(' ').ok_or(bad("no target"))?;
        let (target, version) = rest.split_once(' ').ok_or(bad("no version"))?;
        let http_1_0 = match version {
            "HTTP/1.1" => false,
            "HTTP/1.0" => true,
            _ => return Err(Refusal { status: 505, why: "only HTTP/1.0 and HTTP/1.1" }),
        };
        let (keep_alive, body) = (!http_1_0, Decoder::sized(0));
        Ok(Self { raw, method, target, http_1_0, keep_alive, expects_continue: false, upgrade: None, body })
    }

    /// Acts on one field line. The length of the name tells most fields apart without looking at them.
    fn field(&mut self, line: &'a [u8]) -> Result<(), Refusal> {
        let colon = memchr::memchr(b':', line).ok_or(bad("a field without a colon"))?;
        let name = &line[..colon];
        if !matches!(name.len(), 6 | 7 | 10 | 14 | 17) {
            return Ok(());
        }
        let value = std::str::from_utf8(&line[colon + 1..]).unwrap_or_default().trim_matches([' ', '\t']);
        if name.eq_ignore_ascii_case(b"content-length") {
            self.body = Decoder::sized(value.parse().map_err(|_| bad("Content-Length is no number"))?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if !value.eq_ignore_ascii_case("chunked") {
                return Err(Refusal { status: 501, why: "only the chunked transfer coding" });
            }
            self.body = Decoder::chunked();
        } else if name.eq_ignore_ascii_case(b"connection") {
            self.connection(value);
        } else if name.eq_ignore_ascii_case(b"expect") {
            self.expects_continue = value.eq_ignore_ascii_case("100-continue");
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            self.upgrade = Some(value);
        }
        Ok(())
    }

    fn connection(&mut self, value: &str) {
        for option in value.split(',').map(str::trim) {
            if option.eq_ignore_ascii_case("close") {
                self.keep_alive = false;
            } else if option.eq_ignore_ascii_case("keep-alive") {
                self.keep_alive = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_complete_at_its_empty_line() {
        assert_eq!(length(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest"), Ok(Some(27)));
        assert_eq!(length(b"GET / HTTP/1.1\r\nHost: a\r\n"), Ok(None));
        assert_eq!(length(&[b'x'; HEAD_BYTES_MAX]).map_err(|refusal| refusal.status), Err(431));
    }

    #[test]
    fn facts_are_found_whatever_the_case_of_names() {
        let raw =
            b"PUT /a?b HTTP/1.1\r\nhOsT: x\r\nconnection: Upgrade, close\r\nUPGRADE: ws\r\nexpect:100-Continue\r\n\
            content-LENGTH: 5 \r\n\r\n";
        let request = Request::parse(raw).unwrap();
        assert_eq!((request.method, request.target, request.upgrade), ("PUT", "/a?b", Some("ws")));
        assert!(!request.keep_alive && request.expects_continue && !request.http_1_0);
        assert!(!request.body.is_done());
    }

    #[test]
    fn http_1_0_closes_unless_asked_otherwise() {
        assert!(!Request::parse(b"GET / HTTP/1.0\r\n\r\n").unwrap().keep_alive);
        assert!(Request::parse(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap().keep_alive);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (raw, status) in [
            (&b"\r\n\r\n"[..], 400),
            (b"GET /\r\n\r\n", 400),
            (b"GET / HTTP/2.0\r\n\r\n", 505),
            (b"GET / HTTP/1.1\r\nnocolon\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ] {
            assert_eq!(Request::parse(raw).unwrap_err().status, status, "{}", raw.escape_ascii());
        }
    }
}
