//! The messages of one direction of a connection, one after the other.
//!
//! All bytes are at hand, and the connection ends behind them: what is not whole then never will be. Which response belongs
//! to which request is known from the order of the methods.

use crate::{
    Chunked, Defect, Field, Framing, Limits, Reading, Request, Response, read_chunked, read_request, read_response,
};

/// A message, or as much of one as there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<H> {
    /// Its head.
    pub head: H,
    /// Its body without framing, as far as it came.
    pub body: Vec<u8>,
    /// Its trailer fields.
    pub trailers: Vec<Field>,
    /// Whether it came to its end.
    pub is_whole: bool,
    /// Where it begins and ends in the stream.
    pub span: (usize, usize),
}

/// Why there are no more messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All bytes belong to messages, and the last is whole.
    Clean,
    /// The last message, or the head of another, goes on behind the bytes given.
    Incomplete,
    /// The last message said that nothing follows; the bytes behind it, if any, are not HTTP.
    Closed,
    /// What follows the whole messages has these defects.
    Refused(Vec<Defect>),
}

/// All messages of a direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream<H> {
    /// In order; only the last may be in part.
    pub messages: Vec<Message<H>>,
    /// What is behind them.
    pub end: End,
}

/// What a client sent.
#[must_use]
pub fn requests(bytes: &[u8], limits: &Limits) -> Stream<Request> {
    read(bytes, |rest| match read_request(rest, limits) {
        Reading::Whole(head) => Reading::Whole((head.head_len, head.framing, head.keep_alive, head)),
        Reading::Incomplete => Reading::Incomplete,
        Reading::Refused(defects) => Reading::Refused(defects),
    })
}

/// What a server sent in answer to requests with these methods, and then closed. An interim response leaves its request
/// unanswered (RFC 9110, section 15.2).
#[must_use]
pub fn responses(bytes: &[u8], methods: &[&[u8]], limits: &Limits) -> Stream<Response> {
    let mut answered = 0;
    read(bytes, |rest| {
        let method = methods.get(answered).copied().unwrap_or(b"GET");
        match read_response(rest, method, limits) {
            Reading::Whole(head) => {
                let is_interim = head.status < 200 && head.status != 101;
                answered += usize::from(!is_interim);
                let stays = head.keep_alive || is_interim;
                Reading::Whole((head.head_len, head.framing, stays, head))
            }
            Reading::Incomplete => Reading::Incomplete,
            Reading::Refused(defects) => Reading::Refused(defects),
        }
    })
}

/// `head` gives length of the head, framing, and whether another message can follow.
fn read<H>(bytes: &[u8], mut head: impl FnMut(&[u8]) -> Reading<(usize, Framing, bool, H)>) -> Stream<H> {
    let (mut messages, mut at) = (Vec::new(), 0);
    loop {
        if at == bytes.len() {
            return Stream { messages, end: End::Clean };
        }
        let (head_len, framing, stays, head) = match head(&bytes[at..]) {
            Reading::Whole(head) => head,
            Reading::Incomplete => return Stream { messages, end: End::Incomplete },
            Reading::Refused(defects) => return Stream { messages, end: End::Refused(defects) },
        };
        let Chunked { data, end } = body(&bytes[at + head_len..], framing);
        let mut message = Message { head, body: data, trailers: Vec::new(), is_whole: false, span: (at, bytes.len()) };
        let end = match end {
            Reading::Whole((trailers, len)) => {
                at += head_len + len;
                (message.trailers, message.is_whole, message.span.1) = (trailers, true, at);
                (!stays).then_some(End::Closed)
            }
            Reading::Incomplete => Some(End::Incomplete),
            Reading::Refused(defects) => Some(End::Refused(defects)),
        };
        messages.push(message);
        if let Some(end) = end {
            return Stream { messages, end };
        }
    }
}

/// RFC 9112, section 6.3: the body at the start of `bytes`, without trailers unless it is chunked.
fn body(bytes: &[u8], framing: Framing) -> Chunked {
    let len = match framing {
        Framing::None => 0,
        Framing::Length(len) => usize::try_from(len).unwrap_or(usize::MAX),
        Framing::UntilClose => bytes.len(),
        Framing::Chunked => return read_chunked(bytes),
    };
    let end = if len <= bytes.len() { Reading::Whole((Vec::new(), len)) } else { Reading::Incomplete };
    Chunked { data: bytes[..len.min(bytes.len())].to_vec(), end }
}
