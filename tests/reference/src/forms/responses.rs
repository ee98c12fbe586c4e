//! Responses of an endpoint (RFC 9112, sections 4 and 6.3), and what their client and the next exchange see of them.
//!
//! The client speaks HTTP/1.1 and asks once more behind it. A connection is used for that only if nothing on it can be
//! mistaken for the next response.

use super::latin;
use crate::Framing;

/// What is to become of a response form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The client gets 502 with this reason, and the connection to the endpoint is closed.
    Refused(&'static str),
    /// The client sees that the response is not whole, and the connection to the endpoint is closed.
    Cut,
    /// The client sees this.
    Passed(Passed),
}

/// A response as the client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Its status.
    pub status: u16,
    /// How its body is framed.
    pub framing: Framing,
    /// The body without its framing.
    pub body: &'static str,
    /// Names of fields that must not be there.
    pub lacks: &'static [&'static str],
    /// Whether the connection to the endpoint takes the next request.
    pub is_reused: bool,
}

/// A response of the table.
#[derive(Clone, Debug)]
pub struct ResponseForm {
    /// Of the request it answers.
    pub method: &'static str,
    /// As an endpoint sends it.
    pub bytes: Vec<u8>,
    /// RFC and section, and what is ambiguous where that is not plain.
    pub section: &'static str,
    /// What is to become of it.
    pub then: Then,
}

const BAD: Then = Then::Refused("upstream_malformed");
const CUT: Then = Then::Cut;

const fn passed(status: u16, framing: Framing, body: &'static str) -> Then {
    Then::Passed(Passed { status, framing, body, lacks: &[], is_reused: true })
}

const fn empty(status: u16) -> Then {
    passed(status, Framing::None, "")
}

const fn length(body: &'static str) -> Then {
    passed(200, Framing::Length(body.len() as u64), body)
}

const fn chunked(body: &'static str) -> Then {
    passed(200, Framing::Chunked, body)
}

impl Then {
    /// With a connection that takes no other request.
    const fn once(self) -> Self {
        match self {
            Self::Passed(passed) => Self::Passed(Passed { is_reused: false, ..passed }),
            other => other,
        }
    }

    const fn lacks(self, lacks: &'static [&'static str]) -> Self {
        match self {
            Self::Passed(passed) => Self::Passed(Passed { lacks, ..passed }),
            other => other,
        }
    }
}

/// Text, section, verdict.
type Row = (&'static str, &'static str, Then);

