//! An endpoint's HTTP/1.1 connection as one side of an exchange.
//!
//! Requests go out through [`Writer`], responses come in through [`ResponseReader`], which parses their heads where they
//! were received. A head is bounded by `limits.head_bytes`; whether the connection is used again is judged here, pooled
//! by the exchange.

use super::{Reader, Writer};
use crate::{
    body::{Part, Source},
    exchange::{RequestSink, ResponseSource, Upstream},
    link::Link,
};
use tollgate_http::{
    BodyLength, ForwardRequest, HeadLimits, Method, Parsed, Reason, RequestHead, ResponseHead, ResponseIndex,
    write_request,
};
use tollgate_io::{Buffer, Io};

/// Both halves of a connection to an endpoint.
pub(crate) struct H1Upstream<'a, I: Io> {
    source: ResponseReader<'a, I>,
    sink: Writer<'a, I>,
}

/// Receives responses.
pub(crate) struct ResponseReader<'a, I: Io> {
    reader: Reader<'a, I>,
    /// Lent by the client's connection: too large to be made for each exchange.
    index: &'a mut ResponseIndex,
    head_len: usize,
}

impl<'a, I: Io> H1Upstream<'a, I> {
    pub(crate) const fn new(link: &'a Link<'a, I>, index: &'a mut ResponseIndex) -> Self {
        Self { source: ResponseReader { reader: Reader::new(link), index, head_len: 0 }, sink: Writer::new(link) }
    }

    /// The bare halves, for an upgraded connection.
    pub(crate) const fn parts(&mut self) -> (&mut Reader<'a, I>, &mut Writer<'a, I>) {
        (&mut self.source.reader, &mut self.sink)
    }
}

impl<'a, I: Io> Upstream for H1Upstream<'a, I> {
    type Source = ResponseReader<'a, I>;
    type Sink = Writer<'a, I>;

    fn halves(&mut self) -> (&mut ResponseReader<'a, I>, &mut Writer<'a, I>) {
        (&mut self.source, &mut self.sink)
    }

    fn is_reusable(&self) -> bool {
        self.source.reader.is_done()
            && self.source.index.head(&[]).keep_alive()
            && self.source.reader.bytes().is_empty()
    }
}

impl<I: Io> RequestSink for Writer<'_, I> {
    fn head(&mut self, head: RequestHead<'_>, with: &ForwardRequest<'_>) -> Result<(), Reason> {
        self.queue(head.body() == BodyLength::Chunked, |out| write_request(out, head, with))
    }
}

impl<I: Io> ResponseSource for ResponseReader<'_, I> {
    async fn head(&mut self, request: Method, limits: &HeadLimits) -> Result<(), Reason> {
        loop {
            if let Some(buffer) = self.reader.buffer.as_mut().filter(|buffer| !buffer.is_empty()) {
                match self.index.parse(buffer.bytes_mut(), request, limits) {
                    Parsed::Complete { head_len } => {
                        self.head_len = head_len;
                        return Ok(());
                    }
                    Parsed::Refused(reason) => return Err(reason),
                    Parsed::Partial => {}
                }
            }
            if self.reader.fill().await? == 0 {
                let begun = !self.reader.bytes().is_empty();
                return Err(if begun { Reason::UpstreamMalformed } else { Reason::UpstreamClosed });
            }
        }
    }

    fn response(&self) -> ResponseHead<'_> {
        self.index.head(self.reader.bytes())
    }

    fn begin_body(&mut self) {
        let body = self.response().body();
        self.reader.begin_body(self.head_len, body);
    }

    fn received_bytes(&self) -> u64 {
        self.reader.link.received_bytes()
    }
}

impl<I: Io> Source for ResponseReader<'_, I> {
    fn ready(&mut self) -> Result<Option<Part>, Reason> {
        self.reader.ready()
    }

    fn next(&mut self) -> impl Future<Output = Result<Part, Reason>> {
        self.reader.next()
    }

    fn give_back(&mut self, buffer: Option<Buffer>) {
        self.reader.give_back(buffer);
    }
}
