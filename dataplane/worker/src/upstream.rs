//! A connection to the endpoint whose turn it is: an idle one, or a new one within `timeouts.connect`.

use crate::{
    bell, limits,
    link::Link,
    pool::EndpointId,
    record::Outcome,
    state::Worker,
    watch::{Waiting, Watch},
};
use std::{io, rc::Rc, time::Duration};
use tollgate_http::{Reason, Side};
use tollgate_io::{Instant, Io};
use tollgate_model::Route;

/// A connection taken for an exchange.
pub(crate) struct Checkout<'a, I: Io> {
    pub(crate) link: Link<'a, I>,
    pub(crate) id: EndpointId,
    /// Whether it was idle, so that the endpoint may have closed it just now.
    pub(crate) is_reused: bool,
}

/// Takes an idle connection unless `fresh`, else connects. An endpoint that cannot be reached is passed over, since it has
/// seen nothing of the request. `now` may be as old as the request.
pub(crate) async fn checkout<'a, I: Io>(
    worker: &'a Worker<I>,
    watch: &'a Watch<I::Stream>,
    route: &Route,
    fresh: bool,
    repeatable: bool,
    now: Instant,
    outcome: &Outcome,
) -> Result<Checkout<'a, I>, Reason> {
    let upstream = route.upstream as u32;
    let mut failed = Reason::NoEndpoint;
    while outcome.attempts.get() < limits::ATTEMPTS_MAX && watch.cause().is_none() {
        outcome.attempts.set(outcome.attempts.get() + 1);
        let id = worker.pools.next_endpoint(&worker.program, upstream);
        outcome.endpoint.set(Some(id));
        let idle = if fresh { None } else { worker.pools.take(id, now, !repeatable, &worker.metrics) };
        let is_reused = idle.is_some();
        let stream = match idle {
            Some(stream) => {
                worker.metrics.upstream_reused(upstream);
                stream
            }
            None => match connect_to(worker, watch, id, route.timeouts.connect).await {
                Ok(stream) => Rc::new(stream),
                Err(reason) => {
                    failed = reason;
                    continue;
                }
            },
        };
        watch.set_upstream(Some(stream.clone()));
        return Ok(Checkout { link: Link::new(worker, watch, stream, Side::Upstream), id, is_reused });
    }
    Err(watch.cause().unwrap_or(failed))
}

async fn connect_to<I: Io>(
    worker: &Worker<I>,
    watch: &Watch<I::Stream>,
    id: EndpointId,
    limit: Duration,
) -> Result<I::Stream, Reason> {
    let due = worker.io.now() + limit;
    watch.extend(due + limit);
    watch.begin_waiting(Waiting::Upstream);
    // Both may be dropped: a pending connect gives up, a sleep forgets.
    let connected = bell::first(worker.io.connect(worker.program.address(id)), worker.io.sleep_until(due)).await;
    watch.end_waiting(Waiting::Upstream);
    let result = match connected {
        Ok(Ok(stream)) => {
            worker.metrics.upstream_connected(id.upstream);
            return Ok(stream);
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Reason::ConnectRefused,
        Ok(Err(_)) => Reason::ConnectFailed,
        Err(()) => Reason::ConnectTimeout,
    };
    worker.metrics.upstream_failed(id.upstream);
    Err(result)
}
