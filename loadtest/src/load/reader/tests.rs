//! The reader on whole answers, on every split of them, and on what is none.

use super::*;

/// Answers, bytes of bodies, and the answer that the end of the connection ended.
type Found = (Vec<Answer>, Vec<u8>, Option<Answer>);

/// Feeds `bytes` in pieces that end at `cuts`.
fn feed(bytes: &[u8], cuts: &[usize], head_only: bool) -> Result<Found, String> {
    let (mut reader, mut answers, mut body) = (Reader::default(), Vec::new(), Vec::new());
    let mut from = 0;
    for &to in cuts.iter().chain([&bytes.len()]) {
        let mut piece = &bytes[from..to];
        while !piece.is_empty() {
            let (used, answer) = reader.read(piece, head_only, |bytes| body.extend_from_slice(bytes))?;
            assert!(used > 0, "no progress");
            answers.extend(answer);
            piece = &piece[used..];
        }
        from = to;
    }
    let last = reader.end()?;
    Ok((answers, body, last))
}

/// The same whatever the split into two or three pieces, and byte by byte.
fn on_any_split(bytes: &[u8], head_only: bool) -> Found {
    let whole = feed(bytes, &[], head_only).unwrap();
    for first in 0..bytes.len() {
        assert_eq!(feed(bytes, &[first], head_only).unwrap(), whole, "cut at {first}");
        for second in (first..bytes.len()).step_by(7) {
            assert_eq!(feed(bytes, &[first, second], head_only).unwrap(), whole, "cut at {first} and {second}");
        }
    }
    assert_eq!(feed(bytes, &(0..bytes.len()).collect::<Vec<_>>(), head_only).unwrap(), whole, "byte by byte");
    whole
}

const fn answer(status: u16, keep_alive: bool) -> Answer {
    Answer { status, keep_alive }
}

#[test]
fn sized_answers_follow_each_other() {
    let bytes = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 5 \r\nX: y\r\n\r\nhelloHTTP/1.1 404\r\nContent-Length: 0\r\n\r\n\
        HTTP/1.1 503 Later\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nno";
    let (answers, body, last) = on_any_split(bytes, false);
    assert_eq!(answers, [answer(200, true), answer(404, true), answer(503, false)]);
    assert_eq!((body.as_slice(), last), (&b"hellono"[..], None));
}

#[test]
fn chunks_end_with_their_trailers() {
    let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 1\r\n\r\n\
        5;a=b\r\nhello\r\nA \r\n0123456789\r\n0\r\nA: b\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let (answers, body, last) = on_any_split(bytes, false);
    assert_eq!(answers, [answer(200, true), answer(201, true)]);
    assert_eq!((body.as_slice(), last), (&b"hello0123456789"[..], None));
}

#[test]
fn answers_without_a_length_end_with_the_connection() {
    for head in ["HTTP/1.1 200 OK\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 3\r\n"] {
        let bytes = format!("{head}\r\nall of it");
        let (answers, body, last) = on_any_split(bytes.as_bytes(), false);
        assert_eq!((answers.len(), body.as_slice(), last), (0, &b"all of it"[..], Some(answer(200, false))));
    }
}

#[test]
fn some_answers_have_no_body_whatever_they_say() {
    let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 Nothing\r\n\
        Content-Length: 9\r\n\r\nHTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (answers, body, _) = on_any_split(bytes, false);
    assert_eq!((answers, body.len()), (vec![answer(204, true), answer(304, true)], 0));
    let (answers, body, _) = on_any_split(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true);
    assert_eq!((answers, body.len()), (vec![answer(200, true)], 0));
    let (answers, ..) = on_any_split(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", false);
    assert_eq!(answers, [answer(200, true)]);
}

#[test]
fn what_is_no_answer_is_told_apart() {
    for (bytes, said) in [
        (&b"SSH-2.0-OpenSSH\r\n"[..], "does not speak HTTP/1"),
        (b"\x15\x03\x01", "does not speak HTTP/1"),
        (b"HTTP/2 200\r\n\r\n", "does not speak HTTP/1"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "status line"),
        (b"HTTP/1.1 200OK\r\n\r\n", "status line"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "switched"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Content-Length is"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "differ"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "chunk's size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n", "chunk's size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", "does not end"),
    ] {
        for cuts in [Vec::new(), (0..bytes.len()).collect()] {
            let found = feed(bytes, &cuts, false).unwrap_err();
            assert!(found.contains(said), "{}: {found}", bytes.escape_ascii());
        }
    }
    let endless = [b"HTTP/1.1 200 OK\r\n".as_slice(), &vec![b'x'; HEAD_BYTES_MAX]].concat();
    assert!(feed(&endless, &[100, 200], false).unwrap_err().contains("a head of more than"));
}

#[test]
fn an_early_end_says_how_far_the_answer_was() {
    for (bytes, said) in [
        (&b"HTTP/1.1 2"[..], "in the head"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "6 bytes before the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "chunked"),
    ] {
        assert!(feed(bytes, &[], false).unwrap_err().contains(said));
    }
    assert_eq!(feed(b"", &[], false).unwrap().2, None);
}
