//! Request lines, what stands in front of them and where a head ends (RFC 9112, sections 2.2, 2.3 and 3).

use super::{Row, Sent, Verdict};

const LINE: Verdict = Verdict::Refused(400, "bad_request_line");
const VERSION: Verdict = Verdict::Refused(505, "unsupported_version");
const METHOD: Verdict = Verdict::Refused(501, "method_not_implemented");
const BREAK: Verdict = Verdict::Refused(400, "bare_line_break");
const FIELD: Verdict = Verdict::Refused(400, "bad_header");
const FOLDED: Verdict = Verdict::Refused(400, "line_folding");
const HOST: Verdict = Verdict::Refused(400, "bad_host");

/// Whole heads.
pub(super) const ROWS: &[Row] = &[
    ("GET / HTTP/1.1\nHost: a\r\n\r\n", "9112 2.2, strict", BREAK),
    ("GET / HTTP/1.1\rHost: a\r\n\r\n", "9112 2.2", BREAK),
    ("GET\r/ HTTP/1.1\r\nHost: a\r\n\r\n", "9112 2.2", BREAK),
    ("\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "9112 2.2, strict", LINE),
    ("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "9112 2.2, strict: two", LINE),
    ("\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "9112 2.2", LINE),
    (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3", LINE),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3, strict", LINE),
    ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3, strict", LINE),
    ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3, strict", LINE),
    ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "9112 3, strict", LINE),
    ("GET /\r\nHost: a\r\n\r\n", "9112 3: HTTP/0.9", LINE),
    ("GET\r\nHost: a\r\n\r\n", "9112 3", LINE),
    ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "9110 5.6.2", LINE),
    ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", "9110 2.5, strict", VERSION),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "9110 15.6.6", VERSION),
    ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", "9110 15.6.6", VERSION),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "9113 3.4", VERSION),
    ("\r\nGET / HTTP/2.0\r\nHost: a\r\n\r\n", "9112 2.2: as without the empty line", VERSION),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\nX : a\r\n\r\n", "9112 2.2", BREAK),
    ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", "9112 2.3", LINE),
    ("GET / http/1.1\r\nHost: a\r\n\r\n", "9112 2.3", LINE),
    ("GET / HTTP/1\r\nHost: a\r\n\r\n", "9112 2.3", LINE),
    ("GET / HTTPS/1.1\r\nHost: a\r\n\r\n", "9112 2.3", LINE),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "9110 9.3.6, strict", METHOD),
    ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3", METHOD),
    ("\u{16}\u{3}\u{1}\u{2}", "strict: a TLS client", LINE),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "9112 2.2: as without the empty lines", BREAK),
    ("GET / HTTP/1.1\u{b}\r\nHost: a\r\n\r\n", "9112 3: white space of other kinds", LINE),
    ("GET\u{c}/ HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3: white space of other kinds", LINE),
    ("GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3: white space in the target", LINE),
    ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3.2: white space in the target", LINE),
    ("GET / HTTP/1.1, HTTP/1.0\r\nHost: a\r\n\r\n", "9112 3", LINE),
    ("GET / HTTP /1.1\r\nHost: a\r\n\r\n", "9112 2.3", LINE),
    ("GET / HTTP/01.1\r\nHost: a\r\n\r\n", "9112 2.3", LINE),
    ("GET / HTTP/1.1\u{0}\r\nHost: a\r\n\r\n", "9112 2.3", LINE),
    ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", "9110 15.6.6", VERSION),
    ("\u{0}GET / HTTP/1.1\r\nHost: a\r\n\r\n", "9110 5.6.2", LINE),
    ("\u{ef}\u{bb}\u{bf}GET / HTTP/1.1\r\nHost: a\r\n\r\n", "9110 5.6.2: a byte order mark", LINE),
    ("GET / HTTP/1.1\r\n\r\nHost: a\r\n\r\n", "9112 3.2: the head ends before Host", HOST),
    ("HTTP/1.1 200 OK\r\nHost: a\r\n\r\n", "9112 2.1: a response", LINE),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 3\r\n\r\nabc", "9110 9.3.6: with content", METHOD),
    ("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3.2.3", METHOD),
    (
        "\r\nGET /lines HTTP/1.1\r\nHost: a\r\n\r\n",
        "9112 2.2: an empty line in front",
        Verdict::Forwarded(Sent::bare("GET /lines")),
    ),
    (
        "\r\n\r\nGET /lines HTTP/1.1\r\nHost: a\r\n\r\n",
        "9112 2.2: two empty lines in front",
        Verdict::Forwarded(Sent::bare("GET /lines")),
    ),
    ("get / HTTP/1.1\r\nHost: a\r\n\r\n", "9110 9.1: another method than GET", Verdict::Forwarded(Sent::bare("get /"))),
    (
        "CONNECTX / HTTP/1.1\r\nHost: a\r\n\r\n",
        "9110 9.1: another method than CONNECT",
        Verdict::Forwarded(Sent::bare("CONNECTX /")),
    ),
    (
        "!#$%&'*+-.^_`|~09aZ / HTTP/1.1\r\nHost: a\r\n\r\n",
        "9110 5.6.2: any token",
        Verdict::Forwarded(Sent::bare("!#$%&'*+-.^_`|~09aZ /")),
    ),
    (
        "GET / HTTP/1.0\r\n\r\n",
        "9112 3.2: HTTP/1.0 may do without Host",
        Verdict::Forwarded(Sent::bare("GET /").host("*").last()),
    ),
    ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", "9112 9.3: HTTP/1.0 closes", Verdict::Forwarded(Sent::bare("GET /").last())),
    (
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        "9112 9.3: unless asked not to",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection"])),
    ),
    ("GET / HTTP/1.1\r\nHost: a\r\n\n", "9112 2.2, strict", BREAK),
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", "9112 2.2, strict", BREAK),
    ("GET / HTTP/1.1\r\nHost: a\n\n", "9112 2.2, strict", BREAK),
    ("GET / HTTP/1.1\r\nHost: a\r\nX:\n\r\n", "9112 2.2, strict", BREAK),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "9112 2.2", FOLDED),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "9112 5.1", FIELD),
    ("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", "9112 5.1", FIELD),
];
