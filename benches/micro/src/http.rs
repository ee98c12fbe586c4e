//! Heads and bodies as they pass.

use crate::{
    Step,
    head::{BROWSER, RESPONSE, Request},
    step::InTurn,
};
use std::hint::black_box;
use tollgate_http::{
    Chunk, ChunkedDecoder, ForwardRequest, ForwardResponse, ForwardedStyle, HeadLimits, Method, Parsed, RequestIndex,
    ResponseIndex, Side, TraceContext, normalize_path, write_request, write_response,
};

/// Parses a browser's head.
pub(crate) fn request_head() -> Step {
    let (mut bytes, mut index) = (BROWSER.as_bytes().to_vec(), RequestIndex::new());
    Step::new(move || match index.parse(black_box(&mut bytes), &HeadLimits::DEFAULT) {
        Parsed::Complete { head_len } => head_len,
        verdict => panic!("{verdict:?}"),
    })
}

/// Writes a browser's head for an endpoint.
pub(crate) fn request_forward() -> Step {
    let (request, mut out) = (Request::new(BROWSER), vec![0; 4096]);
    Step::new(move || write_request(black_box(&mut out), request.head(), &forwarded(None)).expect("there is room"))
}

/// How a request is forwarded when nothing changes it.
pub(crate) fn forwarded(edits: Option<&tollgate_http::FieldEdits>) -> ForwardRequest<'_> {
    ForwardRequest {
        client: [192, 0, 2, 17].into(),
        scheme: "http",
        trusted: false,
        style: ForwardedStyle::XForwarded,
        request_id: b"0123456789abcdef0123456789abcdef",
        upgrade: false,
        default_host: b"origin",
        trace: TraceContext::AsReceived,
        target: b"",
        edits,
        consumer: None,
    }
}

/// Parses the head of an answer and writes it for the client.
pub(crate) fn response() -> Step {
    let (bytes, mut out, mut index) = (RESPONSE.as_bytes().to_vec(), vec![0; 4096], ResponseIndex::new());
    Step::new(move || {
        let parsed = index.parse(black_box(&bytes), Method::Get, &HeadLimits::DEFAULT);
        assert!(matches!(parsed, Parsed::Complete { .. }), "{parsed:?}");
        let head = index.head(&bytes);
        write_response(black_box(&mut out), head, &ForwardResponse::default()).expect("there is room")
    })
}

/// Walks a body of 16 chunks of 1,000 bytes that came in pieces of 4,096.
pub(crate) fn chunked_body() -> Step {
    let body = ["3e8\r\n", &"x".repeat(1000), "\r\n"].concat().repeat(16) + "0\r\n\r\n";
    let body = body.into_bytes();
    Step::new(move || {
        let (mut decoder, mut taken, mut end, mut data) = (ChunkedDecoder::new(Side::Upstream), 0, 0, 0);
        while !decoder.is_done() {
            end = body.len().min(end + 4096);
            loop {
                let (used, chunk) = decoder.next(black_box(&body[taken..end])).expect("the body is well formed");
                taken += used;
                match chunk {
                    Chunk::Data(range) => data += range.len(),
                    Chunk::Need | Chunk::Trailers(_) => break,
                }
            }
        }
        assert_eq!(data, 16_000);
    })
}

/// Normalizes a path that has to be: escapes and dot segments.
pub(crate) fn target() -> Step {
    const PATHS: [&str; 4] = [
        "/products/garden/tools",
        "/products/%67arden/tools/./spades",
        "/products/garden/../kitchen/pots%20and%20pans",
        "/a/b/c/../../d/e%2ff/%7Euser/index.html",
    ];
    let mut room = [0; 64];
    let mut paths = InTurn::<&str, 4>::new(|at| PATHS[at]);
    Step::new(move || {
        let path = paths.next();
        let room = &mut room[..path.len()];
        room.copy_from_slice(path.as_bytes());
        normalize_path(black_box(room)).expect("the path is well formed")
    })
}
