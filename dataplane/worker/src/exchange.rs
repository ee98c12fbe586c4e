//! The exchange machine: one request from its head to its accounting, whatever carries it.
//!
//! ```text
//! record -> route -> guard -> checkout -> forward (again, if the tries say so) -> settle -> account
//! ```
//!
//! [`Machine`] does the steps, [`crate::forward`] the fifth. The two sides are seen as [`Downstream`] and [`Upstream`];
//! HTTP/1.1 is one implementation of them.

use crate::{
    answer::Refusal,
    body::{Sink, Source},
    call::{self, Call, Entry},
    connection::Connection,
    copies::Copying,
    forward::{Forward, Forwarded},
    h1::{H1Downstream, H1Upstream},
    hedge::{Asked, Raced},
    key, limits,
    policies::{Early, Pending},
    probe::early_note,
    program::{Program, UpstreamProgram},
    record::{Facts, Outcome},
    relay,
    retry::Tries,
    route_program::{Act, RouteProgram},
    standing::Target,
    tunnel,
    upstream::{self, Checkout, Wish},
};
use std::{
    borrow::Cow,
    cell::{Cell, OnceCell},
    net::IpAddr,
    time::Duration,
};
use tollgate_balance::Outcome as Shown;
use tollgate_http::{
    Answer, BodyLength, ForwardRequest, ForwardResponse, HeadLimits, Method, Reason, RequestHead, RequestIndex,
    ResponseHead, Side, TraceContext,
};
use tollgate_io::Io;
use tollgate_model::Timeouts;
use tollgate_policy::{Admission, Chain, ResponseChanges};
use tollgate_probe::{Note, Verdict};
use tollgate_route::{Found, Request};

/// The client's side of an exchange.
pub(crate) trait Downstream {
    type Source: Source;
    type Sink: ResponseSink;

    /// Leaves the head behind and begins the body.
    fn begin_body(&mut self, head_len: usize, body: BodyLength);

    /// Whether the request was read to its end.
    fn is_body_done(&self) -> bool;

    /// Where the request's body comes from and the response goes.
    fn halves(&mut self) -> (&mut Self::Source, &mut Self::Sink);
}

/// The way back to the client.
pub(crate) trait ResponseSink: Sink {
    /// Queues the head of the final response.
    fn head(&mut self, head: ResponseHead<'_>, with: &ForwardResponse<'_>) -> Result<(), Reason>;

