//! Forwarding of one request over one connection to an endpoint, and of its response back.
//!
//! A request without a body is sent, then its response received. With a body both directions run at once, so that an
//! early response is passed on while the client still sends; what the endpoint no longer wants of the body is then read
//! and thrown away, within bounds, so that the client reads its answer instead of a reset.

use crate::{
    Program,
    answer::connection_option,
    bell,
    body::{Part, Sink, Source},
    call::Call,
    copies::Copying,
    exchange::{Downstream, ResponseSink, ResponseSource, Upstream},
    limits,
    record::{Facts, Outcome},
    relay::discard,
    retry::Tries,
    state::Worker,
    throttle::Meter,
    watch::Watch,
};
use std::{cell::Cell, pin::pin};
use tollgate_http::{
    BodyLength, ConnectionOption, FieldEdits, ForwardResponse, Reason, ResponseFraming, ResponseHead, Version,
};
use tollgate_io::Io;
use tollgate_model::Timeouts;

/// How forwarding ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forwarded {
    /// The response is with the client.
    Answered,
    /// The endpoint switched protocols, and the client has been told.
    Upgraded,
    /// The endpoint has answered with a status after which the request is tried again; the client knows nothing of it.
    Declined,
}

/// Everything about one attempt that its two directions share.
pub(crate) struct Forward<'a, 'p, I: Io> {
    pub(crate) worker: &'a Worker<I>,
    pub(crate) program: &'p Program,
    pub(crate) watch: &'a Watch<I::Stream>,
    pub(crate) timeouts: &'a Timeouts,
    pub(crate) facts: &'a Facts,
    pub(crate) outcome: &'a Outcome<'p>,
    pub(crate) request_id: &'a [u8],
    /// Most bytes of content that may be sent.
    pub(crate) body_bytes_max: u64,
    /// What the policies of the route do to the fields of the response ...
    pub(crate) edits: Option<&'a FieldEdits>,
    /// ... and the field lines they add.
    pub(crate) lines: &'a [u8],
    /// What the rules of the route charge, if they charge more than the request.
    pub(crate) meter: Option<Meter<'a>>,
    /// Whether the request's body is still on its way.
    pub(crate) uploading: Cell<bool>,
    /// If the request may be sent again.
    pub(crate) tries: Option<&'a Tries<'p>>,
    /// The request as its upstream's breaker and limit see it, if there are any.
    pub(crate) call: Option<&'a Call<'p>>,
    /// The request as copies of answers are known by, if its answer may be copied.
    pub(crate) copying: Option<&'a Copying>,
    /// Whether an interim response has gone to the client.
    pub(crate) has_interim: Cell<bool>,
}

impl<I: Io> Forward<'_, '_, I> {
    /// Sends the queued head of a request without a body and passes the response back.
    pub(crate) async fn without_body<U: Upstream>(
        &self,
        reply: &mut impl ResponseSink,
        up: &mut U,
    ) -> Result<Forwarded, Reason> {
        let (response, request) = up.halves();
        request.flush().await?;
        self.request_is_sent();
        self.download(response, reply).await
    }

    /// Sends the queued head and the body, and passes the response back as soon as it comes. `fail` answers the client when
    /// that goes wrong.
    pub(crate) async fn with_body<D: Downstream, U: Upstream>(
        &self,
        down: &mut D,
        up: &mut U,
        fail: impl AsyncFn(Reason, &mut D::Sink) -> Result<Forwarded, Reason>,
    ) -> Result<Forwarded, Reason> {
        let ((body, reply), (response, request)) = (down.halves(), up.halves());
        self.uploading.set(true);
        let answered = Cell::new(false);
        let upload = self.upload(body, request, &answered);
        let download = async {
            let result = match self.download(response, reply).await {
                Ok(forwarded) => Ok(forwarded),
                Err(reason) => fail(reason, reply).await,
            };
            answered.set(true);
            if self.uploading.get() {
                self.watch.release_upstream(self.worker.io.now() + self.timeouts.linger);
            }
            result
        };
        let (uploaded, result) = bell::both(pin!(upload), pin!(download)).await;
        if !uploaded {
            self.outcome.closes.set(true);
        }
        result
    }

    /// Takes note that the endpoint has all of the request.
    pub(crate) fn request_is_sent(&self) {
        self.uploading.set(false);
        let now = self.worker.io.now();
        self.outcome.forwarded.set(Some(now));
        // An early answer may have begun: then its progress counts.
        if self.outcome.status.get() == 0 {
            self.watch.fix(now + self.timeouts.first_byte);
        }
    }

