//! Takes connections from a listening socket. One accept is pending at a time and never dropped.

use crate::{handover, limits, listening::Listening, state::Worker};
use std::rc::Rc;
use tollgate_io::{Io, Listener};

/// Accepts until the listener is closed, by a drain or by a snapshot that does not have it.
pub(crate) async fn accept<I: Io>(worker: Rc<Worker<I>>, listening: Rc<Listening<I::Listener>>) {
    while !worker.is_draining() {
        match listening.listener.accept().await {
            Ok(stream) => handover::place(&worker, stream, &listening),
            Err(_) if worker.is_draining() || listening.is_closed() => return,
            Err(_) => {
                worker.metrics.accept_errors.increment();
                worker.io.sleep_until(worker.io.now() + limits::ACCEPT_PAUSE).await;
            }
        }
    }
}
