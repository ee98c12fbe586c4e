//! What a response head says once it is accepted, and what is too large. Which forms are accepted at all is the table's
//! (`tests/forms.rs`).

use tollgate_http::{BodyLength, HeadLimits, Method, Parsed, Reason, ResponseIndex, Version};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 300, target_bytes: 1, fields: 4 };

fn parse(head: &str, request: Method) -> Parsed {
    ResponseIndex::new().parse(head.as_bytes(), request, &LIMITS)
}

#[test]
fn what_cannot_become_valid_is_refused_before_it_is_complete() {
    for head in ["HTTP/1.1 200 OK\r\nA: b\n", "HTTP/1.1 200 OK\n", "HTTP/1.1 2x", "ICY", "\r\n", "<html>"] {
        assert_eq!(parse(head, Method::Get), Parsed::Refused(Reason::UpstreamMalformed), "{head:?}");
    }
}

#[test]
fn large_heads_are_refused() {
    let long = "x".repeat(300);
    for head in [
        format!("HTTP/1.1 200 {long}"),
        format!("HTTP/1.1 200 OK\r\nA: {long}"),
        format!("HTTP/1.1 200 OK\r\n{long}: a\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(5)),
    ] {
        assert_eq!(parse(&head, Method::Get), Parsed::Refused(Reason::UpstreamHeadTooLarge), "{head}");
    }
}

/// Head, method of the request, section, status, body, keep-alive.
type Accepted = (&'static str, Method, &'static str, u16, BodyLength, bool);

#[test]
fn forms_are_accepted() {
    use BodyLength::{Chunked, Length, None, UntilClose};
    use Method::{Get, Head};
    let rows: &[Accepted] = &[
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Get, "9112 6.3", 200, Length(5), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Head, "9112 6.3", 200, None, true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Get, "9112 6.3", 200, Length(0), true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Get, "9112 6.3", 200, Chunked, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n", Head, "9112 6.3", 200, None, true),
        ("HTTP/1.1 200 OK\r\n\r\n", Get, "9112 6.3", 200, UntilClose, false),
        ("HTTP/1.1 200 OK\r\n\r\n", Head, "9112 6.3", 200, None, true),
        ("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", Get, "9112 4, lenient", 200, Length(1), true),
        ("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", Get, "9112 4", 200, Length(1), true),
        ("HTTP/1.1 200 \u{e9}\t!\r\nContent-Length: 1\r\n\r\n", Get, "9112 4", 200, Length(1), true),
        ("HTTP/1.1 599 X\r\nContent-Length: 1\r\n\r\n", Get, "9110 15", 599, Length(1), true),
        ("HTTP/1.1 204 No Content\r\n\r\n", Get, "9112 6.3", 204, None, true),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", Get, "9110 8.6", 204, None, true),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", Get, "9110 8.6, strict", 204, None, false),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", Get, "9112 6.3", 304, None, true),
        ("HTTP/1.1 100 Continue\r\n\r\n", Get, "9110 15.2", 100, None, true),
        ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", Get, "8297 2", 103, None, true),
        ("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", Get, "9110 7.8", 101, None, false),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", Get, "9112 9.6", 200, Length(1), false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", Get, "9112 9.3", 200, Length(1), false),
        (
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n",
            Get,
            "9112 9.3",
            200,
            Length(1),
            true,
        ),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", Get, "9112 9.3", 200, UntilClose, false),
    ];
    for (head, request, section, status, body, keep_alive) in rows {
        let bytes = head.as_bytes().to_vec();
        let mut index = ResponseIndex::new();
        let verdict = index.parse(&bytes, *request, &LIMITS);
        assert_eq!(verdict, Parsed::Complete { head_len: head.len() }, "{head:?} ({section})");
        let parsed = index.head(&bytes);
        assert_eq!((parsed.status(), parsed.body()), (*status, *body), "{head:?} ({section})");
        assert_eq!(parsed.keep_alive(), *keep_alive, "{head:?} ({section})");
        assert_eq!(parsed.is_interim(), matches!(status, 100 | 103), "{head:?} ({section})");
        assert_eq!(parsed.upgrade().is_some(), *status == 101, "{head:?} ({section})");
    }
}

#[test]
fn a_head_tells_what_it_holds() {
    let bytes = b"HTTP/1.0 404 Not Here\r\nA: b\r\n\r\n".to_vec();
    let mut index = ResponseIndex::new();
    for len in 0..bytes.len() {
        assert_eq!(index.parse(&bytes[..len], Method::Get, &LIMITS), Parsed::Partial, "{len} bytes");
    }
    assert_eq!(index.parse(&bytes, Method::Get, &LIMITS), Parsed::Complete { head_len: bytes.len() });
    let head = index.head(&bytes);
    assert_eq!((head.version(), head.phrase()), (Version::Http10, &b"Not Here"[..]));
    assert_eq!(head.field_named(b"a"), Some(&b"b"[..]));
}
