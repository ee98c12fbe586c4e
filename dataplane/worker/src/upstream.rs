//! A connection to the endpoint that a request goes to: an idle one, or a new one within `timeouts.connect`.
//!
//! An endpoint that cannot be reached is passed over for another, as far as the upstream's rules for retries go: it has
//! seen nothing of the request. A pending connect ends with the exchange. Whether a request may be sent again is not
//! decided here.

use crate::{
    call::seconds,
    link::{Carrier, Link},
    parking::Parked,
    pool::{Open, Pooled},
    record::Outcome,
    retry::Tries,
    standing::{InFlight, Target},
    state::Worker,
    tls,
    watch::{Waiting, Watch},
    wire::Wire,
};
use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    rc::Rc,
    task::Poll,
};
use tollgate_balance::Outcome as Shown;
use tollgate_http::{Reason, Side};
use tollgate_io::{Instant, Io, Peek, Stream};
use tollgate_probe::{Note, Verdict};
use tollgate_telemetry::Guard;

/// A connection taken for an exchange.
pub(crate) struct Checkout<'a, 'p, I: Io> {
    pub(crate) link: Link<'a, I>,
    pub(crate) connection: Pooled<I::Stream>,
    pub(crate) target: Target<'p>,
    /// Whether it was idle, so that the endpoint may have closed it just now.
    pub(crate) is_reused: bool,
    _in_flight: InFlight<'p>,
}

/// How an endpoint is reached.
enum Way<S> {
    Idle(Pooled<S>),
    Connect(Open),
}

/// What is known of the request a connection is for.
#[derive(Clone, Copy)]
pub(crate) struct Wish {
    /// Not an idle connection: one was closed already.
    pub(crate) fresh: bool,
    /// The request can be sent again if the connection turns out to be closed.
    pub(crate) repeatable: bool,
    /// The time, which may be as old as the request.
    pub(crate) now: Instant,
}

/// Takes an idle connection, else connects. The connection is made under the first watch, and used under the second.
///
/// # Errors
/// The exchange was ended, or no endpoint is left that could be tried: why the last one failed.
pub(crate) async fn checkout<'a, 'p, I: Io>(
    worker: &'a Worker<I>,
    watch: &Watch<I::Stream>,
    used: &'a Watch<I::Stream>,
    tries: &Tries<'p>,
    wish: Wish,
    outcome: &Outcome<'p>,
) -> Result<Checkout<'a, 'p, I>, Reason> {
    loop {
        let (target, way) = find(worker, watch, tries, wish, outcome).await?;
        tries.spend();
        outcome.attempts.set(outcome.attempts.get().saturating_add(1));
        outcome.endpoint.replace(Some(target.clone()));
        let in_flight = InFlight::begin(&target);
        let (connection, is_reused) = match way {
            Way::Idle(connection) => {
                worker.metrics.upstream_reused(target.upstream.figures);
                (connection, true)
            }
            Way::Connect(open) => match connect(worker, watch, &target, tries).await {
                Ok(stream) => (Pooled::new(stream, worker.io.now(), open), false),
                Err(reason) => {
                    if let Some(cause) = watch.cause() {
                        return Err(cause);
                    }
                    tries.note_failure(&target, reason);
                    let note = || Note::new("connect", target.authority(), Verdict::Refused(reason));
                    outcome.trace(note, || worker.io.now());
                    target.report(Shown::Failure, || worker.io.now());
                    if tries.takes_connect_failure(outcome, || worker.io.now()) {
                        continue;
                    }
                    return Err(reason);
                }
            },
        };
        let how = if is_reused { "idle connection" } else { "new connection" };
        let note = || Note::passed("connect", target.authority()).with("how", how);
        outcome.trace(note, || worker.io.now());
        watch.set_upstream(Some(connection.stream.clone()));
        let link = Link::new(worker, used, Carrier::Endpoint(connection.stream.clone()), Side::Upstream);
        return Ok(Checkout { link, connection, target, is_reused, _in_flight: in_flight });
    }
}

