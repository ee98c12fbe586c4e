//! A client's connection: idle until it is readable, then one exchange after another.
//!
//! While idle it holds no buffer and no exchange state: the task of [`begin`] is small, and what an exchange needs is boxed by
//! [`be_active`] and freed when the connection falls idle again. A client that asks again at once is kept active: its next
//! exchange allocates nothing.

use crate::{
    answer::Refusal,
    exchange::{Machine, Next},
    h1::H1Downstream,
    limits,
    link::{Carrier, Link},
    listening::Listening,
    record::{Facts, Outcome},
    standing::Target,
    state::Worker,
    throttle::Settled,
    tls::{self, Greeting},
    trace,
    watch::{Phase, Watch},
    wire::Wire,
};
use std::{
    cell::{Cell, OnceCell},
    future::Future,
    net::IpAddr,
    rc::Rc,
    sync::Arc,
};
use tollgate_http::{Name, Parsed, Reason, RequestHead, RequestId, RequestIndex, Side, Traceparent, Version};
use tollgate_io::{Instant, Io, Peek, Stream, TimerId, Wall};
use tollgate_probe::{Probe, Tracer};
use tollgate_telemetry::{AccessRecord, Exchange, RequestPart, ResponsePart};

/// A client's connection.
pub(crate) struct Connection<I: Io> {
    pub(crate) worker: Rc<Worker<I>>,
    /// With its stream.
    pub(crate) watch: Rc<Watch<I::Stream>>,
    pub(crate) listening: Rc<Listening>,
    /// Who watches it, if anybody does.
    pub(crate) probe: Option<Arc<Probe>>,
    /// When the last answer was out.
    idle_since: Cell<Instant>,
    pub(crate) timer: TimerId,
    requests: Cell<u32>,
    /// Requests in a row that came soon after the answer before.
    quick: Cell<u8>,
}

/// Takes in a connection, which was admitted; the task that serves it to its end, unless it came too late.
pub(crate) fn begin<I: Io>(
    worker: Rc<Worker<I>>,
    stream: I::Stream,
    listening: Rc<Listening>,
) -> Option<impl Future<Output = ()>> {
    // Accepted just before the drain, which has already looked at every connection there was. One that asks is answered.
    if worker.has_grace_ended() && stream.peek() != Peek::Bytes {
        worker.dismiss();
        return None;
    }
    let probe = worker.probes.of(stream.peer());
    let watch = Rc::new(Watch::new(stream));
    let timer = worker.open(watch.clone(), listening.figures);
    let idle_since = Cell::new(worker.io.now());
    let connection =
        Connection { worker, watch, listening, probe, idle_since, timer, requests: Cell::new(0), quick: Cell::new(0) };
    // Not an `async fn`, which would keep room for the argument and for what it is moved into.
    Some(async move {
        // A connection that is watched is plain on any listener.
        let is_secure = connection.probe.is_none() && connection.is_secure();
        if is_secure && !Box::pin(be_greeted(&connection)).await {
            return connection.close();
        }
        connection.fall_idle(connection.idle_since.get());
        while (connection.stream().is_readable_above() || connection.stream().stream().readable().await.is_ok())
            && connection.watch.cause().is_none()
        {
            if !Box::pin(be_active(&connection)).await {
                break;
            }
        }
        if connection.stream().layer().is_some() {
            Box::pin(end_session(&connection)).await;
        }
        connection.close();
    })
}

/// Opens a TLS session; says whether there is one. Whoever gets none has been told why.
async fn be_greeted<I: Io>(connection: &Connection<I>) -> bool {
    let Connection { worker, listening, .. } = connection;
    let program = worker.program();
    let Some(settings) = program.tls.listener(listening.slot) else { return true };
    match tls::greet(connection, settings).await {
        Greeting::Open => {
            connection.idle_since.set(worker.io.now());
            return true;
        }
        Greeting::PlainHttp => {
            let link = connection.link();
            let mut down = H1Downstream::new(&link);
            if Active::new(connection).refuse(connection, &mut down, Reason::PlainHttp).await == Next::Close {
                linger(connection).await;
            }
        }
        Greeting::Refused => linger(connection).await,
        Greeting::Over => {}
    }
    false
}

/// Says in the session that this is the end, unless the stream is broken. The client has `timeouts.linger` to take it.
async fn end_session<I: Io>(connection: &Connection<I>) {
    connection.enter_linger();
    connection.stream().finish().await;
}

