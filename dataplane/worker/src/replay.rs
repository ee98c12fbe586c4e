//! A copy of an answer on its way to a client, while the breaker of its upstream is open.
//!
//! [`Replay`] is to the exchange what an endpoint is, so that policies, rules and framing do with a copy what they do with
//! a fresh answer. It holds one buffer, as every response does, and the copy, which may be forgotten meanwhile. What has no
//! copy is refused as without one.

use crate::{
    body::{Part, Source},
    exchange::{Machine, ResponseSource},
    forward::Forwarded,
    h1::H1Downstream,
    program::UpstreamProgram,
    route_program::RouteProgram,
    state::Worker,
};
use std::rc::Rc;
use tollgate_cache::Kept;
use tollgate_http::{
    BodyLength, FIELDS_MAX, HEAD_BYTES_MAX, HeadLimits, Method, Parsed, Reason, ResponseHead, ResponseIndex,
};
use tollgate_io::{Buffer, Io};

/// What was within the limits of the node when it came has gained a line or two.
const LIMITS: HeadLimits = HeadLimits { head_bytes: HEAD_BYTES_MAX, target_bytes: HEAD_BYTES_MAX, fields: FIELDS_MAX };

/// A copy as a response.
struct Replay<'w, I: Io> {
    worker: &'w Worker<I>,
    kept: Rc<Kept>,
    index: Box<ResponseIndex>,
    /// The head, until its body begins.
    buffer: Option<Buffer>,
    /// Bytes of the body that are still to come.
    left: usize,
}

impl<I: Io> Machine<'_, '_, I> {
    /// Answers with a copy, or says that the circuit is open.
    pub(crate) async fn answer_copy(
        &self,
        down: &mut H1Downstream<'_, I>,
        route: &RouteProgram,
        upstream: &UpstreamProgram,
        (target, body): (&[u8], BodyLength),
    ) -> Result<Forwarded, Reason> {
        let worker = &self.connection.worker;
        let replay = self.replay(down.reader.bytes(), upstream, target, body);
        worker.metrics.upstream_cache_asked(upstream.figures, replay.is_some());
        let Some(mut replay) = replay else { return self.fail(Reason::CircuitOpen, None, &mut down.writer).await };
        self.outcome.retry_after_s.set(0);
        self.outcome.is_copy.set(true);
        self.bound(&route.timeouts);
        let result = self.attempt(&route.timeouts, None, None).pass_on(&mut replay, &mut down.writer).await;
        // No endpoint has said anything.
        self.outcome.responded.set(None);
        match result {
            Ok(forwarded) => Ok(forwarded),
            Err(reason) => self.fail(reason, None, &mut down.writer).await,
        }
    }

    fn replay(
        &self,
        received: &[u8],
        upstream: &UpstreamProgram,
        target: &[u8],
        body: BodyLength,
    ) -> Option<Replay<'_, I>> {
        let copying = self.copying(received, upstream, target, body)?;
        let worker = &self.connection.worker;
        let (kept, head) = copying.find(worker)?;
        Replay::new(worker, kept, &head, self.facts.method)
    }
}

impl<'w, I: Io> Replay<'w, I> {
    /// `None` if the head is too large for what is said besides.
    fn new(worker: &'w Worker<I>, kept: Rc<Kept>, head: &[u8], method: Method) -> Option<Self> {
        let mut buffer = worker.io.buffers().take();
        let mut index = worker.take_response_index();
        if !buffer.append(head) {
            return None;
        }
        let parsed = index.parse(buffer.bytes(), method, &LIMITS);
        matches!(parsed, Parsed::Complete { .. }).then_some(Self { worker, kept, index, buffer: Some(buffer), left: 0 })
    }
}

impl<I: Io> ResponseSource for Replay<'_, I> {
    async fn head(&mut self, _request: Method, _limits: &HeadLimits) -> Result<(), Reason> {
        Ok(())
    }

    fn response(&self) -> ResponseHead<'_> {
        self.index.head(self.buffer.as_ref().map_or(&[], Buffer::bytes))
    }

    fn begin_body(&mut self) {
        self.left = if self.response().body().is_empty() { 0 } else { self.kept.body().len() };
        self.buffer = None;
    }

    fn received_bytes(&self) -> u64 {
        0
    }
}

impl<I: Io> Source for Replay<'_, I> {
    fn ready(&mut self) -> Result<Option<Part>, Reason> {
        if self.left == 0 {
            return Ok(Some(Part::end()));
        }
        let mut buffer = self.buffer.take().unwrap_or_else(|| self.worker.io.buffers().take());
        buffer.clear();
        let body = self.kept.body();
        let rest = &body[body.len() - self.left..];
        let len = rest.len().min(buffer.spare_len());
        buffer.append(&rest[..len]);
        self.left -= len;
        let mut part = Part::end();
        part.push(buffer.start(), buffer.start() + len);
        (part.buffer, part.is_last) = (Some(buffer), self.left == 0);
        Ok(Some(part))
    }

    async fn next(&mut self) -> Result<Part, Reason> {
        // There is always one.
        self.ready().map(Option::unwrap_or_default)
    }

    fn give_back(&mut self, buffer: Option<Buffer>) {
        self.buffer = buffer;
    }
}
