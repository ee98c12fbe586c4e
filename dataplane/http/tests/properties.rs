//! Properties of the codec for any input: it never panics, forwarding keeps what it should, normalization is a fixed
//! point.

use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use tollgate_http::{
    Chunk, ChunkedDecoder, ForwardRequest, ForwardResponse, ForwardedStyle, HeadLimits, Method, Parsed, RequestHead,
    RequestIndex, ResponseIndex, TraceContext, normalize_path, write_request, write_response, write_trailers,
};

const WITH: ForwardRequest<'_> = ForwardRequest {
    client: IpAddr::V4(Ipv4Addr::LOCALHOST),
    scheme: "http",
    trusted: true,
    style: ForwardedStyle::Off,
    request_id: b"",
    upgrade: true,
    default_host: b"origin",
    trace: TraceContext::AsReceived,
    target: b"",
    edits: None,
    consumer: None,
};

/// Pieces that heads are made of, so that random concatenations come close to being heads.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![
        prop::sample::select(vec![
            "GET / HTTP/1.1\r\n",
            "POST ",
            "/a/%2e%2E/..",
            "%41%zz",
            " HTTP/1.1\r\n",
            "http://a",
            "?",
            "HTTP/1.1 200 OK\r\n",
            "Host: a\r\n",
            "Content-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Connection: x, te, close\r\n",
            "TE: trailers\r\n",
            "Upgrade: h2c\r\n",
            "X: y\r\n",
            "\r\n",
            "\n",
            "\r",
            ":",
            " ",
            "5\r\nhello\r\n",
            "0\r\n",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(fragment, 0..16).prop_map(|fragments| fragments.concat())
}

/// Heads that are accepted, with and without what is removed on the way.
fn request_heads() -> impl Strategy<Value = String> {
    let target = prop_oneof![
        "/[a-z./%2eE]{0,12}",
        "(/[a-z.]{1,4}){1,5}(\\?[a-z=&]{0,9})?",
        "http://[a-z]{1,5}(:80)?(/[a-z]{0,5})?"
    ];
    let field = prop_oneof![
        "[A-Za-z-]{1,20}: ?[ -~]{0,30}",
        "(Connection|Keep-Alive|TE|Upgrade|Trailer|Via|Accept|Cookie): [a-z, -]{0,20}",
        Just("Connection: close, x-one".to_owned()),
        Just("x-one: 1".to_owned()),
    ];
    let body = prop::sample::select(vec!["", "Content-Length: 12\r\n", "Transfer-Encoding: chunked\r\n"]);
    ("(GET|POST|M-SEARCH)", target, prop::sample::select(vec!["0", "1"]), prop::collection::vec(field, 0..8), body)
        .prop_map(|(method, target, minor, fields, body)| {
            let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
            format!("{method} {target} HTTP/1.{minor}\r\nHost: example.com\r\n{fields}{body}\r\n")
        })
}

const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
    "x-request-id",
    "via",
    "host",
    "traceparent",
    "tracestate",
    "max-forwards",
    "expect",
];

/// Field lines that must come through unchanged and in order: neither hop-by-hop, nor nominated, nor rewritten.
fn kept_fields(head: &RequestHead<'_>, connection: &str) -> Vec<(String, Vec<u8>)> {
    let nominated: Vec<String> = connection.split(',').map(|option| option.trim().to_ascii_lowercase()).collect();
    head.fields()
        .map(|(name, value)| (String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_vec()))
        .filter(|(name, _)| !HOP_BY_HOP.contains(&&name[..]) && !nominated.contains(name))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in fragments()) {
        let (mut request, mut response) = (RequestIndex::new(), ResponseIndex::new());
        let mut out = [0; 1024];
        let limits = HeadLimits { head_bytes: 200, target_bytes: 30, fields: 5 };
        let mut copy = bytes.clone();
        if let Parsed::Complete { head_len } = request.parse(&mut copy, &limits) {
            prop_assert!(head_len <= bytes.len() && head_len <= limits.head_bytes);
            prop_assert!(write_request(&mut out, request.head(&copy), &WITH).is_ok());
        }
        let copy = bytes.clone();
        if let Parsed::Complete { .. } = response.parse(&copy, Method::Get, &limits) {
            prop_assert!(write_response(&mut out, response.head(&copy), &ForwardResponse::default()).is_ok());
        }
        if let Ok((consumed, Chunk::Data(range) | Chunk::Trailers(range))) = ChunkedDecoder::default().next(&bytes) {
            prop_assert!(range.end <= consumed && consumed <= bytes.len());
        }
        let _ = write_trailers(&mut out, &bytes);
    }

    #[test]
    fn a_forwarded_request_says_the_same(text in request_heads()) {
        let mut bytes = text.clone().into_bytes();
        let mut index = RequestIndex::new();
        let Parsed::Complete { .. } = index.parse(&mut bytes, &HeadLimits::DEFAULT) else {
            return Ok(());
        };
        let head = index.head(&bytes);
        let mut out = [0; 2048];
        let len = write_request(&mut out, head, &WITH).unwrap();
        let mut again = RequestIndex::new();
        prop_assert_eq!(again.parse(&mut out[..len], &HeadLimits::DEFAULT), Parsed::Complete { head_len: len });
        let forwarded = again.head(&out[..len]);
        prop_assert_eq!(forwarded.method_bytes(), head.method_bytes());
        prop_assert_eq!(forwarded.target(), head.target());
        prop_assert_eq!(forwarded.authority(), head.authority());
        prop_assert_eq!(forwarded.body(), head.body());
        prop_assert!(forwarded.keep_alive());
        let options: Vec<String> = text
            .lines()
            .filter(|line| line.to_ascii_lowercase().starts_with("connection:"))
            .map(|line| line["connection:".len()..].to_owned())
            .collect();
        let options = options.join(",");
        prop_assert_eq!(kept_fields(&forwarded, ""), kept_fields(&head, &options));
    }

    #[test]
    fn normalization_is_a_fixed_point_and_never_longer(path in "/([a-c./;]|%2[eEfF]|%5c|%41|%c3|%25){0,14}") {
        let mut once = path.clone().into_bytes();
        let Ok(len) = normalize_path(&mut once) else {
            return Ok(());
        };
        prop_assert!(len <= path.len());
        prop_assert!(once.starts_with(b"/"));
        let mut twice = once[..len].to_vec();
        prop_assert_eq!(normalize_path(&mut twice), Ok(len));
        prop_assert_eq!(&twice, &once[..len]);
        let mut segments = once[..len].split(|&byte| byte == b'/');
        let has_dot_segment = segments.any(|segment| segment == b"." || segment == b"..");
        prop_assert!(!has_dot_segment);
    }
}
