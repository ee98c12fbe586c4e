//! Response heads, one at a time: the codec and the strict reference, prefixes, and what is forwarded.

use crate::{
    request_head::{LIMITS, check_part, framing, is_one_of, reference_limits, shown},
    split::{Split, seed_of},
};
use tollgate_http::{
    BodyLength, ForwardResponse, HeadLimits, Method, Parsed, ResponseFraming, ResponseHead, ResponseIndex, Version,
    write_response,
};
use tollgate_reference::{Framing, Limits, Reading, Response, options, read_response};

/// What may come behind a head that is not whole.
const TAILS: [&[u8]; 5] = [b"\n", b"\r\n\r\n", b"\n\r\n", b": a\r\n\r\n", b" 200 OK\r\n\r\n"];

/// Properties of a response head, as the answer to a GET and to a HEAD:
/// - the codec takes it exactly if the reference does, with the same meaning (version, status, phrase, fields, framing,
///   persistence, upgrade, length), and refuses it for one of the defects the reference finds;
/// - every part of it from its start is "partial" until it is whole; what is refused early could not have become good;
/// - what is forwarded is a good head to the reference, with the same status and the framing it was asked for.
pub fn response_head(bytes: &[u8]) {
    for limits in &LIMITS {
        for method in [Method::Get, Method::Head] {
            let expected = read_response(bytes, method.as_str().as_bytes(), &reference_limits(limits));
            let copy = bytes.to_vec();
            let mut index = ResponseIndex::new();
            let verdict = index.parse(&copy, method, limits);
            check_verdict(verdict, &expected, bytes, limits);
            if let Reading::Whole(response) = &expected {
                check_meaning(response, index.head(&copy));
                check_forwarded(response, index.head(&copy), method);
            }
            check_prefixes(verdict, bytes, method, limits);
        }
    }
}

fn check_verdict(verdict: Parsed, expected: &Reading<Response>, bytes: &[u8], limits: &HeadLimits) {
    match (verdict, expected) {
        (Parsed::Partial, Reading::Incomplete) => {}
        (Parsed::Complete { head_len }, Reading::Whole(response)) if head_len == response.head_len => {}
        (Parsed::Refused(reason), Reading::Refused(defects))
            if is_one_of(defects, |defect| defect.of_response() == reason.code()) => {}
        (Parsed::Refused(_), Reading::Incomplete) => {
            for tail in TAILS {
                let whole = [bytes, tail].concat();
                let reading = read_response(&whole, b"GET", &reference_limits(limits));
                assert!(!matches!(reading, Reading::Whole(_)), "refused too early: {}", shown(bytes));
            }
        }
        _ => panic!("{verdict:?}, the reference says {expected:?}: {}", shown(bytes)),
    }
}

pub(crate) fn check_meaning(response: &Response, head: ResponseHead<'_>) {
    assert_eq!(head.version() == Version::Http11, response.minor == 1);
    assert_eq!((head.status(), shown(head.phrase())), (response.status, shown(&response.phrase)));
    assert_eq!((framing(head.body()), head.keep_alive()), (response.framing, response.keep_alive));
    assert_eq!(head.upgrade(), response.upgrade.as_deref());
    let fields: Vec<_> = head.fields().collect();
    let expected: Vec<_> = response.fields.iter().map(|field| (&field.name[..], &field.value[..])).collect();
    assert_eq!(fields, expected);
}

/// To a client of HTTP/1.1, as the worker does it.
fn check_forwarded(response: &Response, head: ResponseHead<'_>, method: Method) {
    let framing = match head.body() {
        BodyLength::Chunked | BodyLength::UntilClose => ResponseFraming::Chunked,
        BodyLength::None | BodyLength::Length(_) => ResponseFraming::AsReceived,
    };
    let mut out = vec![0; 8192];
    let with = ForwardResponse { framing, ..ForwardResponse::default() };
    let len = write_response(&mut out, head, &with).expect("it is at most 200 bytes longer than what came");
    let limits = Limits { head_bytes: 8192, target_bytes: 0, fields: 128 };
    let Reading::Whole(sent) = read_response(&out[..len], method.as_str().as_bytes(), &limits) else {
        panic!("forwarded as {}", shown(&out[..len]));
    };
    assert_eq!((sent.head_len, sent.minor, sent.status), (len, 1, response.status));
    let expected = match response.framing {
        Framing::UntilClose => Framing::Chunked,
        other => other,
    };
    assert_eq!(sent.framing, expected);
    assert_eq!((options(&sent.fields), sent.upgrade), (Vec::new(), None));
}

fn check_prefixes(verdict: Parsed, bytes: &[u8], method: Method, limits: &HeadLimits) {
    for end in Split::Drawn(seed_of(bytes)).ends(bytes.len()) {
        let found = ResponseIndex::new().parse(&bytes[..end], method, limits);
        check_part(found, verdict, end, bytes);
    }
}
