//! The one task of a worker that sleeps: it turns the wheel, hands old access records to the journal and closes upstream
//! connections that have been idle for too long. With nothing due it does not wake.

use crate::{bell, state::Worker};
use std::rc::Rc;
use tollgate_io::{Instant, Io};

/// Runs until the worker has ended.
pub(crate) async fn run<I: Io>(worker: Rc<Worker<I>>) {
    while !worker.has_ended() {
        let now = worker.io.now();
        let next = worker.turn_wheel(now).min(flush(&worker, now)).min(worker.pools.expire(now, &worker.metrics));
        let next = next.min(worker.look_at_lag(now));
        worker.metrics.buffers_in_use.set(worker.io.buffers().in_use() as u64);
        worker.stop_if_due(now);
        worker.timers_sleep_until.set(next);
        if next == Instant::NEVER {
            worker.timers.wait().await;
        } else {
            // Both may be dropped: a bell that rings meanwhile is remembered.
            let _ = bell::first(worker.timers.wait(), worker.io.sleep_until(next)).await;
        }
    }
}

fn flush<I: Io>(worker: &Worker<I>, now: Instant) -> Instant {
    if worker.log_due.get() <= now {
        worker.flush_log();
    }
    worker.log_due.get()
}
