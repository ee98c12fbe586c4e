//! Takes connections from a listening socket. One accept is pending at a time and never dropped.

use crate::{connection, limits, state::Worker};
use std::rc::Rc;
use tollgate_io::{Io, Listener};

/// Accepts until the listener is closed by a drain.
pub(crate) async fn accept<I: Io>(worker: Rc<Worker<I>>, listener: Rc<I::Listener>, index: u32) {
    while !worker.is_draining() {
        match listener.accept().await {
            Ok(_) if worker.is_full() => worker.metrics.accept_errors.increment(),
            Ok(stream) => worker.io.spawn(connection::serve(worker.clone(), stream, index)),
            Err(_) if worker.is_draining() => return,
            Err(_) => {
                worker.metrics.accept_errors.increment();
                worker.io.sleep_until(worker.io.now() + limits::ACCEPT_PAUSE).await;
            }
        }
    }
}