/// Serves exchanges until the connection falls idle (true) or is over (false).
async fn be_active<I: Io>(connection: &Connection<I>) -> bool {
    let link = connection.link();
    let mut down = H1Downstream::new(&link);
    let mut active = Active::new(connection);
    loop {
        let next = match active.receive_head(connection, &mut down).await {
            Ok(Some(head_len)) => active.exchange(connection, &mut down, head_len).await,
            Ok(None) => return false,
            Err(reason) => active.refuse(connection, &mut down, reason).await,
        };
        match next {
            Next::KeepAlive => connection.watch.forget_cause(),
            Next::Close => {
                down.reader.buffer = None;
                linger(connection).await;
                return false;
            }
            Next::Abort => {
                connection.watch.abort_downstream();
                return false;
            }
        }
        if down.reader.is_drained() {
            connection.fall_idle(active.ended);
            if !connection.is_busy() {
                return true;
            }
        }
    }
}

/// Tells the client that nothing more comes and reads on for a moment: closing with bytes unread would reset the
/// connection and could take the answer with it (RFC 9112, section 9.6).
async fn linger<I: Io>(connection: &Connection<I>) {
    let stream = connection.stream();
    connection.enter_linger();
    stream.finish().await;
    // Below the session, if there is one: nobody reads what comes.
    while stream.stream().recv(None).await.is_ok_and(|buffer| !buffer.is_empty()) {}
}

impl<I: Io> Connection<I> {
    /// Its stream.
    pub(crate) fn stream(&self) -> &Wire<I::Stream> {
        self.watch.down()
    }

    /// This side of the exchanges to come.
    fn link(&self) -> Link<'_, I> {
        Link::new(&self.worker, &self.watch, Carrier::Client(self.stream()), Side::Downstream)
    }

    fn close(&self) {
        self.worker.close(self.timer, self.listening.figures);
    }

    /// Whether its listener speaks TLS.
    fn is_secure(&self) -> bool {
        self.worker.program().tls.listener(self.listening.slot).is_some()
    }

    /// The scheme of its requests.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.probe.is_some() && self.is_secure() { "https" } else { self.stream().scheme() }
    }

    /// Who is at the other end, or in whose name it asks if it is watched.
    pub(crate) fn peer(&self) -> IpAddr {
        self.probe.as_ref().and_then(|probe| probe.client).unwrap_or_else(|| self.stream().peer().ip())
    }

    fn enter_linger(&self) {
        let due = self.worker.io.now() + self.worker.program().snapshot.timeouts.linger;
        self.worker.enter(&self.watch, self.timer, Phase::Linger, due);
    }

    fn fall_idle(&self, now: Instant) {
        self.idle_since.set(now);
        let due = now + self.worker.program().snapshot.timeouts.keep_alive;
        self.worker.enter(&self.watch, self.timer, Phase::Idle, due.min(self.worker.grace()));
    }

    /// Whether to keep the exchange's state until the next request, which costs memory, instead of freeing it.
    fn is_busy(&self) -> bool {
        self.quick.get() >= limits::BUSY_GAPS
            && self.worker.busy_connections.get() < self.worker.tuning.get().busy_connections
            && !self.worker.is_draining()
    }

    fn note_gap(&self, now: Instant) {
        let is_quick = now.since(self.idle_since.get()) < limits::BUSY_GAP;
        self.quick.set(if is_quick { self.quick.get().saturating_add(1) } else { 0 });
    }
}

/// What a connection holds while it is not idle.
struct Active {
    index: RequestIndex,
    /// `None` if there is no access log.
    record: Option<AccessRecord>,
    request_id: RequestId,
    /// Of the current request, if its trace begins here.
    traceparent: Traceparent,
    /// When the current request began and the last one was over.
    begun: Instant,
    ended: Instant,
    /// Bytes of the connection accounted for already.
    received: u64,
    sent: u64,
}

impl Active {
    fn new<I: Io>(connection: &Connection<I>) -> Self {
        let Connection { worker, listening, .. } = connection;
        let has_log = worker.log.borrow().is_some();
        Self {
            index: RequestIndex::new(),
            record: has_log.then(|| AccessRecord::new(connection.peer(), &listening.name)),
            request_id: RequestId::new(),
            traceparent: Traceparent::new(),
            begun: Instant::NEVER,
            ended: Instant::NEVER,
            received: 0,
            sent: 0,
        }
    }

