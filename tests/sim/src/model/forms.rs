//! Requests and responses that must be refused, each with the verdicts that are right.
//!
//! A few of each family only: framing in two ways, line breaks, folded fields, what hides a second message. The table of
//! all known forms is a test of its own. `TOKEN` in a form stands for the token of its exchange; [`MARK`] is in everything
//! that must reach nobody.

use tollgate_http::Reason;

/// Stands in whatever would be a message of its own if a form was misread.
pub const MARK: &str = "smuggled";

/// A form of request that must be refused.
#[derive(Debug)]
pub struct BadForm {
    /// The whole of it; the rest of its batch may follow.
    pub bytes: &'static str,
    /// One of these is the verdict.
    pub reasons: &'static [Reason],
    /// Only its body is wrong: its head goes to an endpoint, its end never.
    pub in_body: bool,
}

const fn head(bytes: &'static str, reasons: &'static [Reason]) -> BadForm {
    BadForm { bytes, reasons, in_body: false }
}

const fn body(bytes: &'static str, reasons: &'static [Reason]) -> BadForm {
    BadForm { bytes, reasons, in_body: true }
}

/// Requests to be refused.
pub const BAD_REQUESTS: &[BadForm] = &[
    head(
        "POST /x/TOKEN HTTP/1.1\r\nHost: a\r\nX-Token: TOKEN\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Reason::ConflictingFraming],
    ),
    head(
        "POST /x/TOKEN HTTP/1.1\r\nHost: a\r\nX-Token: TOKEN\r\nContent-Length: 0\r\nContent-Length: 38\r\n\r\n\
         GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Reason::BadContentLength, Reason::ConflictingFraming],
    ),
    head(
        "POST /x/TOKEN HTTP/1.1\r\nHost: a\r\nX-Token: TOKEN\r\nContent-Length: +5\r\n\r\nhello",
        &[Reason::BadContentLength],
    ),
    head(
        "POST /x/TOKEN HTTP/1.1\r\nHost: a\r\nX-Token: TOKEN\r\nTransfer-Encoding: chunked, identity\r\n\r\n\
         0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Reason::ConflictingFraming, Reason::UnknownTransferCoding],
    ),
    head(
        "POST /x/TOKEN HTTP/1.1\r\nHost: a\r\nX-Token: TOKEN\r\nTransfer-Encoding : chunked\r\n\r\n\
         0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        &[Reason::BadHeader],
    ),
    head(
        "GET /x/TOKEN HTTP/1.1\r\nHost: a\r\nX-Token: TOKEN\r\n X-Folded: 1\r\n\r\n",
        &[Reason::LineFolding, Reason::BadHeader],
    ),
    head(
        "GET /x/TOKEN HTTP/1.1\r\nHost: a\r\nX-Token: TOKEN\r\nX-Line: a\nX-Second: smuggled\r\n\r\n",
        &[Reason::BareLineBreak, Reason::BadHeader],
    ),
    head("GET /x/TOKEN HTTP/1.1\r\nHost: a\r\nHost: b\r\nX-Token: TOKEN\r\n\r\n", &[Reason::BadHost]),
    head("GET /x/TOKEN HTTP/1.1\r\nX-Token: TOKEN\r\n\r\n", &[Reason::BadHost]),
    head("GET  /x/TOKEN HTTP/1.1\r\nHost: a\r\n\r\n", &[Reason::BadRequestLine, Reason::BadTarget]),
    head("GET /x/TOKEN HTTP/3.0\r\nHost: a\r\n\r\n", &[Reason::UnsupportedVersion, Reason::BadRequestLine]),
    head("GET /x/%zz/TOKEN HTTP/1.1\r\nHost: a\r\n\r\n", &[Reason::BadTarget]),
    body(
        "POST /x/TOKEN HTTP/1.1\r\nHost: a\r\nX-Token: TOKEN\r\nTransfer-Encoding: chunked\r\n\r\n5x\r\nhello\r\n0\r\n\r\n",
        &[Reason::BadChunk],
    ),
    body(
        "POST /x/TOKEN HTTP/1.1\r\nHost: a\r\nX-Token: TOKEN\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
        &[Reason::BadChunk],
    ),
    body(
        "POST /x/TOKEN HTTP/1.1\r\nHost: a\r\nX-Token: TOKEN\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\nContent-Length : 3\r\n\r\n",
        &[Reason::BadTrailer, Reason::BadChunk],
    ),
];

/// Responses to be refused: nothing of them may reach a client.
pub const BAD_ANSWERS: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nsmuggled\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nContent-Length: 3\r\n\r\nsmuggled",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nsmuggled",
    "HTTP/1.1 200 OK\r\nX-A: smuggled\nX-B: 1\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length : 8\r\n\r\nsmuggled",
    "HTTP/1.1 20 OK\r\nContent-Length: 8\r\n\r\nsmuggled",
    "HTTP/2.0 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled",
    "ICY 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled",
    "smuggled smuggled smuggled\r\n\r\n",
];
