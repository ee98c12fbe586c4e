//! Chunked bodies: the decoder and the strict reference, however the bytes arrive.

use crate::{
    request_head::shown,
    split::{Split, seed_of},
};
use tollgate_http::{Chunk, ChunkedDecoder, Reason, Side, write_trailers};
use tollgate_reference::{Field, Reading, read_chunked};

/// What a decoder made of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) data: Vec<u8>,
    /// Trailer field lines, when the body is over.
    pub(crate) trailers: Option<Vec<u8>>,
    pub(crate) consumed: usize,
    pub(crate) refused: Option<Reason>,
}

/// Properties of a chunked body:
/// - decoder and reference agree on the data, the trailer fields, the length, and whether it is whole, goes on or is refused
///   (and then whether for a chunk or for the trailer section);
/// - none of it depends on how the bytes were split;
/// - the trailer fields that are forwarded are field lines to the reference, and none is about framing or routing.
pub fn chunked_body(bytes: &[u8]) {
    let expected = read_chunked(bytes);
    for split in Split::all(seed_of(bytes)) {
        let decoded = decode(bytes, split, Side::Downstream);
        match (&expected.end, &decoded) {
            (Reading::Incomplete, Decoded { trailers: None, refused: None, .. }) => {}
            (Reading::Whole((fields, len)), Decoded { trailers: Some(lines), consumed, refused: None, .. }) => {
                assert_eq!(consumed, len, "{split:?}: {}", shown(bytes));
                assert_eq!(&fields_of(lines), fields, "{split:?}: {}", shown(bytes));
                check_trailers(lines);
            }
            (Reading::Refused(defects), Decoded { refused: Some(reason), .. })
                if defects.iter().any(|defect| defect.of_request() == reason.code()) => {}
            // Without a line break no rule of the reference is broken yet.
            (Reading::Incomplete, Decoded { refused: Some(Reason::BadTrailer), .. }) => check_hopeless(bytes),
            (reading, _) => panic!("{decoded:?} {split:?}, the reference says {reading:?}: {}", shown(bytes)),
        }
        assert_eq!(shown(&decoded.data), shown(&expected.data), "{split:?}: {}", shown(bytes));
    }
}

/// Decodes a body that arrives so. What is not consumed is kept, as a receive buffer does.
pub(crate) fn decode(bytes: &[u8], split: Split, side: Side) -> Decoded {
    let mut decoder = ChunkedDecoder::new(side);
    let mut decoded = Decoded { data: Vec::new(), trailers: None, consumed: 0, refused: None };
    for end in split.ends(bytes.len()) {
        while decoded.trailers.is_none() {
            let window = &bytes[decoded.consumed..end];
            let (consumed, chunk) = match decoder.next(window) {
                Ok(found) => found,
                Err(reason) => return Decoded { refused: Some(reason), ..decoded },
            };
            assert!(consumed <= window.len());
            decoded.consumed += consumed;
            match chunk {
                Chunk::Need => break,
                Chunk::Data(range) => {
                    assert!(!range.is_empty() && range.end <= consumed);
                    decoded.data.extend_from_slice(&window[range]);
                }
                Chunk::Trailers(range) => decoded.trailers = Some(window[range].to_vec()),
            }
        }
    }
    assert_eq!(decoder.is_done(), decoded.trailers.is_some());
    decoded
}

/// Trailer field lines as the reference reads them.
pub(crate) fn fields_of(lines: &[u8]) -> Vec<Field> {
    let body = [b"0\r\n", lines, b"\r\n"].concat();
    match read_chunked(&body).end {
        Reading::Whole((fields, len)) if len == body.len() => fields,
        other => panic!("no trailer section but {other:?}: {}", shown(lines)),
    }
}

fn check_trailers(lines: &[u8]) {
    let mut out = vec![0; lines.len()];
    let len = write_trailers(&mut out, lines).expect("field lines that came are field lines");
    for field in fields_of(&out[..len]) {
        for name in ["content-length", "transfer-encoding", "host", "connection", "te", "trailer", "authorization"] {
            assert!(!field.is(name), "{name} was forwarded as a trailer");
        }
    }
}

/// Whatever follows, it is no good body.
fn check_hopeless(bytes: &[u8]) {
    for tail in [&b"\n"[..], b"\r\n", b"\r\n\r\n", b"\n\r\n", b": a\r\n\r\n"] {
        let end = read_chunked(&[bytes, tail].concat()).end;
        assert!(matches!(&end, Reading::Incomplete | Reading::Refused(_)), "refused too early: {}", shown(bytes));
    }
}
