//! Where a body ends: Content-Length and Transfer-Encoding, alone, together, and disguised (RFC 9112, section 6).
//!
//! The classic ways of smuggling: the gateway believes one field and the endpoint the other. Whatever names two ends, or one
//! in an unusual spelling, is refused; where the value is plain, both sides see the same bytes.

use super::{Row, Sent, Verdict};

const BREAK: Verdict = Verdict::Refused(400, "bare_line_break");
const FIELD: Verdict = Verdict::Refused(400, "bad_header");
const FOLDED: Verdict = Verdict::Refused(400, "line_folding");
const LENGTH: Verdict = Verdict::Refused(400, "bad_content_length");
const FRAMING: Verdict = Verdict::Refused(400, "conflicting_framing");
const CODING: Verdict = Verdict::Refused(501, "unknown_transfer_coding");

/// Behind `POST / HTTP/1.1` and `Host: a`, with the rest of the head and the body.
pub(super) const ROWS: &[Row] = &[
    ("Content-Length: 1\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", "9112 6.3", FRAMING),
    ("Content-Length: 1\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", "9112 6.3, strict", FRAMING),
    ("Content-Length: 1, 1\r\n\r\n", "9112 6.3, strict", LENGTH),
    ("Content-Length:\r\n\r\n", "9110 8.6", LENGTH),
    ("Content-Length: +1\r\n\r\n", "9110 8.6", LENGTH),
    ("Content-Length: -1\r\n\r\n", "9110 8.6", LENGTH),
    ("Content-Length: 0x1\r\n\r\n", "9110 8.6", LENGTH),
    ("Content-Length: 1 0\r\n\r\n", "9110 8.6", LENGTH),
    ("Content-Length: 1.0\r\n\r\n", "9110 8.6", LENGTH),
    ("Content-Length: 18446744073709551616\r\n\r\n", "9110 8.6", LENGTH),
    ("transfer-encoding: identity\r\ncontent-length: 1\r\n\r\n0\r\n\r\n", "9112 6.1, strict", FRAMING),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "9112 6.1", FRAMING),
    ("Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "9112 6.1", FRAMING),
    ("Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", "9112 6.3", FRAMING),
    ("Transfer-Encoding: , chunked\r\n\r\n0\r\n\r\n", "9110 5.6.1, strict", FRAMING),
    ("Transfer-Encoding:\r\n\r\n0\r\n\r\n", "9112 6.1", FRAMING),
    ("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "9112 6.1", CODING),
    ("Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", "9112 6.1", CODING),
    ("Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", "9112 6.1", CODING),
    ("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "9112 6.1", CODING),
    ("Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", "9112 6.1", CODING),
    ("Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "9112 6.1", CODING),
    ("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", "9112 6.1, strict: CL.TE", FRAMING),
    (
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2d\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n0\r\n\r\n",
        "9112 6.1, strict: TE.CL",
        FRAMING,
    ),
    ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", "9112 6.1, strict: TE.0", FRAMING),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", "9112 6.1: TE.TE", FRAMING),
    ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "9112 6.1: TE.TE", FRAMING),
    ("Transfer-Encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\n", "9112 6.1: TE.TE", FRAMING),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n", "9112 6.1: TE.TE", FRAMING),
    ("Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", "9110 5.6.1, strict", FRAMING),
    ("Transfer-Encoding: chunked identity\r\n\r\n0\r\n\r\n", "9112 6.1", CODING),
    ("Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", "9112 6.1", CODING),
    ("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "9112 6.3", FRAMING),
    ("Transfer-Encoding: chunke\u{eb}\r\n\r\n0\r\n\r\n", "9112 6.1: letters that look alike", CODING),
    ("Transfer-Encoding: chunked\u{b}\r\n\r\n0\r\n\r\n", "9110 5.5", FIELD),
    ("Transfer-Encoding: \u{0}chunked\r\n\r\n0\r\n\r\n", "9110 5.5", FIELD),
    ("Transfer-Encoding: 'chunked'\r\n\r\n0\r\n\r\n", "9112 6.1", CODING),
    ("Transfer-Encoding: x\r\n\tchunked\r\n\r\n0\r\n\r\n", "9112 5.2", FOLDED),
    ("Transfer-Encoding: chunked\nX: y\r\n\r\n0\r\n\r\n", "9112 2.2, strict", BREAK),
    ("Transfer-Encoding\r\n: chunked\r\n\r\n0\r\n\r\n", "9112 5", FIELD),
    ("X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "9112 5.2", FOLDED),
    ("Content-Length: 5\r\nContent-length: 5\r\n\r\nhello", "9112 6.3, strict: in another case", FRAMING),
    ("Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello", "9112 6.3: CL.CL", FRAMING),
    ("Content-Length: 5, 6\r\n\r\nhello!", "9112 6.3", LENGTH),
    ("Content-Length: 5,\r\n\r\nhello", "9110 8.6", LENGTH),
    ("Content-Length: 5;a\r\n\r\nhello", "9110 8.6", LENGTH),
    ("Content-Length: \"5\"\r\n\r\nhello", "9110 8.6", LENGTH),
    ("Content-Length: 5e0\r\n\r\nhello", "9110 8.6", LENGTH),
    ("Content-Length: 0b101\r\n\r\nhello", "9110 8.6", LENGTH),
    ("Content-Length: 5a\r\n\r\nhello", "9110 8.6", LENGTH),
    ("Content-Length: \u{b2}\r\n\r\nhi", "9110 8.6: a digit elsewhere", LENGTH),
    ("Content-Length: 5\u{0}\r\n\r\nhello", "9110 5.5", FIELD),
    ("Content-Length: \u{c}5\r\n\r\nhello", "9110 5.5", FIELD),
    ("Content-Length: 99999999999999999999999\r\n\r\n", "9110 8.6: beyond 64 bits", LENGTH),
    ("Content-Length: 4294967296000000000005\r\n\r\nhello", "9110 8.6: a number that wraps around", LENGTH),
    ("Content-Length: 1\r\n 0\r\n\r\n0123456789", "9112 5.2", FOLDED),
    ("Content-Length: 5\r\n\r\nhello", "9110 8.6", Verdict::Forwarded(Sent::bare("POST /").length("hello"))),
    ("Content-Length: 0\r\n\r\n", "9110 8.6", Verdict::Forwarded(Sent::bare("POST /").length(""))),
    ("Content-Length: 005\r\n\r\nhello", "9110 8.6, lenient", Verdict::Forwarded(Sent::bare("POST /").length("hello"))),
    ("Content-Length:\t5\t\r\n\r\nhello", "9110 5.5", Verdict::Forwarded(Sent::bare("POST /").length("hello"))),
    (
        "Content-Length: 35\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "9112 6.3: a body that looks like a request",
        Verdict::Forwarded(Sent::bare("POST /").length("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")),
    ),
    (
        "Content-Length: 5\r\n\r\n0\r\n\r\n",
        "9112 6.3: a body that looks like a last chunk",
        Verdict::Forwarded(Sent::bare("POST /").length("0\r\n\r\n")),
    ),
    (
        "Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello",
        "9110 7.6.1: what frames cannot be nominated",
        Verdict::Forwarded(Sent::bare("POST /").length("hello").lacks(&["connection"])),
    ),
    (
        "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "9110 7.6.1: what frames cannot be nominated",
        Verdict::Forwarded(Sent::bare("POST /").chunked("a").lacks(&["connection"])),
    ),
    (
        "Content_Length: 3\r\nTransfer_Encoding: chunked\r\n\r\n",
        "strict: another spelling for some applications",
        Verdict::Forwarded(Sent::bare("POST /").lacks(&["content_length", "transfer_encoding"])),
    ),
    (
        "X-Content-Length: 3\r\nContent-Lengths: 4\r\n\r\n",
        "9110 5.1: other names",
        Verdict::Forwarded(Sent::bare("POST /").has(&[("X-Content-Length", "3"), ("Content-Lengths", "4")])),
    ),
    ("\r\n", "9112 6.3: no body", Verdict::Forwarded(Sent::bare("POST /"))),
    (
        "Transfer-Encoding: cHuNkEd\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "9112 7",
        Verdict::Forwarded(Sent::bare("POST /").chunked("a")),
    ),
    ("transfer-encoding:chunked\r\n\r\n0\r\n\r\n", "9112 5", Verdict::Forwarded(Sent::bare("POST /").chunked(""))),
    (
        "Transfer-Encoding:\t chunked \t\r\n\r\n0\r\n\r\n",
        "9112 5",
        Verdict::Forwarded(Sent::bare("POST /").chunked("")),
    ),
];

/// Whole requests.
pub(super) const WHOLE: &[Row] = &[
    (
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "9112 6.1: HTTP/1.0 has no transfer codings",
        FRAMING,
    ),
    (
        "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "9112 6.1",
        FRAMING,
    ),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "9112 6.1, strict: also of a GET",
        FRAMING,
    ),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 35\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "9110 9.3.1: a GET with a body",
        Verdict::Forwarded(Sent::bare("GET /").length("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")),
    ),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "9110 9.3.1: a GET with a body",
        Verdict::Forwarded(Sent::bare("GET /").chunked("hello")),
    ),
    (
        "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "9110 9.3.2: a HEAD with a body",
        Verdict::Forwarded(Sent::bare("HEAD /").length("hello")),
    ),
    (
        "DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "9110 9.3.5: a DELETE with a body",
        Verdict::Forwarded(Sent::bare("DELETE /").length("hello")),
    ),
    (
        "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "9112 6.3",
        Verdict::Forwarded(Sent::bare("POST /").length("hello").last()),
    ),
    (
        "OPTIONS / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "9110 9.3.7",
        Verdict::Forwarded(Sent::bare("OPTIONS /").length("hello")),
    ),
];