    /// Queues an interim response.
    fn interim(&mut self, head: ResponseHead<'_>) -> Result<(), Reason>;

    /// Queues an answer of our own.
    fn answer(&mut self, answer: &Answer<'_>, body: &[u8]) -> Result<(), Reason>;

    /// Forgets what is queued.
    fn take_back(&mut self);

    /// Whether the last head has not left.
    fn is_queued(&self) -> bool;
}

/// The endpoint's side of an exchange.
pub(crate) trait Upstream {
    type Source: ResponseSource;
    type Sink: RequestSink;

    /// Where the response comes from and the request goes.
    fn halves(&mut self) -> (&mut Self::Source, &mut Self::Sink);

    /// Whether the connection can carry another exchange.
    fn is_reusable(&self) -> bool;
}

/// The way to the endpoint.
pub(crate) trait RequestSink: Sink {
    /// Queues the head of the request.
    fn head(&mut self, head: RequestHead<'_>, with: &ForwardRequest<'_>) -> Result<(), Reason>;
}

/// The way from the endpoint.
pub(crate) trait ResponseSource: Source {
    /// Receives a head, interim or final.
    async fn head(&mut self, request: Method, limits: &HeadLimits) -> Result<(), Reason>;

    /// The head that was received last.
    fn response(&self) -> ResponseHead<'_>;

    /// Leaves the head behind and begins the body.
    fn begin_body(&mut self);

    /// Bytes received so far.
    fn received_bytes(&self) -> u64;
}

/// What becomes of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next request.
    KeepAlive,
    /// Its end, after reading on for a moment.
    Close,
    /// Its end, at once.
    Abort,
}

/// One exchange of an HTTP/1.1 connection.
pub(crate) struct Machine<'a, 'p, I: Io> {
    pub(crate) connection: &'a Connection<I>,
    /// What was run when it began.
    pub(crate) program: &'p Program,
    pub(crate) index: &'a RequestIndex,
    pub(crate) head_len: usize,
    pub(crate) facts: Facts,
    pub(crate) outcome: &'a Outcome<'p>,
    pub(crate) request_id: &'a [u8],
    pub(crate) trace: TraceContext<'a>,
    /// Whether the peer is a trusted proxy.
    pub(crate) is_trusted: bool,
    /// The peer, or whom a trusted one speaks for.
    pub(crate) client: IpAddr,
    /// What the policies of the route do to the response, if anything.
    pub(crate) changes: OnceCell<ResponseChanges<'p>>,
    /// What the request was let in with, or refused, if its route has rules.
    pub(crate) admission: OnceCell<Box<Admission>>,
    /// Whether its answer is copied, if copies of the upstream's answers are kept.
    pub(crate) copying: OnceCell<Box<Copying>>,
    /// Whether the head's bytes have been left behind.
    pub(crate) head_is_consumed: Cell<bool>,
}

impl<'p, I: Io> Machine<'_, 'p, I> {
    /// Serves the request at the front of `down`.
    pub(crate) async fn run(&self, down: &mut H1Downstream<'_, I>) -> Next {
        let head = self.index.head(down.reader.bytes());
        let body = head.body();
        let ends_here = head.max_forwards() == Some(0);
        self.outcome.is_unsure.set(self.facts.expects_continue && !body.is_empty());
        let admitted = match self.admit(&head) {
            Ok((route, None)) => Ok(route),
            // In a box, so that the many that do not wait have no room for one.
            Ok((route, Some(pending))) => Box::pin(self.pass_pending(route, &head, pending)).await,
            Err(early) => Err(early),
        };
        let result = match admitted {
            Ok(_) if ends_here => self.answer_options(&head, &mut down.writer).await,
            // `OPTIONS *` asks about the node as a whole and has no route.
            Err(Early::Refused(Reason::NoRoute, _)) if ends_here && head.path() == b"*" => {
                self.answer_options(&head, &mut down.writer).await
            }
            Ok(route) => self.act(down, route, body).await,
            Err(early) => {
                early_note(&early).into_iter().for_each(|note| self.trace(|| note));
                self.answer_early(early, &mut down.writer).await
            }
        };
        self.connection.watch.set_upstream(None);
        self.consume_head(down, body);
        match self.next(down, result) {
            Some(next) => next,
            None => self.skip_body(down).await,
        }
    }