/// All responses of the table.
#[must_use]
pub fn response_forms() -> Vec<ResponseForm> {
    let framed = |method: &'static str, before: &'static str, rows: &'static [Row]| {
        rows.iter().map(move |&(text, section, then)| {
            let bytes = latin(&[before, text].concat());
            ResponseForm { method, bytes, section, then }
        })
    };
    framed("GET", "", HEADS)
        .chain(framed("GET", "HTTP/1.1 200 OK\r\n", BODIES))
        .chain(framed("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNKS))
        .chain(framed("GET", "HTTP/1.1 ", BODILESS))
        .chain(framed("HEAD", "HTTP/1.1 200 OK\r\n", TO_HEAD))
        .collect()
}

/// Whole responses to a GET.
const HEADS: &[Row] = &[
    ("\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "9112 2.2: for requests only", BAD),
    ("HTTP/1.1 200 OK\nContent-Length: 0\n\n", "9112 2.2, strict", BAD),
    ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n", "9112 2.2, strict", BAD),
    ("HTTP/1.1 200 OK\r\nA: b\rContent-Length: 0\r\n\r\n", "9112 2.2", BAD),
    ("HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n", "9112 2.2, strict", BAD),
    ("HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n", "9112 2.2", BAD),
    ("HTTP/1.1 200 O\u{0}K\r\nContent-Length: 0\r\n\r\n", "9112 4", BAD),
    ("HTTP/1.1 200 O\u{1b}K\r\nContent-Length: 0\r\n\r\n", "9112 4", BAD),
    ("HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", "9112 4, strict", BAD),
    ("HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n", "9112 4, strict", BAD),
    (" HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "9112 4", BAD),
    ("HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", "9110 15", BAD),
    ("HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", "9110 15", BAD),
    ("HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n", "9110 15", BAD),
    ("HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n", "9110 15", BAD),
    ("HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n", "9110 15", BAD),
    ("HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n", "9110 15", BAD),
    ("HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", "9110 15", BAD),
    ("HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "9112 2.3", BAD),
    ("HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", "9110 2.5, strict", BAD),
    ("http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "9112 2.3", BAD),
    ("ICY 200 OK\r\nContent-Length: 0\r\n\r\n", "9112 4", BAD),
    ("<html>\r\n\r\n", "9112 4: HTTP/0.9", BAD),
    ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "9112 4: a request", BAD),
    ("HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", "9112 5.1: removed or refused", BAD),
    ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", "9112 5.2, strict", BAD),
    ("HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 0\r\n\r\n", "9112 5.2, strict", BAD),
    ("HTTP/1.1 200 OK\r\nA: b\u{0}\r\nContent-Length: 0\r\n\r\n", "9110 5.5", BAD),
    ("HTTP/1.1 200 OK\r\nA\r\nContent-Length: 0\r\n\r\n", "9112 5", BAD),
    ("HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 0\r\n\r\n", "9110 5.1", BAD),
    ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "9112 6.1, strict", BAD),
    ("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na", "9112 4, lenient", length("a")),
    ("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\na", "9112 4", length("a")),
    ("HTTP/1.1 200 \u{e9}\t!\r\nContent-Length: 1\r\n\r\na", "9112 4", length("a")),
    ("HTTP/1.1 599 X\r\nContent-Length: 1\r\n\r\na", "9110 15", passed(599, Framing::Length(1), "a")),
    ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "9112 9.3", length("a").once()),
    ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", "9112 9.3", length("a")),
    ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\na", "9112 6.3", chunked("a").once()),
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "9110 15.2", length("a")),
    ("HTTP/1.1 103 X\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "8297 2", length("a")),
    ("HTTP/1.1 100 X\r\n\r\nHTTP/1.1 102 X\r\n\r\nHTTP/1.1 204 X\r\n\r\n", "9110 15.2: several", empty(204)),
    ("HTTP/1.1 100 X\r\nContent-Length: 0\r\n\r\nHTTP/1.1 204 X\r\n\r\n", "9110 8.6, lenient", empty(204)),
];

/// Behind `HTTP/1.1 200 OK`.
const BODIES: &[Row] = &[
    ("Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "9112 6.3", BAD),
    ("Content-Length: 1\r\nContent-Length: 1\r\n\r\na", "9112 6.3, strict", BAD),
    ("Content-Length: 1, 1\r\n\r\na", "9112 6.3, strict", BAD),
    ("Content-Length: -1\r\n\r\n", "9110 8.6", BAD),
    ("Content-Length: +1\r\n\r\na", "9110 8.6", BAD),
    ("Content-Length: 0x1\r\n\r\na", "9110 8.6", BAD),
    ("Content-Length:\r\n\r\n", "9110 8.6", BAD),
    ("Content-Length: 1 \u{b}\r\n\r\na", "9110 5.5", BAD),
    ("Content-Length: 18446744073709551616\r\n\r\n", "9110 8.6: beyond 64 bits", BAD),
    ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "9112 6.3, strict", BAD),
    ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "9112 6.3, strict", BAD),
    ("Transfer-Encoding: gzip\r\n\r\nabc", "9112 6.3, strict", BAD),
    ("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "9112 6.1", BAD),
    ("Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "9112 6.1", BAD),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "9112 6.1", BAD),
    ("Transfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na", "9112 6.1, strict", BAD),
    ("Transfer-Encoding: xchunked\r\n\r\nabc", "9112 6.1", BAD),
    ("Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", "9112 6.1", BAD),
    ("Transfer-Encoding :chunked\r\n\r\n0\r\n\r\n", "9112 5.1", BAD),
    ("Content-Length: 5\r\n\r\nhello", "9112 6.3", length("hello")),
    ("Content-Length: 0\r\n\r\n", "9112 6.3", length("")),
    ("Connection: close\r\nContent-Length: 1\r\n\r\na", "9112 9.6", length("a").once()),
    ("Connection: x, Close\r\nX: 1\r\nContent-Length: 1\r\n\r\na", "9112 9.6", length("a").once().lacks(&["x"])),
    ("Connection: X\r\nX: 1\r\nContent-Length: 1\r\n\r\na", "9110 7.6.1", length("a").lacks(&["x", "connection"])),
    ("Connection: Content-Length\r\nContent-Length: 1\r\n\r\na", "9110 7.6.1: cannot be nominated", length("a")),
    (
        "Keep-Alive: a\r\nProxy-Connection: b\r\nContent-Length: 1\r\n\r\na",
        "9110 7.6.1",
        length("a").lacks(&["keep-alive"]),
    ),
    ("Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 1\r\n\r\na", "9113 3.1", length("a").lacks(&["upgrade"])),
    ("\r\nhello", "9112 6.3: until it closes", chunked("hello").once()),
    ("\r\n", "9112 6.3: until it closes, empty", chunked("").once()),
    (
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "9112 6.3: a body that looks like a response",
        chunked("HTTP/1.1 200 OK\r\n\r\n").once(),
    ),
    ("Content-Length: 2\r\n\r\nhello", "9112 6.3: more than it says", length("he").once()),
    ("Content-Length: 2\r\n\r\nhi\r\n", "9112 6.3: an empty line too many", length("hi").once()),
    (
        "Content-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        "9112 6.3: a response nobody asked for",
        length("hi").once(),
    ),
    ("Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", "9112 9.2", length("").once()),
    ("Content-Length: 10\r\n\r\nhello", "9112 8: less than it says", CUT),
];

/// Behind a head with `Transfer-Encoding: chunked`.
const CHUNKS: &[Row] = &[
    ("0\r\n\r\n", "9112 7.1", chunked("")),
    ("5\r\nhello\r\n0\r\n\r\n", "9112 7.1", chunked("hello")),
    ("5;a=b\r\nhello\r\n0;c\r\n\r\n", "9112 7.1.1", chunked("hello")),
    ("1\r\na\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n", "9110 6.5.1", chunked("a").lacks(&["content-length"])),
    (
        "0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        "9112 9.2: nobody asked for it",
        chunked("").once(),
    ),
    ("5\r\nhello\r\n", "9112 8: no last chunk", CUT),
    ("5\r\nhel", "9112 8: a chunk in part", CUT),
    ("0\r\n", "9112 8: no end of the trailers", CUT),
    ("-5\r\nhello\r\n0\r\n\r\n", "9112 7.1: a sign", CUT),
    ("0x5\r\nhello\r\n0\r\n\r\n", "9112 7.1: a prefix", CUT),
    ("5\nhello\n0\n\n", "9112 2.2, strict", CUT),
    ("5;\n\r\nhello\r\n0\r\n\r\n", "9112 7.1.1: a line feed in an extension", CUT),
    ("5\r\nhello!\r\n0\r\n\r\n", "9112 7.1: longer than it says", CUT),
    ("fffffffffffffffff\r\n", "9112 7.1: beyond 64 bits", CUT),
    ("0\r\nA : b\r\n\r\n", "9112 5.1", CUT),
    ("0\r\nHTTP/1.1 200 OK\r\n\r\n", "9112 7.1.2: no field", CUT),
];

/// Behind `HTTP/1.1`: responses that never have a body.
const BODILESS: &[Row] = &[
    ("204 No Content\r\n\r\n", "9112 6.3", empty(204)),
    ("204 No Content\r\nContent-Length: 0\r\n\r\n", "9110 8.6, lenient", empty(204).lacks(&["content-length"])),
    ("204 No Content\r\nContent-Length: 5\r\n\r\n", "9110 8.6, lenient", empty(204).lacks(&["content-length"]).once()),
    ("204 No Content\r\nContent-Length: 5\r\n\r\nhello", "9110 8.6", empty(204).lacks(&["content-length"]).once()),
    ("204 No Content\r\n\r\nhello", "9112 6.3: a body all the same", empty(204).once()),
    ("204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "9112 6.1", BAD),
    ("304 Not Modified\r\n\r\n", "9112 6.3", empty(304)),
    ("304 Not Modified\r\nContent-Length: 5\r\n\r\n", "9112 6.3: the length of another", empty(304)),
    ("304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", "9112 6.3: a body all the same", empty(304).once()),
    ("304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", "9112 6.3", empty(304)),
    (
        "304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "9112 6.3: a body all the same",
        empty(304).once(),
    ),
    ("205 Reset Content\r\nContent-Length: 0\r\n\r\n", "9110 15.3.6", passed(205, Framing::Length(0), "")),
    ("100 Continue\r\nContent-Length: 5\r\n\r\nhello", "9110 8.6, strict", BAD),
    ("103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "9112 6.1, strict", BAD),
    (
        "101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "9110 7.8: not asked for",
        Then::Refused("upgrade_refused"),
    ),
    ("101 X\r\n\r\n", "9110 7.8: not asked for", Then::Refused("upgrade_refused")),
    ("101 X\r\nContent-Length: 5\r\n\r\nhello", "9110 8.6", BAD),
];

/// Behind `HTTP/1.1 200 OK`, to a HEAD.
const TO_HEAD: &[Row] = &[
    ("Content-Length: 5\r\n\r\n", "9112 6.3: the length of a GET", empty(200)),
    ("Transfer-Encoding: chunked\r\n\r\n", "9112 6.3: the coding of a GET", empty(200)),
    ("\r\n", "9112 6.3", empty(200)),
    ("Content-Length: 5\r\n\r\nhello", "9110 9.3.2: a body all the same", empty(200).once()),
    ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "9110 9.3.2: a body all the same", empty(200).once()),
    ("Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "9112 6.3: also without a body", BAD),
    ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "9112 6.3, strict: also without a body", BAD),
];
