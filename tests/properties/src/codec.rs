//! Whole connections: the HTTP/1 codec and the strict reference on the same bytes, however they arrive.
//!
//! The reference reads a direction as a whole; a walk then feeds the codec piece by piece and holds each message against
//! the reference's as it comes. It keeps in front of new bytes what the codec did not take, as a receive buffer does.

use crate::{
    chunked_body::fields_of,
    request_head::{self, reference_limits, shown},
    response_head,
    split::{Split, seed_of},
};
use tollgate_http::{
    BodyLength, Chunk, ChunkedDecoder, HeadLimits, Method, Parsed, Reason, RequestIndex, ResponseIndex, Side,
};
use tollgate_reference::{Defect, End, Message, Request, Response, Stream, requests, responses};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 4096, target_bytes: 1024, fields: 64 };

/// Requests that the responses of a connection answer, in this order, and from then on GET.
const METHODS: [Method; 4] = [Method::Get, Method::Head, Method::Post, Method::Get];

/// Properties of one direction of a connection. The first byte says which: even, what a client sends; odd, what an endpoint
/// answers to GET, HEAD, POST, GET and closes. Codec and reference agree, at once, byte by byte and in drawn pieces, on:
/// - how many messages there are, and where each begins and ends;
/// - what each head means (see [`crate::request_head()`] and [`crate::response_head()`]);
/// - the framing, the body without it, and the trailer fields;
/// - whether the connection goes on behind each, and how the stream ends: cleanly, inside a message, or with what defect.
pub fn codec(bytes: &[u8]) {
    let Some((side, bytes)) = bytes.split_first() else { return };
    let limits = reference_limits(&LIMITS);
    if side % 2 == 0 {
        let expected = requests(bytes, &limits);
        for split in Split::all(seed_of(bytes)) {
            check(&expected, Requests(RequestIndex::new()), bytes, split);
        }
    } else {
        let methods = METHODS.map(|method| method.as_str().as_bytes());
        let expected = responses(bytes, &methods, &limits);
        for split in Split::all(seed_of(bytes)) {
            check(&expected, Responses { index: ResponseIndex::new(), answered: 0 }, bytes, split);
        }
    }
}

/// One side's heads, parsed by the codec and compared with those of the reference.
trait Heads {
    type Head;
    const SIDE: Side;

    fn parse(&mut self, bytes: &mut [u8]) -> Parsed;
    /// Compares the head just parsed with the reference's; its framing, and whether another message may follow.
    fn compare(&mut self, bytes: &[u8], expected: &Self::Head) -> (BodyLength, bool);
}

struct Requests(RequestIndex);

impl Heads for Requests {
    type Head = Request;
    const SIDE: Side = Side::Downstream;

    fn parse(&mut self, bytes: &mut [u8]) -> Parsed {
        self.0.parse(bytes, &LIMITS)
    }

    fn compare(&mut self, bytes: &[u8], expected: &Request) -> (BodyLength, bool) {
        let head = self.0.head(bytes);
        request_head::check_meaning(expected, head);
        (head.body(), head.keep_alive())
    }
}

struct Responses {
    index: ResponseIndex,
    answered: usize,
}

impl Heads for Responses {
    type Head = Response;
    const SIDE: Side = Side::Upstream;

    fn parse(&mut self, bytes: &mut [u8]) -> Parsed {
        let method = METHODS.get(self.answered).copied().unwrap_or(Method::Get);
        self.index.parse(bytes, method, &LIMITS)
    }

    fn compare(&mut self, bytes: &[u8], expected: &Response) -> (BodyLength, bool) {
        let head = self.index.head(bytes);
        response_head::check_meaning(expected, head);
        self.answered += usize::from(!head.is_interim());
        (head.body(), head.keep_alive() || head.is_interim())
    }
}

/// Where a connection is between two pieces.
enum State {
    Head,
    Counted(u64),
    Chunks(Box<ChunkedDecoder>),
    UntilClose,
    Closed,
}

/// A connection as the codec sees it, held against the reference's view message by message.
struct Walk<'a, H: Heads> {
    heads: H,
    expected: &'a Stream<H::Head>,
    state: State,
    /// Messages begun.
    begun: usize,
    body: Vec<u8>,
    /// Bytes of the stream consumed.
    at: usize,
}

fn check<H: Heads>(expected: &Stream<H::Head>, heads: H, bytes: &[u8], split: Split) {
    let mut walk = Walk { heads, expected, state: State::Head, begun: 0, body: Vec::new(), at: 0 };
    let mut refused = None;
    for end in split.ends(bytes.len()) {
        if let Err(reason) = walk.advance(&bytes[..end]) {
            refused = Some(reason);
            break;
        }
    }
    walk.check_end(refused, bytes, split);
}