    /// Receives a whole head and says how long it is; `None` if the client leaves instead.
    async fn receive_head<I: Io>(
        &mut self,
        connection: &Connection<I>,
        down: &mut H1Downstream<'_, I>,
    ) -> Result<Option<usize>, Reason> {
        let Connection { worker, watch, .. } = connection;
        let mut has_begun = !down.reader.is_drained();
        if has_begun {
            self.begun = worker.io.now();
        }
        loop {
            if let Some(buffer) = down.reader.buffer.as_mut().filter(|buffer| !buffer.is_empty()) {
                match self.index.parse(buffer.bytes_mut(), &worker.program().heads) {
                    Parsed::Complete { head_len } => return Ok(Some(head_len)),
                    Parsed::Refused(reason) => return Err(reason),
                    Parsed::Partial => {}
                }
            }
            if has_begun && watch.phase.get() != Phase::Head {
                let due = self.begun + worker.program().snapshot.timeouts.head;
                worker.enter(watch, connection.timer, Phase::Head, due);
            }
            worker.busy_connections.set(worker.busy_connections.get() + 1);
            let filled = down.reader.fill().await;
            worker.busy_connections.set(worker.busy_connections.get() - 1);
            match filled {
                Ok(false) | Err(_) if !has_begun => return Ok(None),
                Ok(false) => return Err(Reason::RequestIncomplete),
                Err(reason) => return Err(reason),
                Ok(true) if !has_begun => {
                    has_begun = true;
                    self.begun = worker.io.now();
                    connection.note_gap(self.begun);
                }
                Ok(true) => {}
            }
        }
    }

    async fn exchange<I: Io>(
        &mut self,
        connection: &Connection<I>,
        down: &mut H1Downstream<'_, I>,
        head_len: usize,
    ) -> Next {
        let Connection { worker, watch, .. } = connection;
        let running = worker.program();
        let program = &**running;
        let snapshot = &program.snapshot;
        let begun = self.begun;
        let head = self.index.head(down.reader.bytes());
        let is_trusted = snapshot.trusted_proxies.contains(connection.peer());
        let given = head.field(Name::XRequestId).filter(|_| is_trusted);
        if !given.is_some_and(|given| self.request_id.adopt(given)) {
            self.request_id.renew(&worker.request_ids);
        }
        let facts = Facts::of(&head, begun);
        let traced = trace::judge(&snapshot.tracing, is_trusted, &head);
        let (trace, trace_id) = traced.context(&mut self.traceparent, &worker.request_ids, &self.request_id);
        let client = connection.client(program, &head, is_trusted);
        if let Some(record) = &mut self.record {
            // A proxy's connection carries requests of many.
            if is_trusted {
                record.name_client(client, &connection.listening.name);
            }
            record.begin(&request_part(worker.io.wall(begun), &head, self.request_id.text(), trace_id));
        }
        connection.requests.set(connection.requests.get().saturating_add(1));
        let tracer = connection.probe.as_ref().map(|probe| Tracer::new(probe.clone(), begun));
        let outcome = Outcome { tracer, ..Outcome::default() };
        outcome.closes.set(
            snapshot.limits.requests_per_connection.is_some_and(|most| u64::from(connection.requests.get()) >= most)
                || connection.listening.is_closed(),
        );
        worker.enter(watch, connection.timer, Phase::Exchange, begun + snapshot.timeouts.idle);
        if let Some(at) = watch.look_earlier(begun + limits::CLIENT_LOOK) {
            worker.look_by(connection.timer, at);
        }
        worker.metrics.active_exchanges.increment();
        let machine = Machine {
            connection,
            program,
            index: &self.index,
            head_len,
            facts,
            outcome: &outcome,
            request_id: self.request_id.text(),
            trace,
            is_trusted,
            client,
            changes: OnceCell::new(),
            admission: OnceCell::new(),
            copying: OnceCell::new(),
            head_is_consumed: Cell::new(false),
        };
        let next = machine.run(down).await;
        let settled = Settled::of(machine.admission.into_inner(), &outcome);
        worker.metrics.active_exchanges.decrement();
        self.account(connection, down, &facts, &outcome, settled.as_ref());
        if let Some(settled) = settled {
            settled.end(worker);
        }
        next
    }

