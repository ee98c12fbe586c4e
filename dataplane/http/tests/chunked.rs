//! Chunked bodies (RFC 9112, section 7.1): that the verdict does not depend on how the bytes arrive, and what is too
//! large. Which forms are accepted at all is the table's (`tests/forms.rs`).

use proptest::prelude::*;
use tollgate_http::{Chunk, ChunkedDecoder, Reason, Side};

/// What became of a body.
#[derive(Debug, PartialEq)]
struct Decoded {
    data: Vec<u8>,
    /// `None`: the body is not over.
    trailers: Option<Vec<u8>>,
    consumed: usize,
}

/// Decodes a body that arrives in these pieces. What is not consumed is kept, as a receive buffer does.
fn decode(pieces: &[&[u8]]) -> Result<Decoded, Reason> {
    let mut decoder = ChunkedDecoder::new(Side::Downstream);
    let (mut kept, mut data, mut trailers, mut total) = (Vec::new(), Vec::new(), None, 0);
    for piece in pieces {
        kept.extend_from_slice(piece);
        loop {
            let (consumed, chunk) = decoder.next(&kept)?;
            total += consumed;
            match chunk {
                Chunk::Data(range) => {
                    assert!(!range.is_empty() && range.end <= consumed);
                    data.extend_from_slice(&kept[range]);
                }
                Chunk::Trailers(range) => trailers = Some(kept[range].to_vec()),
                Chunk::Need => {
                    kept.drain(..consumed);
                    break;
                }
            }
            kept.drain(..consumed);
        }
    }
    assert_eq!(decoder.is_done(), trailers.is_some());
    Ok(Decoded { data, trailers, consumed: total })
}

#[test]
fn bodies_are_taken() {
    for (body, data, trailers) in [
        ("0\r\n\r\n", "", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello", ""),
        ("5\r\nhello\r\n00A\r\n, world! x\r\n000\r\n\r\n", "hello, world! x", ""),
        ("2;a=b;c=\"d;\u{e9}\"\r\nhi\r\n0;last\r\n\r\n", "hi", ""),
        ("2 \t;a\r\nhi\r\n0\r\n\r\n", "hi", ""),
        ("0\r\nA: b\r\nC:\r\n\r\n", "", "A: b\r\nC:\r\n"),
        ("3\r\n\r\n0\r\n0\r\n\r\n", "\r\n0", ""),
    ] {
        let expected = Decoded { data: data.into(), trailers: Some(trailers.into()), consumed: body.len() };
        assert_eq!(decode(&[body.as_bytes(), b"GET / HTTP/1.1"]), Ok(expected), "{body:?}");
    }
}

#[test]
fn bodies_are_refused() {
    use Reason::{BadChunk, BadTrailer};
    let long_extension = format!("1;{}\r\na", "x".repeat(260));
    let long_trailer = format!("0\r\nA: {}", "x".repeat(9000));
    let many_trailers = format!("0\r\n{}", "A: b\r\n".repeat(33));
    for (body, reason) in [
        ("g\r\n", BadChunk),
        ("1;a\na\r\n", BadChunk),
        ("1\r\na\n0\r\n\r\n", BadChunk),
        (&long_extension, BadChunk),
        ("0\r\nA : b\r\n\r\n", BadTrailer),
        ("0\r\n\n", BadTrailer),
        (&long_trailer, BadTrailer),
        (&many_trailers, BadTrailer),
    ] {
        assert_eq!(decode(&[body.as_bytes()]), Err(reason), "{body:?}");
        let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        assert_eq!(decode(&bytes), Err(reason), "{body:?}, byte by byte");
    }
}

#[test]
fn an_endpoints_mistakes_are_the_upstreams() {
    let mut decoder = ChunkedDecoder::new(Side::Upstream);
    assert_eq!(decoder.next(b"x\r\n"), Err(Reason::UpstreamMalformed));
}

#[test]
fn a_chunk_of_the_largest_size_does_not_overflow() {
    let mut decoder = ChunkedDecoder::default();
    assert_eq!(decoder.next(b"ffffffffffffffff\r\nabc"), Ok((21, Chunk::Data(18..21))));
    assert_eq!(decoder.next(b""), Ok((0, Chunk::Need)));
}

/// Bodies that are well-formed or nearly so.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 1..40).prop_map(|data| {
            [format!("{:x}\r\n", data.len()).as_bytes(), &data[..], b"\r\n"].concat()
        }),
        2 => Just(b"3 ;ext=\"v\"\r\nabc\r\n".to_vec()),
        1 => Just(b"0\r\nA: b\r\n\r\n".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => Just(b"0\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_verdict_does_not_depend_on_the_split(body in bodies(), cut in any::<prop::sample::Index>()) {
        let whole = decode(&[&body]);
        let (front, back) = body.split_at(cut.index(body.len() + 1));
        prop_assert_eq!(&whole, &decode(&[front, back]));
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        if !body.is_empty() {
            prop_assert_eq!(&whole, &decode(&bytes));
        }
    }
}
