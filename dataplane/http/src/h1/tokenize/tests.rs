//! The one-pass scan against httparse: what the scan takes, httparse takes too and with the same index, and common heads
//! are taken by the scan.

use super::*;
use proptest::prelude::*;

const REQUEST: &str = "GET /orders/7?a=%41&b=\"c\" HTTP/1.1\r\nHost: api.example.com:8080\r\nUser-Agent: client/2.7 (linux; x86_64)\r\n\
    X-Empty:\r\nX-Forwarded-Any: \t a\tb \t\r\nAccept: */*\r\nX-\u{e4}: \u{e4}\r\nAccept: a\r\n\r\n";
const RESPONSE: &str = "HTTP/1.0 404 Not \t Found\r\nServer: origin\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    content-length:10\r\nETag: \"0123456789\"\r\nConnection: close, x\r\n\r\nbody";

/// What is put into a head, or over it.
const WRONG: &[&str] = &[
    "\r", "\n", "\r\n", "\r\n\r\n", "\0", " ", "\t", ":", "\u{7f}", "\u{80}", "\u{1f}", "(", "HTTP/1.1", "  ", "a_b: c",
];

type Shown = (Vec<(Vec<u8>, Vec<u8>)>, String);

/// All an index says, as text where it keeps positions.
fn shown(fields: &Fields, bytes: &[u8]) -> Shown {
    let lines = fields.iter(bytes).map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    let mut kept = Vec::new();
    fields.for_each_kept_run(bytes, crate::NameSet::of(&[crate::Name::Host]), None::<&fn(&[u8]) -> bool>, |run| {
        kept.extend_from_slice(run);
    });
    let host = fields.value(bytes, crate::Name::Accept);
    (lines, format!("{kept:?} {host:?} {} {:?}", fields.is_repeated(crate::Name::Accept), fields.connection))
}

/// Whether the scan takes the request; if so it must agree with httparse.
fn request_is_scanned(bytes: &[u8], limits: &HeadLimits) -> bool {
    let (mut scanned, mut judged) = (Fields::new(), Fields::new());
    let Some(tokens) = scan::request(bytes, limits.fields(), &mut scanned) else { return false };
    let reference = judge_request(bytes, 0, limits, &mut judged).expect("what is scanned is acceptable");
    let line = |line: &RequestLine| (line.target_start, line.target_end, line.minor);
    assert_eq!(line(&tokens.start_line), line(&reference.start_line));
    assert_eq!(tokens.head_len, reference.head_len);
    assert_eq!(shown(&scanned, bytes), shown(&judged, bytes));
    true
}

fn response_is_scanned(bytes: &[u8], limits: &HeadLimits) -> bool {
    let (mut scanned, mut judged) = (Fields::new(), Fields::new());
    let Some(tokens) = scan::response(bytes, limits.fields(), &mut scanned) else { return false };
    let reference = judge_response(bytes, limits, &mut judged).expect("what is scanned is acceptable");
    let line = |line: &StatusLine| (line.status, line.minor, line.line_end);
    assert_eq!(line(&tokens.start_line), line(&reference.start_line));
    assert_eq!(tokens.head_len, reference.head_len);
    assert_eq!(shown(&scanned, bytes), shown(&judged, bytes));
    true
}

/// One byte per character.
fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|character| character as u8).collect()
}

#[test]
fn common_heads_are_scanned() {
    let request = latin(&REQUEST.replace("X-\u{e4}", "X-a"));
    assert!(request_is_scanned(&request, &HeadLimits::DEFAULT));
    assert!(response_is_scanned(&latin(RESPONSE), &HeadLimits::DEFAULT));
    for short in ["GET / HTTP/1.1\r\n\r\n", "DELETE /a HTTP/1.0\r\nA:\r\n\r\n"] {
        assert!(request_is_scanned(short.as_bytes(), &HeadLimits::DEFAULT));
    }
    assert!(response_is_scanned(b"HTTP/1.1 200 \r\n\r\n", &HeadLimits::DEFAULT));
}

#[test]
fn every_byte_anywhere_is_judged_alike() {
    for head in [latin(REQUEST), latin(&REQUEST.replace("X-\u{e4}", "X-a")), latin(RESPONSE)] {
        for at in 0..head.len() {
            for byte in 0..=u8::MAX {
                let mut head = head.clone();
                head[at] = byte;
                request_is_scanned(&head, &HeadLimits::DEFAULT);
                response_is_scanned(&head, &HeadLimits::DEFAULT);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn broken_heads_are_judged_alike(
        is_request: bool,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, prop::sample::select(WRONG)), 0..4),
        end in any::<prop::sample::Index>(),
        fields in 0_usize..9,
    ) {
        let mut head = latin(&if is_request { REQUEST.replace("X-\u{e4}", "X-a") } else { RESPONSE.to_owned() });
        for (at, removed, wrong) in cuts {
            let at = at.index(head.len());
            head.splice(at..(at + removed).min(head.len()), latin(wrong));
        }
        let limits = HeadLimits { fields, ..HeadLimits::DEFAULT };
        request_is_scanned(&head, &limits);
        response_is_scanned(&head, &limits);
        head.truncate(end.index(head.len() + 1));
        request_is_scanned(&head, &HeadLimits::DEFAULT);
        response_is_scanned(&head, &HeadLimits::DEFAULT);
    }
}