    /// Counts the exchange and writes its access record.
    fn account<I: Io>(
        &mut self,
        connection: &Connection<I>,
        down: &H1Downstream<'_, I>,
        facts: &Facts,
        outcome: &Outcome<'_>,
        settled: Option<&Settled<'_>>,
    ) {
        let worker = &connection.worker;
        let now = outcome.ended.get().unwrap_or_else(|| worker.io.now());
        self.ended = now;
        let leftover = down.reader.bytes().len() as u64;
        let (received, sent) = (down.reader.link.received_bytes() - leftover, down.reader.link.sent_bytes());
        let (received_bytes, sent_bytes) = (received - self.received, sent - self.sent);
        (self.received, self.sent) = (received, sent);
        let duration_ns = nanos(now, facts.begun);
        let sent_at = outcome.forwarded.get().unwrap_or(facts.begun);
        let upstream_ns = outcome.responded.get().map(|at| nanos(at, sent_at).max(1));
        worker.metrics.exchange(&Exchange {
            route: outcome.route.get().map(|route| route.figures),
            upstream: outcome.upstream.get().map(|upstream| upstream.figures),
            attempts: outcome.attempts.get(),
            status: outcome.status.get(),
            method: facts.label,
            duration_ns,
            upstream_ns: upstream_ns.unwrap_or(0),
            received_bytes,
            sent_bytes,
            reason: outcome.reason.get().map(|reason| reason.index() as u8),
        });
        outcome.count_usage(&worker.metrics);
        outcome.end_trace(duration_ns);
        let Some(record) = &mut self.record else { return };
        let (target, caller) = (outcome.endpoint.take(), outcome.caller.get());
        let (throttled_by, shadowed_by) = settled.map(Settled::names).unwrap_or_default();
        let line = record.end(&ResponsePart {
            route: outcome.route.get().map(|route| &route.fragment),
            upstream: outcome.upstream.get().map(|upstream| &upstream.fragment),
            endpoint: target.as_ref().and_then(Target::fragment),
            status: outcome.status.get(),
            reason: outcome.reason.get().map(Reason::code),
            received_bytes,
            sent_bytes,
            duration_ns,
            upstream_ns,
            attempts: outcome.attempts.get(),
            application: caller.map_or("", |caller| caller.name()).as_bytes(),
            credential: caller.map_or("", |caller| caller.credential).as_bytes(),
            throttled_by,
            shadowed_by,
            fault: outcome.fault.get(),
            is_copy: outcome.is_copy.get(),
        });
        worker.append_log(line, now);
    }

    /// Answers a head that is not acceptable; nothing of it goes anywhere.
    async fn refuse<I: Io>(
        &mut self,
        connection: &Connection<I>,
        down: &mut H1Downstream<'_, I>,
        reason: Reason,
    ) -> Next {
        let Connection { worker, watch, .. } = connection;
        let now = worker.io.now();
        worker.enter(watch, connection.timer, Phase::Exchange, now + worker.program().snapshot.timeouts.linger);
        let outcome = Outcome::default();
        self.request_id.renew(&worker.request_ids);
        let request_id = self.request_id.text();
        outcome.reason.set(Some(reason));
        outcome.status.set(reason.status());
        if let Some(record) = &mut self.record {
            record.name_client(connection.stream().peer().ip(), &connection.listening.name);
            record.begin(&refused_part(worker.io.wall(now), request_id));
        }
        let date = worker.date();
        let status = reason.status();
        let refusal = Refusal {
            reason,
            status,
            retry_after_s: 0,
            request_id,
            allow: None,
            date: &date,
            closes: true,
            edits: None,
            lines: &[],
            violated: &[],
            challenge: &[],
        };
        let sent =
            if reason == Reason::ClientClosed { Err(reason) } else { refusal.send(&mut down.writer, None).await };
        let facts = Facts {
            method: tollgate_http::Method::Other,
            label: tollgate_telemetry::MethodLabel::Other,
            version: Version::Http11,
            keep_alive: false,
            upgrade: false,
            expects_continue: false,
            begun: now,
        };
        down.reader.buffer = None;
        self.account(connection, down, &facts, &outcome, None);
        if sent.is_ok() { Next::Close } else { Next::Abort }
    }
}

fn request_part<'a>(
    begun: Wall,
    head: &RequestHead<'a>,
    request_id: &'a [u8],
    trace_id: Option<&'a [u8]>,
) -> RequestPart<'a> {
    RequestPart {
        trace_id,
        method: head.method_bytes(),
        host: head.authority(),
        path: head.path(),
        version: if head.version() == Version::Http11 { "HTTP/1.1" } else { "HTTP/1.0" },
        user_agent: head.field(Name::UserAgent),
        ..refused_part(begun, request_id)
    }
}

/// What is known of a request whose head is not acceptable.
const fn refused_part(begun: Wall, request_id: &[u8]) -> RequestPart<'_> {
    RequestPart {
        wall_ns: begun.0,
        request_id,
        trace_id: None,
        method: b"",
        host: b"",
        path: b"",
        version: "",
        user_agent: None,
    }
}

fn nanos(later: Instant, earlier: Instant) -> u64 {
    u64::try_from(later.since(earlier).as_nanos()).unwrap_or(u64::MAX)
}