impl<H: Heads> Walk<'_, H> {
    /// Takes all that the bytes received so far allow.
    fn advance(&mut self, received: &[u8]) -> Result<(), Reason> {
        loop {
            let rest = &received[self.at..];
            match &mut self.state {
                State::Closed => return Ok(()),
                State::Head if rest.is_empty() => return Ok(()),
                State::Head => {
                    if !self.head(rest)? {
                        return Ok(());
                    }
                }
                State::Counted(0) => self.end_message(b""),
                State::Counted(_) | State::UntilClose if rest.is_empty() => return Ok(()),
                State::Counted(left) => {
                    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= len as u64;
                    self.body.extend_from_slice(&rest[..len]);
                    self.at += len;
                }
                State::UntilClose => {
                    self.body.extend_from_slice(rest);
                    self.at = received.len();
                }
                State::Chunks(decoder) => {
                    let (consumed, chunk) = decoder.next(rest)?;
                    self.at += consumed;
                    match chunk {
                        Chunk::Need => return Ok(()),
                        Chunk::Data(range) => self.body.extend_from_slice(&rest[range]),
                        Chunk::Trailers(range) => self.end_message(&rest[range]),
                    }
                }
            }
        }
    }

    /// Whether there was a whole head.
    fn head(&mut self, rest: &[u8]) -> Result<bool, Reason> {
        let mut copy = rest.to_vec();
        let head_len = match self.heads.parse(&mut copy) {
            Parsed::Partial => return Ok(false),
            Parsed::Refused(reason) => return Err(reason),
            Parsed::Complete { head_len } => head_len,
        };
        let expected = self.expected.messages.get(self.begun);
        let expected = expected.unwrap_or_else(|| panic!("a message too many: {}", shown(rest)));
        assert_eq!(self.at, expected.span.0, "a message begins elsewhere: {}", shown(rest));
        let (body, _) = self.heads.compare(&copy, &expected.head);
        self.state = match body {
            BodyLength::None => State::Counted(0),
            BodyLength::Length(len) => State::Counted(len),
            BodyLength::Chunked => State::Chunks(Box::new(ChunkedDecoder::new(H::SIDE))),
            BodyLength::UntilClose => State::UntilClose,
        };
        self.at += head_len;
        self.begun += 1;
        Ok(true)
    }

    fn message(&self) -> &Message<H::Head> {
        &self.expected.messages[self.begun - 1]
    }

    fn end_message(&mut self, trailers: &[u8]) {
        let expected = self.message();
        assert!(expected.is_whole && self.at == expected.span.1, "a message ends elsewhere, at {}", self.at);
        assert_eq!(shown(&self.body), shown(&expected.body));
        assert_eq!(fields_of(trailers), expected.trailers);
        self.body.clear();
        let is_last = self.begun == self.expected.messages.len() && self.expected.end == End::Closed;
        self.state = if is_last { State::Closed } else { State::Head };
    }

    fn check_end(&self, refused: Option<Reason>, bytes: &[u8], split: Split) {
        let end = &self.expected.end;
        let about = || format!("{split:?}: {}", shown(bytes));
        assert_eq!(self.begun, self.expected.messages.len(), "{refused:?}, {end:?}, {}", about());
        let between = matches!(self.state, State::Head) && self.at == bytes.len();
        match (end, refused) {
            (End::Refused(defects), Some(reason)) => {
                let code = |defect: &Defect| match H::SIDE {
                    Side::Upstream => defect.of_response(),
                    _ => defect.of_request(),
                };
                assert!(
                    request_head::is_one_of(defects, |defect| code(defect) == reason.code()),
                    "{reason}, {defects:?}, {}",
                    about()
                );
            }
            (End::Clean, None) => assert!(between, "{}", about()),
            (End::Incomplete, None) => assert!(!between, "{}", about()),
            (End::Closed, None) => assert!(matches!(self.state, State::Closed | State::UntilClose), "{}", about()),
            // Refused before it was whole: `request_head` and `response_head` see to that.
            (End::Incomplete, Some(_)) => {}
            _ => panic!("{refused:?}, the reference says {end:?}: {}", about()),
        }
        if self.begun > 0 && !matches!(self.state, State::Head | State::Closed) {
            assert_eq!(shown(&self.body), shown(&self.message().body), "{}", about());
        }
    }
}