    /// The next part of the client's body; what is queued for the endpoint leaves before waiting for it. `None` if it cannot.
    async fn receive(&self, body: &mut impl Source, request: &mut impl Sink) -> Result<Option<Part>, Reason> {
        if let Some(part) = body.ready()? {
            return Ok(Some(part));
        }
        match request.flush().await {
            Ok(()) => body.next().await.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Says whether the client's body was read to its end.
    async fn upload(&self, body: &mut impl Source, request: &mut impl Sink, answered: &Cell<bool>) -> bool {
        let mut total = 0;
        while !answered.get() {
            let part = match self.receive(body, request).await {
                Ok(Some(part)) => part,
                Ok(None) => break,
                Err(reason) => {
                    self.watch.abort_upstream(reason);
                    self.uploading.set(false);
                    return false;
                }
            };
            self.outcome.is_unsure.set(false);
            total += part.len();
            if total > self.body_bytes_max {
                body.give_back(part.buffer);
                self.watch.abort_upstream(Reason::BodyTooLarge);
                break;
            }
            if let Some(meter) = &self.meter {
                let wait = meter.request(self.worker, part.len());
                self.pause(wait).await;
            }
            let is_last = part.is_last;
            let (sent, buffer) = request.send(part).await;
            body.give_back(buffer);
            if is_last && !answered.get() {
                self.request_is_sent();
            }
            if is_last {
                return true;
            }
            if sent.is_err() {
                break;
            }
        }
        let is_read = discard(body, limits::DISCARDED_BYTES_MAX).await;
        self.uploading.set(false);
        is_read
    }

    async fn download(
        &self,
        response: &mut impl ResponseSource,
        reply: &mut impl ResponseSink,
    ) -> Result<Forwarded, Reason> {
        response.head(self.facts.method, &self.program.heads).await?;
        self.pass_on(response, reply).await
    }

    /// Passes on a response whose first head has been received.
    pub(crate) async fn pass_on(
        &self,
        response: &mut impl ResponseSource,
        reply: &mut impl ResponseSink,
    ) -> Result<Forwarded, Reason> {
        if self.outcome.responded.get().is_none() {
            self.outcome.responded.set(Some(self.worker.io.now()));
        }
        if response.response().is_interim() {
            self.pass_interim(response, reply).await?;
        }
        self.watch.release();
        let head = response.response();
        if let 502..=504 = head.status()
            && !self.has_interim.get()
            && self.tries.is_some_and(|tries| tries.takes_status(head.status(), self.outcome, || self.worker.io.now()))
        {
            return Ok(Forwarded::Declined);
        }
        if let Some(call) = self.call {
            call.answered(head.status(), self.outcome, self.worker.io.now());
        }
        if head.status() == 101 {
            return self.upgrade(response, reply).await;
        }
        if let Some(meter) = &self.meter {
            meter.head(self.worker, &head);
        }
        let drafting = self.copying.and_then(|copying| copying.begin(self.worker, &head));
        let with = self.respond_with(&head);
        self.outcome.closes.set(with.connection == ConnectionOption::Close);
        reply.head(head, &with)?;
        // Not before: until the head is queued the client can be told what went wrong.
        self.outcome.status.set(head.status());
        response.begin_body();
        self.watch.mark_misleading_end(with.framing == ResponseFraming::Close);
        match drafting {
            None => self.relay_body(response, reply).await?,
            // In a box, so that the many that are not copied have no room for it.
            Some(drafting) => Box::pin(self.relay_copied(response, reply, drafting)).await?,
        }
        self.watch.mark_misleading_end(false);
        Ok(Forwarded::Answered)
    }

    /// Passes interim heads on until there is the final one (RFC 9110, section 15.2).
    async fn pass_interim(
        &self,
        response: &mut impl ResponseSource,
        reply: &mut impl ResponseSink,
    ) -> Result<(), Reason> {
        while response.response().is_interim() {
            if self.facts.version == Version::Http11 {
                reply.interim(response.response())?;
                self.has_interim.set(true);
                reply.flush().await?;
            }
            response.begin_body();
            response.head(self.facts.method, &self.program.heads).await?;
        }
        Ok(())
    }

    async fn upgrade(
        &self,
        response: &mut impl ResponseSource,
        reply: &mut impl ResponseSink,
    ) -> Result<Forwarded, Reason> {
        if !self.facts.upgrade || self.uploading.get() {
            return Err(Reason::UpgradeRefused);
        }
        let with = ForwardResponse {
            request_id: self.request_id,
            connection: ConnectionOption::Upgrade,
            ..self.respond_as_changed()
        };
        reply.head(response.response(), &with)?;
        self.outcome.status.set(101);
        response.begin_body();
        reply.flush().await?;
        Ok(Forwarded::Upgraded)
    }

    fn respond_with(&self, head: &ResponseHead<'_>) -> ForwardResponse<'_> {
        let is_http11 = self.facts.version == Version::Http11;
        let framing = match head.body() {
            BodyLength::None | BodyLength::Length(_) => ResponseFraming::AsReceived,
            _ if is_http11 => ResponseFraming::Chunked,
            _ => ResponseFraming::Close,
        };
        let closes = framing == ResponseFraming::Close
            || self.outcome.is_unsure.get()
            || !self.facts.keep_alive
            || self.outcome.closes.get()
            || self.worker.is_draining();
        let connection = connection_option(Some(self.facts), closes);
        ForwardResponse { request_id: self.request_id, framing, connection, ..self.respond_as_changed() }
    }

    fn respond_as_changed(&self) -> ForwardResponse<'_> {
        ForwardResponse { edits: self.edits, lines: self.lines, ..ForwardResponse::default() }
    }
}
