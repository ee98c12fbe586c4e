//! A request at two endpoints: when the first has not begun to answer after a time, a second is asked, and whichever begins
//! first has its answer passed on.
//!
//! ```text
//! first:   send --> head -----------------------------> answer, and the second is ended
//! second:  wait -------> connect --> send --> head ---> answer, and the first is ended
//! ```
//!
//! Both run in the exchange's own task, side by side. No transfer is dropped: the loser's connection is aborted, its
//! transfers complete and it is not used again. The second connects under a watch of its own, so that it can be ended
//! alone; what ends the exchange ends both. One second at most, charged to the budget of retries.

use crate::{
    bell,
    body::Sink,
    exchange::{Machine, ResponseSource, Upstream},
    forward::{Forward, Forwarded},
    h1::{H1Downstream, H1Upstream, Writer},
    retry::{self, Tries},
    upstream::{self, Checkout, Wish},
    watch::{Waiting, Watch},
};
use std::{cell::Cell, pin::pin, rc::Rc, time::Duration};
use tollgate_balance::Outcome as Shown;
use tollgate_http::Reason;
use tollgate_io::Io;
use tollgate_model::Timeouts;

/// Who answered.
pub(crate) enum Raced {
    /// The first endpoint, or nobody.
    First(Result<Forwarded, Reason>),
    /// The second; nothing is left to do.
    Second(Result<Forwarded, Reason>),
}

/// What two endpoints are asked for.
pub(crate) struct Asked<'t> {
    pub(crate) target: &'t [u8],
    pub(crate) timeouts: &'t Timeouts,
    pub(crate) after: Duration,
}

/// How far the two have come.
struct Race<'r, 'a, I: Io> {
    /// Of the second, until it answers.
    side: Rc<Watch<I::Stream>>,
    has_second: Cell<bool>,
    /// The first, before the second answered.
    has_failed: Cell<bool>,
    /// By the second.
    is_won: Cell<bool>,
    /// The client, until one of them answers.
    reply: Cell<Option<&'r mut Writer<'a, I>>>,
}

impl<'p, I: Io> Machine<'_, 'p, I> {
    /// Sends the queued request, also to another endpoint if there is no head of a response in time.
    pub(crate) async fn race(
        &self,
        down: &mut H1Downstream<'_, I>,
        up: &mut H1Upstream<'_, I>,
        checkout: &Checkout<'_, 'p, I>,
        forward: &Forward<'_, 'p, I>,
        (tries, asked): (&Tries<'p>, &Asked<'_>),
    ) -> Raced {
        let (watch, wire) = (&self.connection.watch, &checkout.connection.stream);
        let H1Downstream { reader, writer } = down;
        let side = Rc::new(watch.beside());
        watch.set_both(wire.clone(), side.clone());
        let race = Race {
            side,
            has_second: Cell::new(false),
            has_failed: Cell::new(false),
            is_won: Cell::new(false),
            reply: Cell::new(Some(writer)),
        };
        let first = async {
            let (response, request) = up.halves();
            let head = match request.flush().await {
                Ok(()) => {
                    forward.request_is_sent();
                    response.head(self.facts.method, &self.program.heads).await
                }
                Err(reason) => Err(reason),
            };
            if let Err(reason) = head {
                if !race.has_second.get() {
                    race.side.abort_upstream(reason);
                } else if watch.cause().is_none() && !race.is_won.get() {
                    // The exchange may end well, and then nobody else tells.
                    race.has_failed.set(true);
                }
                return Some(Err(reason));
            }
            let reply = race.reply.take()?;
            watch.set_upstream(Some(wire.clone()));
            race.side.abort_upstream(Reason::ResponseTimeout);
            Some(forward.pass_on(response, reply).await)
        };
        let second = async {
            let result = self.second(&race, reader.bytes(), checkout, forward, (tries, asked)).await;
            // Its connection is none's now, or another's: nothing may hold it while the first comes to its end.
            race.side.set_upstream(None);
            if race.is_won.get() {
                watch.set_upstream(None);
            }
            result
        };
        let (first, second) = bell::both(pin!(first), pin!(second)).await;
        match (first, second) {
            (_, Some(second)) => {
                if race.has_failed.get() {
                    checkout.target.report(Shown::Failure, || self.connection.worker.io.now());
                }
                Raced::Second(second)
            }
            (first, None) => {
                self.outcome.endpoint.replace(Some(checkout.target.clone()));
                // Only a second that answers leaves the first without anything.
                Raced::First(first.unwrap_or(Err(Reason::UpstreamClosed)))
            }
        }
    }

    /// What became of the client's answer, if it was the second endpoint's.
    async fn second(
        &self,
        race: &Race<'_, '_, I>,
        received: &[u8],
        first: &Checkout<'_, 'p, I>,
        forward: &Forward<'_, 'p, I>,
        (tries, asked): (&Tries<'p>, &Asked<'_>),
    ) -> Option<Result<Forwarded, Reason>> {
        let (worker, watch) = (&self.connection.worker, &self.connection.watch);
        retry::pause(worker, &race.side, worker.io.now() + asked.after, Duration::ZERO).await.ok()?;
        let tries = tries.hedge(&first.target, || worker.io.now())?;
        race.has_second.set(true);
        watch.begin_waiting(Waiting::Upstream);
        let wish = Wish { fresh: false, repeatable: true, now: worker.io.now() };
        let checkout = upstream::checkout(worker, &race.side, watch, &tries, wish, self.outcome).await;
        watch.end_waiting(Waiting::Upstream);
        let checkout = checkout.ok()?;
        worker.metrics.upstream_hedged(tries.upstream.figures);
        let mut up = H1Upstream::new(&checkout.link);
        self.queue_request(received, &mut up, &checkout, asked.target).ok()?;
        let (response, request) = up.halves();
        request.flush().await.ok()?;
        let sent = worker.io.now();
        response.head(self.facts.method, &self.program.heads).await.ok()?;
        let reply = race.reply.take()?;
        race.is_won.set(true);
        first.connection.stream.abort();
        watch.set_upstream(Some(checkout.connection.stream.clone()));
        worker.metrics.upstream_hedge_won(tries.upstream.figures);
        self.outcome.forwarded.set(Some(sent));
        // What it answers is final.
        let forward = self.attempt(asked.timeouts, None, forward.call);
        let result = match forward.pass_on(response, reply).await {
            Ok(forwarded) => Ok(forwarded),
            Err(reason) => self.fail(reason, None, reply).await,
        };
        self.report(&checkout.target);
        if result == Ok(Forwarded::Answered) && up.is_reusable() {
            self.keep(checkout);
        }
        Some(result)
    }
}
