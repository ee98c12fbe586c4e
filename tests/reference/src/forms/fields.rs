//! Field lines: names, values and line breaks (RFC 9112, section 5; RFC 9110, section 5).

use super::{Row, Sent, Verdict};

const BREAK: Verdict = Verdict::Refused(400, "bare_line_break");
const FIELD: Verdict = Verdict::Refused(400, "bad_header");
const FOLDED: Verdict = Verdict::Refused(400, "line_folding");

/// Behind `GET / HTTP/1.1`, `Host: a` without its line break, and before the end of the head.
pub(super) const ROWS: &[Row] = &[
    ("\nX: b", "9112 2.2, strict", BREAK),
    ("\rX: b", "9112 2.2", BREAK),
    ("\r", "9112 2.2", BREAK),
    ("\r\nX: b\r\n c", "9112 5.2", FOLDED),
    ("\r\nX: b\r\n\tc", "9112 5.2", FOLDED),
    ("\r\n: b", "9110 5.1", FIELD),
    ("\r\nX", "9112 5", FIELD),
    ("\r\nX(: b", "9110 5.1", FIELD),
    ("\r\nX\u{e9}: b", "9110 5.1", FIELD),
    ("\r\nX\u{0}: b", "9110 5.1", FIELD),
    ("\r\nX: b\u{0}c", "9110 5.5", FIELD),
    ("\r\nX: b\u{1}c", "9110 5.5", FIELD),
    ("\r\nX: b\u{7f}c", "9110 5.5", FIELD),
    ("\r\nX: \u{b}b", "9110 5.5", FIELD),
    ("\r\nTransfer-Encoding : chunked", "9112 5.1", FIELD),
    ("\r\nTransfer-Encoding\u{b}: chunked", "9110 5.1", FIELD),
    ("\r\nContent-Length\u{a0}: 5", "9110 5.1", FIELD),
    ("\r\n\u{0}Content-Length: 5", "9110 5.1", FIELD),
    ("\r\nX: b\r\n\tTransfer-Encoding: chunked", "9112 5.2", FOLDED),
    ("\r\nTransfer-Encoding:\r\n chunked", "9112 5.2", FOLDED),
    ("\r\nX: b\r\n  ", "9112 5.2: an empty continuation", FOLDED),
    ("\r\nX: b\rTransfer-Encoding: chunked", "9112 2.2: a line for some", BREAK),
    ("\r\nX: b\nTransfer-Encoding: chunked", "9112 2.2, strict: a line for some", BREAK),
    ("\r\nX: b\n\nGET /smuggled HTTP/1.1", "9112 2.2, strict: an end for some", BREAK),
    ("\r\nX: b\u{85}Y: c", "9110 5.5: obs-text", Verdict::Forwarded(Sent::bare("GET /").has(&[("X", "b\u{85}Y: c")]))),
    ("\r\nX: b\u{0}\r\nY: c", "9110 5.5", FIELD),
    ("\r\nGET /smuggled HTTP/1.1", "9112 5: no colon", FIELD),
    ("\r\nX Y: b", "9112 5.1", FIELD),
    ("\r\n\"X\": b", "9110 5.1", FIELD),
    ("\r\nX@Y: b", "9110 5.1", FIELD),
    ("\r\n:authority: b", "9110 5.1: a field of HTTP/2", FIELD),
    ("\r\nX:", "9110 5.5: an empty value", Verdict::Forwarded(Sent::bare("GET /").has(&[("X", "")]))),
    (
        "\r\nX:: b",
        "9112 5: the first colon ends the name",
        Verdict::Forwarded(Sent::bare("GET /").has(&[("X", ": b")])),
    ),
    (
        "\r\nX: \t b \t ",
        "9112 5: white space around a value",
        Verdict::Forwarded(Sent::bare("GET /").has(&[("X", "b")])),
    ),
    ("\r\nX: a\tb", "9110 5.5", Verdict::Forwarded(Sent::bare("GET /").has(&[("X", "a\tb")]))),
    (
        "\r\nX: \u{e9}\u{ff}",
        "9110 5.5: obs-text",
        Verdict::Forwarded(Sent::bare("GET /").has(&[("X", "\u{e9}\u{ff}")])),
    ),
    (
        "\r\n!#$%&'*+-.^_`|~9: b",
        "9110 5.1: any token",
        Verdict::Forwarded(Sent::bare("GET /").has(&[("!#$%&'*+-.^_`|~9", "b")])),
    ),
    ("\r\nX: a\r\nx: b", "9110 5.3: in order", Verdict::Forwarded(Sent::bare("GET /").has(&[("X", "a"), ("x", "b")]))),
];
