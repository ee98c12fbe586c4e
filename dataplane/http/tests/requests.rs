//! What a request head says once it is accepted, what becomes of parts of one, and what is too large. Which forms are
//! accepted at all is the table's (`tests/forms.rs`).

use tollgate_http::{BodyLength, HeadLimits, Method, Name, Parsed, Reason, RequestIndex, Version};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 400, target_bytes: 100, fields: 8 };

fn parse(head: &[u8]) -> Parsed {
    RequestIndex::new().parse(&mut head.to_vec(), &LIMITS)
}

#[test]
fn what_exceeds_a_limit_is_refused_before_it_is_complete() {
    let (long_target, long_field) = ("x".repeat(101), "x".repeat(400));
    let nine_fields = "a: b\r\n".repeat(8);
    let rows = [
        (format!("GET /{long_target}"), Reason::TargetTooLong),
        (format!("GET /{long_target} HTTP/1.1\r\nHost: a\r\n\r\n"), Reason::TargetTooLong),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long_field}"), Reason::HeadTooLarge),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long_field}\r\n\r\n"), Reason::HeadTooLarge),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{nine_fields}"), Reason::HeadTooLarge),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}: b\r\n\r\n", "x".repeat(256)), Reason::HeadTooLarge),
        ("G".repeat(33), Reason::MethodNotImplemented),
    ];
    for (head, reason) in rows {
        assert_eq!(parse(head.as_bytes()), Parsed::Refused(reason), "{head}");
    }
    let all_target = HeadLimits { head_bytes: 50, target_bytes: 100, fields: 8 };
    let verdict = RequestIndex::new().parse(&mut format!("GET /{long_target}").into_bytes(), &all_target);
    assert_eq!(verdict, Parsed::Refused(Reason::TargetTooLong), "the request line alone fills the head");
    let at_the_limits = format!("GET /{} HTTP/1.1\r\nHost: a\r\n{}\r\n", "x".repeat(99), "a: b\r\n".repeat(7));
    assert_eq!(parse(at_the_limits.as_bytes()), Parsed::Complete { head_len: at_the_limits.len() });
}

#[test]
fn what_cannot_become_valid_is_refused_before_it_is_complete() {
    for head in
        ["\u{16}", "GET /\n", "GET / HTTP/1.1\r\nHost: a\n", "GET / HTTP/1.1\r\nHost: a\r\n b", "GET / HTTX", "{"]
    {
        assert!(matches!(parse(head.as_bytes()), Parsed::Refused(_)), "{head:?}");
    }
}

#[test]
fn every_prefix_of_a_good_head_is_partial_and_left_as_it_is() {
    let head = b"\r\n\r\nPOST http://a.b:80/%41/../c?d HTTP/1.1\r\nHost: a\r\nX:  y \r\nContent-Length: 3\r\n\r\n";
    let mut index = RequestIndex::new();
    for len in 0..head.len() {
        let mut bytes = head[..len].to_vec();
        assert_eq!(index.parse(&mut bytes, &LIMITS), Parsed::Partial, "{len} bytes");
        assert_eq!(bytes, head[..len]);
    }
    assert_eq!(parse(head), Parsed::Complete { head_len: head.len() });
}

/// What an accepted head must say: target, authority, host, body, keep-alive.
type Accepted = (&'static str, &'static str, &'static str, &'static str, &'static str, BodyLength, bool);

#[test]
fn another_version_is_told_however_slowly_it_comes() {
    for head in ["PRI * HTTP/2.0\r\n\r\n", "\r\nGET / HTTP/0.9\r\n"] {
        let end = head.find('.').unwrap() + 4;
        for len in 0..end {
            assert_eq!(parse(&head.as_bytes()[..len]), Parsed::Partial, "{head:?}, {len} bytes");
        }
        assert_eq!(parse(&head.as_bytes()[..end]), Parsed::Refused(Reason::UnsupportedVersion), "{head:?}");
    }
    for head in [
        "GET / HTTP/2.0x",
        "GET / HTTP/2x",
        "GET / HTTP/\r\n",
        "GET / HTTP/2\r\n",
        "GET / HTTP/2.01",
        "GET / a HTTP/2.0",
    ] {
        assert_eq!(parse(head.as_bytes()), Parsed::Refused(Reason::BadRequestLine), "{head:?}");
    }
}

#[test]
fn forms_are_accepted() {
    use BodyLength::{Chunked, Length, None};
    let rows: &[Accepted] = &[
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3.2.1", "/", "a", "a", None, true),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "9112 2.2", "/", "a", "a", None, true),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "9112 2.2", "/", "a", "a", None, true),
        ("GET /a/b?c HTTP/1.1\r\nHOST:a:80\r\n\r\n", "9110 7.2", "/a/b?c", "a:80", "a", None, true),
        ("GET /a/./b/../%63%2f HTTP/1.1\r\nHost: a\r\n\r\n", "3986 6.2.2", "/a/c%2F", "a", "a", None, true),
        ("GET //a//b HTTP/1.1\r\nHost: a\r\n\r\n", "3986 3.3", "//a//b", "a", "a", None, true),
        ("GET /?%2e%41=a\\b HTTP/1.1\r\nHost: a\r\n\r\n", "3986 3.4", "/?%2e%41=a\\b", "a", "a", None, true),
        ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "3986 3.2.2", "/", "[::1]:80", "[::1]", None, true),
        ("GET / HTTP/1.1\r\nHost:\t A.example. \t\r\n\r\n", "9110 5.5", "/", "A.example.", "A.example.", None, true),
        ("GET http://b:1/c?d HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3.2.2", "/c?d", "b:1", "b", None, true),
        ("GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n", "9110 4.2.3", "/", "b", "b", None, true),
        ("GET http://b?c HTTP/1.1\r\nHost: a\r\n\r\n", "9110 4.2.3", "/?c", "b", "b", None, true),
        ("OPTIONS http://b:8 HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3.2.4", "*", "b:8", "b", None, true),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "9112 3.2.4", "*", "a", "a", None, true),
        ("GET / HTTP/1.0\r\n\r\n", "9112 3.2", "/", "", "", None, false),
        ("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", "9112 9.3", "/", "a", "a", None, true),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n", "9112 9.6", "/", "a", "a", None, false),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "9110 8.6", "/", "a", "a", Length(0), true),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n", "9110 8.6", "/", "a", "a", Length(7), true),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n",
            "9110 8.6",
            "/",
            "a",
            "a",
            Length(u64::MAX),
            true,
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", "9112 7", "/", "a", "a", Chunked, true),
        ("GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \u{e9}\tz\r\n\r\n", "9110 5.5", "/", "a", "a", None, true),
    ];
    for (head, section, target, authority, host, body, keep_alive) in rows {
        let mut bytes = head.as_bytes().to_vec();
        let mut index = RequestIndex::new();
        assert_eq!(index.parse(&mut bytes, &LIMITS), Parsed::Complete { head_len: head.len() }, "{head:?} ({section})");
        let parsed = index.head(&bytes);
        assert_eq!(parsed.target(), target.as_bytes(), "{head:?} ({section})");
        assert_eq!(parsed.authority(), authority.as_bytes(), "{head:?} ({section})");
        assert_eq!(parsed.host(), host.as_bytes(), "{head:?} ({section})");
        assert_eq!((parsed.body(), parsed.keep_alive()), (*body, *keep_alive), "{head:?} ({section})");
    }
}

