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
use std::rc::Rc;
use tollgate_http::{
    BodyLength, ForwardRequest, HeadLimits, Method, Parsed, Reason, RequestHead, ResponseHead, ResponseIndex,
    write_request,
};
use tollgate_io::{Buffer, Io};

/// Both halves of a connection to an endpoint.
pub(crate) struct H1Upstream<I: Io> {
    pub(crate) source: ResponseReader<I>,
    sink: Writer<I>,
}

/// Receives responses.
pub(crate) struct ResponseReader<I: Io> {
    reader: Reader<I>,
    index: ResponseIndex,
    head_len: usize,
}

impl<I: Io> H1Upstream<I> {
    pub(crate) fn new(link: &Rc<Link<I>>) -> Self {
        Self {
            source: ResponseReader {
                reader: Reader::new(link.clone(), None),
                index: ResponseIndex::new(),
                head_len: 0,
            },
            sink: Writer::new(link.clone()),
        }
    }

    /// Bytes received behind the response: of an upgraded protocol, or of an endpoint that says more than asked.
    pub(crate) fn into_rest(self) -> Option<Buffer> {
        self.source.reader.buffer.filter(|buffer| !buffer.is_empty())
    }
}

impl<I: Io> Upstream for H1Upstream<I> {
    type Source = ResponseReader<I>;
    type Sink = Writer<I>;

    fn halves(&mut self) -> (&mut ResponseReader<I>, &mut Writer<I>) {
        (&mut self.source, &mut self.sink)
    }

    fn is_reusable(&self) -> bool {
        self.source.reader.is_done()
            && self.source.index.head(&[]).keep_alive()
            && self.source.reader.bytes().is_empty()
    }
}

impl<I: Io> RequestSink for Writer<I> {
    fn head(&mut self, head: RequestHead<'_>, with: &ForwardRequest<'_>) -> Result<(), Reason> {
        self.queue(head.body() == BodyLength::Chunked, |out| write_request(out, head, with))
    }
}

impl<I: Io> ResponseSource for ResponseReader<I> {
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
        self.reader.link.received.get()
    }
}

impl<I: Io> Source for ResponseReader<I> {
    async fn next(&mut self) -> Result<Part, Reason> {
        self.reader.next().await
    }

    fn give_back(&mut self, buffer: Option<Buffer>) {
        self.reader.give_back(buffer);
    }

    fn is_ready(&self) -> bool {
        self.reader.is_ready()
    }
}