/// An endpoint, and a way to it. With none left that was not tried, those that were are tried again after a while.
async fn find<'p, I: Io>(
    worker: &Worker<I>,
    watch: &Watch<I::Stream>,
    tries: &Tries<'p>,
    wish: Wish,
    outcome: &Outcome<'p>,
) -> Result<(Target<'p>, Way<I::Stream>), Reason> {
    let (mut has_waited, mut now, mut is_current) = (false, wish.now, false);
    loop {
        if tries.has_failed() {
            (now, is_current) = (worker.io.now(), true);
        }
        let Some(target) = tries.choose(worker, now) else {
            if !is_current {
                // The request may have taken its time to come: one endpoint may be back and another gone since it began.
                (now, is_current) = (worker.io.now(), true);
                continue;
            }
            if has_waited || !tries.may_wait() {
                return Err(tries.end());
            }
            tries.wait(worker, watch).await?;
            has_waited = true;
            continue;
        };
        if let Err(nanos) = tries.draw(|| worker.io.now()) {
            worker.metrics.upstream_rejected(target.upstream.figures, Guard::Throughput);
            outcome.retry_after_s.set(seconds(nanos));
            return Err(Reason::UpstreamThrottled);
        }
        if !wish.fresh
            && let Some(idle) = worker.pools.take(&target, now, !wish.repeatable, &worker.metrics)
        {
            return Ok((target, Way::Idle(idle)));
        }
        match worker.pools.open(&target, &worker.metrics) {
            Some(open) => {
                let way = if wish.fresh { Way::Connect(open) } else { reuse(worker, &target, now, open) };
                return Ok((target, way));
            }
            None => tries.pass_over(&target),
        }
    }
}

/// A connection that any worker has parked, or none. It is looked at in any case: nobody was told of what the endpoint did
/// meanwhile.
fn reuse<I: Io>(worker: &Worker<I>, target: &Target<'_>, now: Instant, open: Open) -> Way<I::Stream> {
    while let Some(Parked { stream, session, opened, exchanges, .. }) =
        worker.pools.take_parked(target, now, &worker.metrics)
    {
        if let Some(stream) = worker.io.adopt(stream).ok().filter(|stream| stream.peek() == Peek::Silent) {
            let wire = Wire::adopted(stream, session, worker.io.buffers());
            return Way::Idle(Pooled::taken(wire, opened, exchanges, open));
        }
    }
    Way::Connect(open)
}

async fn connect<I: Io>(
    worker: &Worker<I>,
    watch: &Watch<I::Stream>,
    target: &Target<'_>,
    tries: &Tries<'_>,
) -> Result<Rc<Wire<I::Stream>>, Reason> {
    let due = worker.io.now() + tries.connect;
    watch.extend(due + tries.connect);
    watch.begin_waiting(Waiting::Upstream);
    // All may be dropped: a pending connect gives up, a sleep forgets.
    let mut connect = pin!(worker.io.connect(target.address()));
    let (mut overdue, mut ended) = (pin!(worker.io.sleep_until(due)), pin!(watch.ended()));
    let connected = poll_fn(|context| {
        if let Poll::Ready(cause) = ended.as_mut().poll(context) {
            return Poll::Ready(Err(cause));
        }
        if let Poll::Ready(connected) = connect.as_mut().poll(context) {
            return Poll::Ready(connected.map_err(|error| connect_failure(&error)));
        }
        overdue.as_mut().poll(context).map(|()| Err(Reason::ConnectTimeout))
    })
    .await;
    watch.end_waiting(Waiting::Upstream);
    watch.set_upstream(None);
    let connected = match connected {
        Ok(stream) => tls::secure(worker, watch, target.upstream.tls.as_ref(), stream, due).await,
        Err(reason) => Err(reason),
    };
    match &connected {
        Ok(_) => worker.metrics.upstream_connected(target.upstream.figures),
        // Ended on purpose: that says nothing of the endpoint.
        Err(_) if watch.cause().is_some() => {}
        Err(_) => worker.metrics.upstream_failed(target.upstream.figures),
    }
    connected
}

fn connect_failure(error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Reason::ConnectRefused,
        _ => Reason::ConnectFailed,
    }
}