#[test]
fn a_head_tells_what_it_holds() {
    let text = "BREW /pot?milk=%2E HTTP/1.1\r\nhost: a\r\nX-Two: 1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
        x-two: 2\r\nTE: gzip, Trailers\r\nExpect: 100-Continue\r\n\r\nbody";
    let mut bytes = text.as_bytes().to_vec();
    let mut index = RequestIndex::new();
    assert_eq!(index.parse(&mut bytes, &LIMITS), Parsed::Complete { head_len: text.len() - 4 });
    let head = index.head(&bytes);
    assert_eq!((head.method(), head.method_bytes()), (Method::Other, &b"BREW"[..]));
    assert_eq!((head.path(), head.query()), (&b"/pot"[..], Some(&b"milk=%2E"[..])));
    assert_eq!((head.version(), head.head_len()), (Version::Http11, text.len() - 4));
    assert!(head.accepts_trailers() && head.expects_continue());
    assert_eq!(head.upgrade(), Some(&b"websocket"[..]));
    assert_eq!(head.field(Name::Host), Some(&b"a"[..]));
    assert_eq!(head.field(Name::Cookie), None);
    assert_eq!(head.field_named(b"X-TWO"), Some(&b"1"[..]));
    assert_eq!(head.fields().nth(4), Some((&b"x-two"[..], &b"2"[..])));
    assert_eq!(head.fields().count(), 7);
}

#[test]
fn one_of_several_expectations_may_be_a_100() {
    let cases =
        [("Expect: tea", false), ("Expect: tea, 100-continue", true), ("Expect: tea\r\nExpect: 100-Continue", true)];
    for (fields, expected) in cases {
        let mut bytes = format!("PUT / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n").into_bytes();
        let mut index = RequestIndex::new();
        assert!(matches!(index.parse(&mut bytes, &LIMITS), Parsed::Complete { .. }));
        assert_eq!(index.head(&bytes).expects_continue(), expected, "{fields:?}");
    }
}

#[test]
fn an_index_forgets_the_head_before() {
    let mut index = RequestIndex::new();
    let first =
        "POST http://b/x?y HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nConnection: keep-alive\r\nTE: trailers\r\n\r\n";
    assert!(matches!(index.parse(&mut first.as_bytes().to_vec(), &LIMITS), Parsed::Complete { .. }));
    let mut second = b"GET / HTTP/1.1\r\nHost: c\r\n\r\n".to_vec();
    assert!(matches!(index.parse(&mut second, &LIMITS), Parsed::Complete { .. }));
    let head = index.head(&second);
    assert_eq!((head.body(), head.authority(), head.query()), (BodyLength::None, &b"c"[..], None));
    assert_eq!((head.field(Name::ContentLength), head.accepts_trailers()), (None, false));
    assert_eq!((head.fields().count(), head.is_absolute_form()), (1, false));
}

#[test]
fn upgrades_are_seen_only_where_they_may_be() {
    let upgrade = |fields: &str| {
        let mut bytes = format!("GET / {fields}\r\n\r\n").into_bytes();
        let mut index = RequestIndex::new();
        assert!(matches!(index.parse(&mut bytes, &LIMITS), Parsed::Complete { .. }), "{fields}");
        index.head(&bytes).upgrade().is_some()
    };
    assert!(upgrade("HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket"));
    for (fields, section) in [
        ("HTTP/1.1\r\nHost: a\r\nUpgrade: websocket", "9110 7.8: Connection must name it"),
        ("HTTP/1.1\r\nHost: a\r\nConnection: upgrade", "9110 7.8"),
        ("HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket", "9110 7.8: ignored in HTTP/1.0"),
        ("HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket, H2C", "strict: never h2c"),
        ("HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: a\r\nUpgrade: b", "strict"),
    ] {
        assert!(!upgrade(fields), "{fields:?} ({section})");
    }
}