    /// The phases before an endpoint is chosen, or up to one that has to wait.
    fn admit(&self, head: &RequestHead<'_>) -> Result<(&'p RouteProgram, Option<Pending>), Early<'p>> {
        if let Some(layer) = self.connection.stream().layer()
            && !layer.ask(|session| session.is_for(head.host()))
        {
            return Err(Early::Refused(Reason::Misdirected, None));
        }
        let route: &RouteProgram = match self.find(head) {
            Found::Route(route) => route,
            Found::MethodNotAllowed(allow) => return Err(Early::Refused(Reason::MethodNotAllowed, Some(allow))),
            Found::None => return Err(Early::Refused(Reason::NoRoute, None)),
        };
        if self.outcome.tracer.as_ref().is_some_and(|tracer| !tracer.may_reach(&route.route.name)) {
            return Err(Early::Refused(Reason::NoRoute, None));
        }
        self.outcome.route.set(Some(route));
        self.trace(|| Note::passed("route", &route.route.name));
        if self.program.snapshot.shedding.is_some() && self.connection.worker.sheds(route.priority) {
            self.outcome.retry_after_s.set(1);
            return Err(Early::Refused(Reason::Overloaded, None));
        }
        self.pass_phases(route, head).map(|waiting| (route, waiting))
    }

    /// Does what the route says.
    async fn act(
        &self,
        down: &mut H1Downstream<'_, I>,
        route: &'p RouteProgram,
        body: BodyLength,
    ) -> Result<Forwarded, Reason> {
        if let Some(faults) = &route.faults
            && let Some(injected) = Box::pin(self.inject(faults, &mut down.writer)).await
        {
            self.trace(|| Note::new("faults", self.outcome.fault.get().unwrap_or_default(), Verdict::Answered));
            return injected;
        }
        let head = self.index.head(down.reader.bytes());
        let request = Request::of(self.connection.listening.slot as usize, &head);
        let path = &route.route.matcher.path;
        let (to, target) = match &route.act {
            Act::Forward { to, rewrite: None } => (to, Some(Cow::default())),
            Act::Forward { to, rewrite: Some(rewrite) } => (to, rewrite.target(path, &request)),
            Act::Redirect(redirect) => {
                return match tollgate_route::location(redirect, path, &request) {
                    Some(location) => self.answer_redirect(redirect.status, &location, &mut down.writer).await,
                    None => self.fail(Reason::BadHost, None, &mut down.writer).await,
                };
            }
            Act::Answer(answer) => return self.answer_fixed(answer, &mut down.writer).await,
        };
        let Some(target) = target.map(|target| self.change_query(target, &head)) else {
            return self.fail(Reason::BadTarget, None, &mut down.writer).await;
        };
        // A snapshot has every upstream that its routes name.
        let Some(upstream) = self.program.choose_upstream(to) else {
            return self.fail(Reason::NoEndpoint, None, &mut down.writer).await;
        };
        self.outcome.upstream.set(Some(upstream));
        let worker = &self.connection.worker;
        let (upstream, call) = match call::enter(worker, self.program, upstream) {
            Entry::Upstream(upstream, call) => (upstream, call),
            Entry::Answer(answer) => return self.answer_fixed(answer, &mut down.writer).await,
            Entry::Copy(upstream, retry_after_s) => {
                self.outcome.retry_after_s.set(retry_after_s);
                return Box::pin(self.answer_copy(down, route, upstream, (&target, body))).await;
            }
            Entry::Refused(reason, retry_after_s) => {
                self.trace(|| Note::new("choose", &upstream.upstream.name, Verdict::Refused(reason)));
                self.outcome.retry_after_s.set(retry_after_s);
                return self.fail(reason, None, &mut down.writer).await;
            }
        };
        self.outcome.upstream.set(Some(upstream));
        self.trace(|| Note::passed("choose", &upstream.upstream.name));
        if call.is_some()
            && let Some(copying) = self.copying(down.reader.bytes(), upstream, &target, body)
        {
            // Once per exchange, so that it is empty.
            let _ = self.copying.set(Box::new(copying));
        }
        let active = worker.metrics.upstream_active(upstream.figures);
        active.increment();
        let forwarded = self.forward(down, route, (upstream, call.as_ref()), &target, body).await;
        active.decrement();
        if let Some(call) = call {
            call.ended(self.outcome, || worker.io.now());
        }
        forwarded
    }

    async fn forward(
        &self,
        down: &mut H1Downstream<'_, I>,
        route: &'p RouteProgram,
        (upstream, call): (&'p UpstreamProgram, Option<&Call<'p>>),
        target: &[u8],
        body: BodyLength,
    ) -> Result<Forwarded, Reason> {
        let Connection { worker, watch, .. } = self.connection;
        self.bound(&route.timeouts);
        let hash = key::of(&upstream.upstream, &self.index.head(down.reader.bytes()), self.client);
        let tries = Tries::begin(worker, upstream, hash, route.timeouts.connect);
        let repeatable = body.is_empty() && self.facts.method.is_idempotent();
        let mut wish = Wish { fresh: false, repeatable, now: self.facts.begun };
        loop {
            let checkout = match upstream::checkout(worker, watch, watch, &tries, wish, self.outcome).await {
                Ok(checkout) => checkout,
                Err(reason) => return self.fail(reason, None, &mut down.writer).await,
            };
            let mut up = H1Upstream::new(&checkout.link);
            if let Err(reason) = self.queue_request(down.reader.bytes(), &mut up, &checkout, target) {
                return self.fail(reason, None, &mut down.writer).await;
            }
            let forward = self.attempt(&route.timeouts, repeatable.then_some(&tries), call);
            let result = if body.is_empty() {
                let hedge =
                    upstream.upstream.hedge.filter(|_| repeatable && !self.facts.upgrade && !tries.has_failed());
                let result = match hedge {
                    None => forward.without_body(&mut down.writer, &mut up).await,
                    Some(hedge) => {
                        let asked = Asked { target, timeouts: &route.timeouts, after: hedge.after };
                        match Box::pin(self.race(down, &mut up, &checkout, &forward, (&tries, &asked))).await {
                            Raced::First(result) => result,
                            Raced::Second(result) => return result,
                        }
                    }
                };
                if self.is_stale(&result, &checkout, &mut up) {
                    wish.fresh = true;
                    continue;
                }
                if self.is_tried_again(&result, &forward, &mut up) {
                    checkout.target.report(Shown::Failure, || worker.io.now());
                    tries.note_failure(&checkout.target, result.err().unwrap_or(Reason::NoEndpoint));
                    self.trace_response(result);
                    self.begin_again(route);
                    continue;
                }
                match result {
                    Ok(forwarded) => Ok(forwarded),
                    Err(reason) => self.fail(reason, None, &mut down.writer).await,
                }
            } else {
                self.consume_head(down, body);
                let fail = async |reason, reply: &mut _| self.fail(reason, None, reply).await;
                forward.with_body(down, &mut up, fail).await
            };
            self.report(&checkout.target);
            self.trace_response(result);
            if result == Ok(Forwarded::Upgraded) {
                self.consume_head(down, BodyLength::None);
                // In a box, so that the many that are no tunnels have no room for one.
                Box::pin(tunnel::run(self.connection, down, &mut up, route.timeouts.tunnel)).await;
                self.outcome.reason.set(watch.cause());
            } else if result == Ok(Forwarded::Answered) && up.is_reusable() {
                self.keep(checkout);
            }
            return result;
        }
    }

    /// Sets the deadlines of the whole exchange.
    pub(crate) fn bound(&self, timeouts: &Timeouts) {
        let watch = &self.connection.watch;
        if let Some(limit) = timeouts.request {
            watch.bound_exchange(self.facts.begun + limit);
        }
        watch.extend_by_progress(timeouts.idle);
    }

    /// Whether a try that gave the client nothing is followed by another.
    fn is_tried_again(
        &self,
        result: &Result<Forwarded, Reason>,
        forward: &Forward<'_, 'p, I>,
        up: &mut H1Upstream<'_, I>,
    ) -> bool {
        match *result {
            Ok(forwarded) => forwarded == Forwarded::Declined,
            Err(reason) => {
                let is_silent = up.halves().0.received_bytes() == 0 && !forward.has_interim.get();
                is_silent
                    && forward.tries.is_some_and(|tries| {
                        tries.takes_silence(reason, self.outcome, || self.connection.worker.io.now())
                    })
            }
        }
    }

    /// Forgets a try, as far as the client and the record of the exchange are concerned.
    fn begin_again(&self, route: &RouteProgram) {
        let Connection { worker, watch, .. } = self.connection;
        watch.set_upstream(None);
        if watch.cause() == Some(Reason::ResponseTimeout) {
            watch.forget_cause();
        }
        watch.extend(worker.io.now() + route.timeouts.idle);
        self.outcome.forwarded.set(None);
        self.outcome.responded.set(None);
    }

    /// Tells the endpoint's state how the exchange went, if that says something of the endpoint.
    pub(crate) fn report(&self, target: &Target<'p>) {
        let shown = match self.outcome.reason.get() {
            None if self.outcome.status.get() < 500 => Shown::Success,
            None
            | Some(
                Reason::UpstreamTlsFailed
                | Reason::UpstreamTlsAlert
                | Reason::UpstreamClosed
                | Reason::UpstreamMalformed
                | Reason::UpstreamHeadTooLarge
                | Reason::ResponseIncomplete
                | Reason::ResponseTimeout,
            ) => Shown::Failure,
            Some(_) => return,
        };
        target.report(shown, || self.connection.worker.io.now());
    }

    pub(crate) fn attempt<'t>(
        &'t self,
        timeouts: &'t Timeouts,
        tries: Option<&'t Tries<'p>>,
        call: Option<&'t Call<'p>>,
    ) -> Forward<'t, 'p, I> {
        Forward {
            worker: &self.connection.worker,
            program: self.program,
            watch: &self.connection.watch,
            timeouts,
            facts: &self.facts,
            outcome: self.outcome,
            request_id: self.request_id,
            body_bytes_max: self.chain().map_or(u64::MAX, Chain::body_bytes_max),
            edits: self.edits(),
            lines: self.lines(),
            meter: self.meter(),
            uploading: Cell::new(false),
            tries,
            call,
            copying: self.copying.get().map(Box::as_ref),
            has_interim: Cell::new(false),
        }
    }

    pub(crate) fn queue_request(
        &self,
        received: &[u8],
        up: &mut H1Upstream<'_, I>,
        checkout: &Checkout<'_, '_, I>,
        target: &[u8],
    ) -> Result<(), Reason> {
        let with = self.forwarded_as(target, checkout.target.authority().as_bytes());
        let sink = up.halves().1;
        RequestSink::head(sink, self.index.head(received), &with)?;
        self.trace_head(sink.queued(), received);
        Ok(())
    }

    /// What the request says beyond what came; `default_host` is Host for one that came with none.
    pub(crate) fn forwarded_as<'t>(&'t self, target: &'t [u8], default_host: &'t [u8]) -> ForwardRequest<'t> {
        ForwardRequest {
            client: self.connection.peer(),
            scheme: self.connection.scheme(),
            trusted: self.is_trusted,
            style: self.program.forwarded,
            request_id: self.request_id,
            upgrade: self.facts.upgrade,
            default_host,
            trace: self.trace,
            target,
            edits: self.chain().and_then(Chain::request_edits),
            consumer: self.consumer(),
        }
    }

    /// Whether an idle connection turned out to be closed before the endpoint saw the request, so that a request that may
    /// be repeated (RFC 9110, section 9.2.2) can be sent again.
    fn is_stale(
        &self,
        result: &Result<Forwarded, Reason>,
        checkout: &Checkout<'_, '_, I>,
        up: &mut H1Upstream<'_, I>,
    ) -> bool {
        *result == Err(Reason::UpstreamClosed)
            && checkout.is_reused
            && self.facts.method.is_idempotent()
            && up.halves().0.received_bytes() == 0
    }

    /// Gives the connection to the endpoint back, if the exchange left it in order.
    pub(crate) fn keep(&self, checkout: Checkout<'_, '_, I>) {
        let Connection { worker, watch, .. } = self.connection;
        // What has failed may have left a part of its response on the way, though nothing of it is here.
        let has_failed = self.outcome.reason.get().is_some() || watch.cause().is_some();
        if has_failed || self.outcome.forwarded.get().is_none() || worker.is_draining() {
            return;
        }
        let now = worker.io.now();
        self.outcome.ended.set(Some(now));
        if let Some(due) = worker.pools.put(&checkout.target, checkout.connection, now, &worker.metrics) {
            worker.wake_timers_by(due);
        }
    }

    /// Answers what went wrong, if the client can still be told.
    pub(crate) async fn fail(
        &self,
        reason: Reason,
        allow: Option<&str>,
        reply: &mut impl ResponseSink,
    ) -> Result<Forwarded, Reason> {
        self.fail_as(reason, reason.status(), allow, reply).await
    }

    /// As [`Machine::fail`], with another status than that of the reason.
    pub(crate) async fn fail_as(
        &self,
        reason: Reason,
        status: u16,
        allow: Option<&str>,
        reply: &mut impl ResponseSink,
    ) -> Result<Forwarded, Reason> {
        let outcome = self.outcome;
        outcome.reason.set(Some(reason));
        let has_begun = outcome.status.get() != 0 && !reply.is_queued();
        if has_begun || reason == Reason::ClientClosed {
            if !has_begun {
                outcome.status.set(reason.status());
            }
            return Err(reason);
        }
        reply.take_back();
        self.connection.watch.mark_misleading_end(false);
        outcome.status.set(status);
        let is_theirs = reason.side() == Side::Downstream && !is_harmless(reason);
        let closes = is_theirs || self.closes();
        outcome.closes.set(closes);
        let date = self.connection.worker.date();
        let violated = self.violated();
        let refusal = Refusal {
            reason,
            status,
            retry_after_s: outcome.retry_after_s.get(),
            request_id: self.request_id,
            allow,
            date: &date,
            closes,
            edits: self.edits(),
            lines: self.lines(),
            violated: &violated,
            challenge: self.challenge(reason),
        };
        refusal.send(reply, Some(&self.facts)).await.map(|()| Forwarded::Answered)
    }

    /// Whether the client's connection ends with an answer that is sent now.
    pub(crate) fn closes(&self) -> bool {
        let outcome = self.outcome;
        let is_over = !self.facts.keep_alive || outcome.closes.get() || outcome.is_unsure.get();
        is_over || self.connection.worker.is_draining()
    }

    fn consume_head(&self, down: &mut H1Downstream<'_, I>, body: BodyLength) {
        if !self.head_is_consumed.replace(true) {
            down.begin_body(self.head_len, body);
        }
    }

    /// What becomes of the connection; `None` while the rest of a refused request's body is still to come.
    fn next(&self, down: &H1Downstream<'_, I>, result: Result<Forwarded, Reason>) -> Option<Next> {
        match result {
            Err(_) => Some(Next::Abort),
            // Both directions have ended, by themselves or broken; what is on its way shall arrive.
            Ok(Forwarded::Upgraded | Forwarded::Declined) => Some(Next::Close),
            Ok(Forwarded::Answered) if self.outcome.closes.get() || self.connection.worker.is_draining() => {
                Some(Next::Close)
            }
            Ok(Forwarded::Answered) => down.is_body_done().then_some(Next::KeepAlive),
        }
    }

    async fn skip_body(&self, down: &mut H1Downstream<'_, I>) -> Next {
        let Connection { worker, watch, .. } = self.connection;
        // It is not over yet.
        self.outcome.ended.set(None);
        watch.extend_by_progress(Duration::ZERO);
        watch.extend(worker.io.now() + self.program.snapshot.timeouts.linger);
        let is_read = relay::discard(&mut down.reader, limits::DISCARDED_BYTES_MAX).await;
        if is_read && !worker.is_draining() { Next::KeepAlive } else { Next::Close }
    }
}

/// Whether a request of the same client that is refused for this says nothing about its next one: behind a proxy, that
/// may be somebody else's.
const fn is_harmless(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NoRoute
            | Reason::MethodNotAllowed
            | Reason::MethodNotImplemented
            | Reason::IpDenied
            | Reason::CorsRefused
            | Reason::CredentialMissing
            | Reason::CredentialInvalid
            | Reason::CredentialExpired
            | Reason::NotSubscribed
            | Reason::ScopeMissing
            | Reason::Throttled
            | Reason::QuotaExceeded
            | Reason::ConcurrencyExceeded
    )
}
