//! The request parser against the strict reference: whatever is broken in a good head, both take it or neither does.
//! `tests/properties` compares much more, on what a fuzzer finds; this runs with the crate.

use proptest::prelude::*;
use tollgate_http::{HeadLimits, Parsed, RequestIndex};
use tollgate_reference::{Limits, Reading, read_request};

const GOOD: &[&str] = &[
    "GET /a/%2e/b/../c?d=%41 HTTP/1.1\r\nHost: a.b:80\r\nA: b\r\n\r\n",
    "\r\nPOST /x HTTP/1.1\r\nhost:a\r\nContent-Length: 10\r\nConnection: close\r\n\r\n",
    "PUT http://a:8/b%2fc;d HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET https://b?q HTTP/1.0\r\nX:\t y \r\n\r\n",
];

/// What is put into a good head.
const WRONG: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\r\n\r\n",
    "\0",
    " ",
    "\t",
    ":",
    "/",
    "/../",
    "..",
    "%2e",
    "%2F",
    "%5c",
    "%",
    "%00",
    ";",
    "?",
    "#",
    "@",
    "\\",
    "[",
    "]",
    "*",
    ",",
    "0",
    "9",
    "\u{7f}",
    "\u{e9}",
    "Host: a\r\n",
    "Content-Length: 1\r\n",
    "Transfer-Encoding: chunked\r\n",
    "chunked",
    "HTTP/1.0",
    "http://",
];

/// Replaces `cut` bytes at `at` with `put`, for each edit.
fn broken_heads() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0..3_usize, prop::sample::select(WRONG), any::<bool>());
    (prop::sample::select(GOOD), prop::collection::vec(edit, 0..4)).prop_map(|(good, edits)| {
        let mut head = good.as_bytes().to_vec();
        for (at, cut, put, puts) in edits {
            let start = at.index(head.len() + 1);
            let end = (start + cut).min(head.len());
            head.splice(start..end, if puts { put.bytes() } else { "".bytes() });
        }
        head
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn parser_and_reference_agree(head in broken_heads()) {
        let limits = HeadLimits { head_bytes: 16_384, target_bytes: 8_192, fields: 100 };
        let verdict = RequestIndex::new().parse(&mut head.clone(), &limits);
        let is_accepted = matches!(verdict, Parsed::Complete { .. });
        let reading = read_request(&head, &Limits { head_bytes: 16_384, target_bytes: 8_192, fields: 100 });
        prop_assert_eq!(is_accepted, matches!(reading, Reading::Whole(_)), "{:?}: {:?}", verdict, String::from_utf8_lossy(&head));
    }
}
