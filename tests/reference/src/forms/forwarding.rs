//! What an endpoint sees of a good request: fields of one connection stay on it (RFC 9110, section 7.6.1).
//!
//! Good requests only: what is left of them, what is written again for the next connection (TE, Upgrade), and what a client
//! may not take away by nominating it. How a body is framed on the way is with `framing` and `bodies`.

use super::{Row, Sent, Verdict};

/// Behind `GET / HTTP/1.1` and `Host: a`, before the end of the head.
pub(super) const ROWS: &[Row] = &[
    (
        "Connection: X-A\r\nX-A: 1\r\nX-B: 2",
        "9110 7.6.1",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection", "x-a"]).has(&[("X-B", "2")])),
    ),
    (
        "Connection: x-a ,, X-B\r\nX-A: 1\r\nx-b: 2",
        "9110 5.6.1",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection", "x-a", "x-b"])),
    ),
    (
        "Connection: X-A\r\nConnection: X-B\r\nX-A: 1\r\nX-B: 2",
        "9110 5.3",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection", "x-a", "x-b"])),
    ),
    (
        "Connection: Host",
        "9110 7.6.1, strict: cannot be nominated",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection"])),
    ),
    (
        "Connection: Authorization, Cookie\r\nAuthorization: a\r\nCookie: b=c",
        "strict: cannot be nominated",
        Verdict::Forwarded(
            Sent::bare("GET /").lacks(&["connection"]).has(&[("Authorization", "a"), ("Cookie", "b=c")]),
        ),
    ),
    (
        "Connection: close, X-A\r\nX-A: 1",
        "9112 9.6",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection", "x-a"]).last()),
    ),
    (
        "Connection: Close",
        "9112 9.6: in any case",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection"]).last()),
    ),
    ("Connection: closed", "9112 9.6: another word", Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection"]))),
    ("Connection: \"close\"", "9112 9.6: another word", Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection"]))),
    (
        "Connection: keep-alive, close",
        "9112 9.3",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection"]).last()),
    ),
    (
        "Connection: keep-alive\r\nKeep-Alive: timeout=5",
        "9110 7.6.1",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection", "keep-alive"])),
    ),
    (
        "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive",
        "9110 7.6.1: also when not nominated",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["keep-alive", "proxy-connection"])),
    ),
    (
        "Proxy-Connection: close",
        "9112 C.2.2, appendix: says nothing",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["proxy-connection"])),
    ),
    ("TE: gzip", "9110 10.1.4", Verdict::Forwarded(Sent::bare("GET /").lacks(&["te"]))),
    (
        "TE: trailers",
        "9110 10.1.4",
        Verdict::Forwarded(Sent::bare("GET /").has(&[("TE", "trailers"), ("Connection", "TE")])),
    ),
    (
        "Connection: TE\r\nTE: trailers, deflate;q=0.5",
        "9110 10.1.4",
        Verdict::Forwarded(Sent::bare("GET /").has(&[("TE", "trailers"), ("Connection", "TE")])),
    ),
    (
        "Trailer: X-Sum",
        "9110 6.6.2: without a chunked body",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["trailer"])),
    ),
    (
        "Proxy-Authorization: a\r\nProxy-Authenticate: b",
        "9110 11.7: for this proxy",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["proxy-authorization", "proxy-authenticate"])),
    ),
    (
        "Upgrade: websocket",
        "9110 7.8: Connection must name it",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["upgrade"])),
    ),
    ("Connection: upgrade", "9110 7.8", Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection", "upgrade"]))),
    (
        "Connection: Upgrade\r\nUpgrade: websocket",
        "9110 7.8",
        Verdict::Forwarded(Sent::bare("GET /").has(&[("Upgrade", "websocket"), ("Connection", "Upgrade")])),
    ),
    (
        "Connection: Upgrade\r\nUpgrade: a\r\nUpgrade: b",
        "9110 7.8, strict",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection", "upgrade"])),
    ),
    (
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
        "9113 3.1: past the gateway",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection", "upgrade", "http2-settings"])),
    ),
    (
        "Connection: Upgrade\r\nUpgrade: websocket, h2c",
        "9113 3.1: past the gateway",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection", "upgrade"])),
    ),
    (
        "Connection: Upgrade\r\nUpgrade: H2C",
        "9113 3.1: in any case",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection", "upgrade"])),
    ),
    (
        "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
        "9113 3.1",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["http2-settings"])),
    ),
    (
        "X_Forwarded_For: 1\r\nx_real-ip: 2\r\nX-Forwarded_Host: b",
        "strict: another spelling for some applications",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["x_forwarded_for", "x_real-ip", "x-forwarded_host"])),
    ),
    (
        "X_A: 1",
        "9110 5.1: only known names have another spelling",
        Verdict::Forwarded(Sent::bare("GET /").has(&[("X_A", "1")])),
    ),
    ("Expect: 100-continue", "9110 10.1.1: without a body", Verdict::Forwarded(Sent::bare("GET /"))),
    (
        "Max-Forwards: 0",
        "9110 7.6.2: of OPTIONS and TRACE only",
        Verdict::Forwarded(Sent::bare("GET /").has(&[("Max-Forwards", "0")])),
    ),
];

/// Whole heads.
pub(super) const WHOLE: &[Row] = &[
    ("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", "9110 7.6.2", Verdict::Answered(204)),
    (
        "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 2\r\n\r\n",
        "9110 7.6.2",
        Verdict::Forwarded(Sent::bare("OPTIONS /").has(&[("Max-Forwards", "1")])),
    ),
    (
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "9110 7.8: ignored in HTTP/1.0",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection", "upgrade"]).last()),
    ),
    (
        "GET / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
        "9110 10.1.1: ignored in HTTP/1.0",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["expect"]).last()),
    ),
    (
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n",
        "9112 9.3",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["connection"]).last()),
    ),
    (
        "GET / HTTP/1.0\r\nHost: a\r\nProxy-Connection: keep-alive\r\n\r\n",
        "9112 C.2.2",
        Verdict::Forwarded(Sent::bare("GET /").lacks(&["proxy-connection"]).last()),
    ),
];
