//! Request heads, one at a time: the codec and the strict reference, prefixes, and what is forwarded.
//!
//! Under two sets of limits, one of which most heads exceed somewhere. What a reason means when a head has several defects
//! is up to the parser, so the reference names them all and the parser's has to be among them.

use crate::split::{Split, seed_of};
use std::net::{IpAddr, Ipv4Addr};
use tollgate_http::{
    BodyLength, ForwardRequest, ForwardedStyle, HeadLimits, Parsed, RequestHead, RequestIndex, TraceContext, Version,
    write_request,
};
use tollgate_reference::{Defect, Field, Framing, Limits, Reading, Request, options, read_request, values};

/// Wide ones, under which nearly everything is judged in full, and narrow ones.
pub(crate) const LIMITS: [HeadLimits; 2] = [
    HeadLimits { head_bytes: 4096, target_bytes: 1024, fields: 64 },
    HeadLimits { head_bytes: 200, target_bytes: 30, fields: 5 },
];

/// What may come behind a head that is not whole.
const TAILS: [&[u8]; 7] = [
    b"",
    b"\n",
    b"\r\n\r\n",
    b"\n\r\n",
    b": a\r\n\r\n",
    b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"T / HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// Fields that concern one connection only, but for those that are written again.
const HOP_BY_HOP: [&str; 5] =
    ["keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "http2-settings"];

/// Properties of a request head:
/// - the codec takes it exactly if the reference does, with the same meaning (method, target, authority, fields, framing,
///   persistence, upgrade, expectation, length), and refuses it for one of the defects the reference finds;
/// - every part of it from its start is "partial" until it is whole, and is left as it is; what is refused early could not
///   have become a good head;
/// - what is forwarded is a good head to the reference, with the same method, target, authority and framing and without the
///   fields of the client's connection.
pub fn request_head(bytes: &[u8]) {
    for limits in &LIMITS {
        let expected = read_request(bytes, &reference_limits(limits));
        let mut copy = bytes.to_vec();
        let mut index = RequestIndex::new();
        let verdict = index.parse(&mut copy, limits);
        check_verdict(verdict, &expected, bytes, limits);
        if let Reading::Whole(request) = &expected {
            check_meaning(request, index.head(&copy));
            check_forwarded(request, index.head(&copy));
        }
        check_prefixes(verdict, bytes, limits);
    }
}

pub(crate) const fn reference_limits(limits: &HeadLimits) -> Limits {
    Limits { head_bytes: limits.head_bytes, target_bytes: limits.target_bytes, fields: limits.fields }
}

pub(crate) fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn check_verdict(verdict: Parsed, expected: &Reading<Request>, bytes: &[u8], limits: &HeadLimits) {
    match (verdict, expected) {
        (Parsed::Partial, Reading::Incomplete) => {}
        (Parsed::Complete { head_len }, Reading::Whole(request)) if head_len == request.head_len => {}
        (Parsed::Refused(reason), Reading::Refused(defects))
            if is_one_of(defects, |defect| defect.of_request() == reason.code()) => {}
        (Parsed::Refused(_), Reading::Incomplete) => check_hopeless(bytes, limits),
        _ => panic!("{verdict:?}, the reference says {expected:?}: {}", shown(bytes)),
    }
}

/// Whether `is` holds for a defect. Of a head that is too large only the beginning is looked at, so any will do.
pub(crate) fn is_one_of(defects: &[Defect], is: impl Fn(&Defect) -> bool) -> bool {
    defects.iter().any(|defect| *defect == Defect::TooLarge || is(defect))
}

/// Whatever follows, it is no good head.
fn check_hopeless(bytes: &[u8], limits: &HeadLimits) {
    for tail in TAILS {
        let whole = [bytes, tail].concat();
        let reading = read_request(&whole, &reference_limits(limits));
        assert!(!matches!(reading, Reading::Whole(_)), "refused too early: {}", shown(bytes));
    }
}

pub(crate) const fn framing(body: BodyLength) -> Framing {
    match body {
        BodyLength::None => Framing::None,
        BodyLength::Length(len) => Framing::Length(len),
        BodyLength::Chunked => Framing::Chunked,
        BodyLength::UntilClose => Framing::UntilClose,
    }
}

pub(crate) fn check_meaning(request: &Request, head: RequestHead<'_>) {
    assert_eq!(shown(head.method_bytes()), shown(&request.method));
    assert_eq!(shown(head.target()), shown(&request.target));
    assert_eq!(shown(head.authority()), shown(&request.authority));
    assert_eq!(shown(head.host()), shown(&request.host));
    assert_eq!(head.version() == Version::Http11, request.minor == 1);
    assert_eq!(framing(head.body()), request.framing);
    assert_eq!(head.keep_alive(), request.keep_alive);
    assert_eq!(head.upgrade(), request.upgrade.as_deref());
    assert_eq!(head.expects_continue(), request.expects_continue);
    let fields: Vec<_> = head.fields().collect();
    let expected: Vec<_> = request.fields.iter().map(|field| (&field.name[..], &field.value[..])).collect();
    assert_eq!(fields, expected);
}

fn check_forwarded(request: &Request, head: RequestHead<'_>) {
    let with = ForwardRequest {
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        scheme: "http",
        trusted: false,
        style: ForwardedStyle::Off,
        request_id: b"",
        upgrade: false,
        default_host: b"origin",
        trace: TraceContext::AsReceived,
        target: b"",
        edits: None,
        consumer: None,
    };
    let mut out = vec![0; 8192];
    let len = write_request(&mut out, head, &with).expect("it is at most 200 bytes longer than what came");
    let limits = Limits { head_bytes: 8192, target_bytes: 8192, fields: 128 };
    let Reading::Whole(sent) = read_request(&out[..len], &limits) else {
        panic!("forwarded as {}", shown(&out[..len]));
    };
    let authority = if request.authority.is_empty() { &b"origin"[..] } else { &request.authority };
    assert_eq!(sent.head_len, len);
    assert_eq!((sent.minor, &sent.method, &sent.target), (1, &request.method, &request.target));
    assert_eq!(shown(&sent.authority), shown(authority));
    assert_eq!((sent.framing, sent.upgrade), (request.framing, None));
    assert!(sent.keep_alive);
    for option in options(&sent.fields) {
        assert_eq!(option, b"te", "forwarded option");
    }
    for name in HOP_BY_HOP {
        assert!(!sent.fields.iter().any(|field| field.is(name)), "{name} was forwarded");
    }
    for value in values(&sent.fields, "te") {
        assert_eq!(value, b"trailers", "forwarded TE");
    }
    for option in options(&request.fields).iter().filter(|option| option.starts_with(b"x-a")) {
        let is_nominated = |field: &Field| field.name.eq_ignore_ascii_case(option);
        assert!(!sent.fields.iter().any(is_nominated), "{} was forwarded", shown(option));
    }
}

fn check_prefixes(verdict: Parsed, bytes: &[u8], limits: &HeadLimits) {
    for end in Split::Drawn(seed_of(bytes)).ends(bytes.len()) {
        let mut part = bytes[..end].to_vec();
        let found = RequestIndex::new().parse(&mut part, limits);
        check_part(found, verdict, end, bytes);
        if found == Parsed::Partial {
            assert!(part == bytes[..end], "a partial head was changed: {}", shown(bytes));
        }
    }
}

/// Whether the part up to `end` of a head may be found to be that, when the whole is found to be `verdict`.
pub(crate) fn check_part(found: Parsed, verdict: Parsed, end: usize, bytes: &[u8]) {
    match (found, verdict) {
        (Parsed::Partial, Parsed::Complete { head_len }) => {
            assert!(end < head_len, "still partial: {}", shown(bytes));
        }
        (Parsed::Complete { head_len }, Parsed::Complete { head_len: whole }) => assert_eq!(head_len, whole),
        (Parsed::Partial, _) | (Parsed::Refused(_), Parsed::Refused(_)) => {}
        _ => panic!("{found:?} at {end}, then {verdict:?}: {}", shown(bytes)),
    }
}
