//! The codec on the table of ambiguous forms (`tollgate_reference::forms`): every verdict, and what would be forwarded.

use std::net::{IpAddr, Ipv4Addr};
use tollgate_http::{
    BodyLength, Chunk, ChunkedDecoder, ForwardRequest, ForwardedStyle, HeadLimits, Method, Parsed, Reason, RequestHead,
    RequestIndex, ResponseIndex, Side, TraceContext, write_request,
};
use tollgate_reference::{
    Framing, Limits, Message, Reading,
    forms::{NEXT, Sent, Then, Verdict, judge_sent, request_forms, response_forms},
    read_request,
};

/// The body at the start of `rest`: its bytes, what is consumed of `rest`, or why it is refused. `None` if it goes on.
fn body(rest: &[u8], length: BodyLength, side: Side) -> Result<Option<(Vec<u8>, usize)>, Reason> {
    let length = match length {
        BodyLength::None => 0,
        BodyLength::Length(length) => length as usize,
        BodyLength::UntilClose => rest.len(),
        BodyLength::Chunked => return chunks(rest, side),
    };
    Ok(rest.get(..length).map(|body| (body.to_vec(), length)))
}

fn chunks(rest: &[u8], side: Side) -> Result<Option<(Vec<u8>, usize)>, Reason> {
    let (mut decoder, mut data, mut at) = (ChunkedDecoder::new(side), Vec::new(), 0);
    loop {
        let (consumed, chunk) = decoder.next(&rest[at..])?;
        match chunk {
            Chunk::Data(range) => data.extend_from_slice(&rest[at..][range]),
            Chunk::Need => return Ok(None),
            Chunk::Trailers(_) => return Ok(Some((data, at + consumed))),
        }
        at += consumed;
    }
}

/// The request as it would be forwarded, read by the reference.
fn forwarded(head: RequestHead<'_>, body: Vec<u8>) -> Message<tollgate_reference::Request> {
    let with = ForwardRequest {
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        scheme: "http",
        trusted: false,
        style: ForwardedStyle::Off,
        request_id: b"",
        upgrade: true,
        default_host: b"origin",
        trace: TraceContext::AsReceived,
        target: b"",
        edits: None,
        consumer: None,
    };
    let mut out = [0; 1024];
    let len = write_request(&mut out, head, &with).expect("a form is short");
    let limits = Limits { head_bytes: 1024, target_bytes: 1024, fields: 100 };
    let Reading::Whole(head) = read_request(&out[..len], &limits) else { panic!("{}", out[..len].escape_ascii()) };
    Message { head, body, trailers: Vec::new(), is_whole: true, span: (0, len) }
}

#[test]
fn requests_get_the_verdict_of_the_table() {
    for form in request_forms() {
        let mut bytes = [&form.bytes, NEXT.as_bytes()].concat();
        let about = format!("{} ({})", form.bytes.escape_ascii(), form.section);
        let mut index = RequestIndex::new();
        let verdict = index.parse(&mut bytes, &HeadLimits::DEFAULT);
        let head_len = match (verdict, form.verdict) {
            (Parsed::Refused(reason), Verdict::Refused(status, code)) => {
                assert_eq!((reason.status(), reason.code()), (status, code), "{about}");
                continue;
            }
            (Parsed::Complete { head_len }, _) => head_len,
            _ => panic!("{verdict:?}: {about}"),
        };
        let head = index.head(&bytes);
        match (body(&bytes[head_len..], head.body(), Side::Downstream), form.verdict) {
            (Err(reason), Verdict::Cut(status, code)) => {
                assert_eq!((reason.status(), reason.code()), (status, code), "{about}");
            }
            (Ok(Some((body, len))), Verdict::Forwarded(sent)) => {
                assert_eq!((head_len + len, head.keep_alive()), (form.bytes.len(), !sent.is_last), "{about}");
                // Trailer fields are not the head's.
                let sent = Sent { has: if sent.framing == Framing::Chunked { &[] } else { sent.has }, ..sent };
                judge_sent(&sent, &forwarded(head, body)).unwrap_or_else(|error| panic!("{error}: {about}"));
            }
            (Ok(Some(_)), Verdict::Answered(_)) => {}
            (found, _) => panic!("{found:?}: {about}"),
        }
    }
}

#[test]
fn responses_get_the_verdict_of_the_table() {
    for form in response_forms() {
        let about = format!("{} ({})", form.bytes.escape_ascii(), form.section);
        let (mut bytes, mut index) = (form.bytes.clone(), ResponseIndex::new());
        let verdict = loop {
            let verdict = index.parse(&bytes, Method::from_bytes(form.method.as_bytes()), &HeadLimits::DEFAULT);
            match verdict {
                Parsed::Complete { head_len } if index.head(&bytes).is_interim() => drop(bytes.drain(..head_len)),
                _ => break verdict,
            }
        };
        let head = index.head(&bytes);
        match (verdict, form.then) {
            (Parsed::Refused(reason), Then::Refused(code)) => assert_eq!(reason.code(), code, "{about}"),
            (Parsed::Complete { .. }, Then::Refused(code)) => {
                assert_eq!((head.status(), code), (101, "upgrade_refused"), "{about}");
            }
            (Parsed::Complete { head_len }, Then::Cut) => {
                let found = body(&bytes[head_len..], head.body(), Side::Upstream);
                assert!(matches!(found, Ok(None) | Err(Reason::UpstreamMalformed)), "{about}");
            }
            (Parsed::Complete { head_len }, Then::Passed(passed)) => {
                assert_eq!(head.status(), passed.status, "{about}");
                let (body, len) = body(&bytes[head_len..], head.body(), Side::Upstream).unwrap().expect(&about);
                assert_eq!(body, passed.body.as_bytes(), "{about}");
                assert_eq!(head.keep_alive() && head_len + len == bytes.len(), passed.is_reused, "{about}");
            }
            _ => panic!("{verdict:?}: {about}"),
        }
    }
}
