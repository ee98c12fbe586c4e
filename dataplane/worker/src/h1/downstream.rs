//! A client's HTTP/1.1 connection as one side of an exchange.

use super::{Reader, Writer};
use crate::{
    exchange::{Downstream, ResponseSink},
    link::Link,
};
use tollgate_http::{
    Answer, BodyLength, ForwardResponse, Reason, ResponseFraming, ResponseHead, write_answer, write_interim,
    write_response,
};
use tollgate_io::Io;

/// Both halves of a client's connection.
pub(crate) struct H1Downstream<'a, I: Io> {
    pub(crate) reader: Reader<'a, I>,
    pub(crate) writer: Writer<'a, I>,
}

impl<'a, I: Io> H1Downstream<'a, I> {
    pub(crate) const fn new(link: &'a Link<'a, I>) -> Self {
        Self { reader: Reader::new(link), writer: Writer::new(link) }
    }
}

impl<'a, I: Io> Downstream for H1Downstream<'a, I> {
    type Source = Reader<'a, I>;
    type Sink = Writer<'a, I>;

    fn begin_body(&mut self, head_len: usize, body: BodyLength) {
        self.reader.begin_body(head_len, body);
    }

    fn is_body_done(&self) -> bool {
        self.reader.is_done()
    }

    fn halves(&mut self) -> (&mut Reader<'a, I>, &mut Writer<'a, I>) {
        (&mut self.reader, &mut self.writer)
    }
}

impl<I: Io> ResponseSink for Writer<'_, I> {
    fn head(&mut self, head: ResponseHead<'_>, with: &ForwardResponse<'_>) -> Result<(), Reason> {
        self.queue(with.framing == ResponseFraming::Chunked, |out| write_response(out, head, with))
    }

    fn interim(&mut self, head: ResponseHead<'_>) -> Result<(), Reason> {
        self.queue(false, |out| write_interim(out, head))
    }

    fn answer(&mut self, answer: &Answer<'_>, body: &[u8]) -> Result<(), Reason> {
        self.queue(false, |out| {
            let len = write_answer(out, answer)?;
            let room = out.get_mut(len..len + body.len()).ok_or(Reason::Internal)?;
            room.copy_from_slice(body);
            Ok(len + body.len())
        })
    }

    fn take_back(&mut self) {
        self.unqueue();
    }

    fn is_queued(&self) -> bool {
        self.has_queued()
    }
}
