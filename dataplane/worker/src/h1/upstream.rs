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
    /// Of the worker's stock, while a head is received and passed on.
    index: Option<Box<ResponseIndex>>,
    head_len: usize,
    keep_alive: bool,
}

static NOTHING: ResponseIndex = ResponseIndex::new();

impl<'a, I: Io> H1Upstream<'a, I> {
    pub(crate) const fn new(link: &'a Link<'a, I>) -> Self {
        let source = ResponseReader { reader: Reader::new(link), index: None, head_len: 0, keep_alive: false };
        Self { source, sink: Writer::new(link) }
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
        self.source.reader.is_done() && self.source.keep_alive && self.source.reader.is_drained()
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
                let index = self.index.get_or_insert_with(|| self.reader.link.worker.take_response_index());
                match index.parse(buffer.bytes_mut(), request, limits) {
                    Parsed::Complete { head_len } => {
                        self.head_len = head_len;
                        self.keep_alive = index.head(&[]).keep_alive();
                        return Ok(());
                    }
                    Parsed::Refused(reason) => return Err(reason),
                    Parsed::Partial => {}
                }
            }
            let has_begun = !self.reader.bytes().is_empty();
            match self.reader.fill().await {
                Ok(true) => {}
                Ok(false) | Err(Reason::UpstreamClosed) if has_begun => return Err(Reason::ResponseIncomplete),
                Ok(false) => return Err(Reason::UpstreamClosed),
                Err(reason) => return Err(reason),
            }
        }
    }

    fn response(&self) -> ResponseHead<'_> {
        self.index.as_deref().unwrap_or(&NOTHING).head(self.reader.bytes())
    }

    fn begin_body(&mut self) {
        let body = self.response().body();
        self.reader.begin_body(self.head_len, body);
        if let Some(index) = self.index.take() {
            self.reader.link.worker.give_response_index(index);
        }
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
