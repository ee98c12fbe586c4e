//! A connection to the endpoint whose turn it is: an idle one, or a new one within `timeouts.connect`.
//!
//! At most `ATTEMPTS_MAX` connects are tried, and never one after the other at the same endpoint. A pending connect ends with the
//! exchange. Whether a request may be sent again is not decided here.

use crate::{
    limits,
    link::Link,
    pool::Target,
    program::UpstreamProgram,
    record::Outcome,
    state::Worker,
    watch::{Waiting, Watch},
};
use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};
use tollgate_http::{Reason, Side};
use tollgate_io::{Instant, Io};

/// Where an exchange goes.
#[derive(Clone, Copy)]
pub(crate) struct Way<'p> {
    pub(crate) upstream: &'p UpstreamProgram,
    /// The time each connect may take.
    pub(crate) connect: Duration,
}

/// A connection taken for an exchange.
pub(crate) struct Checkout<'a, 'p, I: Io> {
    pub(crate) link: Link<'a, I>,
    pub(crate) target: Target<'p>,
    /// Whether it was idle, so that the endpoint may have closed it just now.
    pub(crate) is_reused: bool,
}

/// Takes an idle connection unless `fresh`, else connects. An endpoint that cannot be reached is passed over for another,
/// since it has seen nothing of the request. At most one connect more may take too long, since each costs the client
/// `timeouts.connect`. `now` may be as old as the request.
pub(crate) async fn checkout<'a, 'p, I: Io>(
    worker: &'a Worker<I>,
    watch: &'a Watch<I::Stream>,
    way: Way<'p>,
    fresh: bool,
    repeatable: bool,
    now: Instant,
    outcome: &Outcome<'p>,
) -> Result<Checkout<'a, 'p, I>, Reason> {
    let Way { upstream, connect } = way;
    let mut failed: Option<(Target<'p>, Reason)> = None;
    while outcome.attempts.get() < limits::ATTEMPTS_MAX && watch.cause().is_none() {
        let target = match failed {
            None => worker.pools.next_endpoint(upstream, &worker.metrics),
            Some((failed, _)) => match worker.pools.other_endpoint(failed, &worker.metrics) {
                Some(target) => target,
                None => break,
            },
        };
        outcome.attempts.set(outcome.attempts.get() + 1);
        outcome.endpoint.set(Some(target));
        let idle = if fresh { None } else { worker.pools.take(target, now, !repeatable, &worker.metrics) };
        let is_reused = idle.is_some();
        let stream = match idle {
            Some(stream) => {
                worker.metrics.upstream_reused(upstream.figures);
                stream
            }
            None => match connect_to(worker, watch, target, connect).await {
                Ok(stream) => Rc::new(stream),
                Err(reason) => {
                    let is_enough = failed.is_some() && reason == Reason::ConnectTimeout;
                    failed = Some((target, reason));
                    if is_enough {
                        break;
                    }
                    continue;
                }
            },
        };
        watch.set_upstream(Some(stream.clone()));
        return Ok(Checkout { link: Link::new(worker, watch, stream, Side::Upstream), target, is_reused });
    }
    Err(watch.cause().or(failed.map(|(_, reason)| reason)).unwrap_or(Reason::NoEndpoint))
}

async fn connect_to<I: Io>(
    worker: &Worker<I>,
    watch: &Watch<I::Stream>,
    target: Target<'_>,
    limit: Duration,
) -> Result<I::Stream, Reason> {
    let due = worker.io.now() + limit;
    watch.extend(due + limit);
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
