//! Takes connections from a listening socket. One accept is pending at a time and never dropped.

use crate::{handover, limits, listening::Socket, state::Worker};
use std::rc::Rc;
use tollgate_io::{Io, Listener};

/// Accepts until the socket is closed, by a drain or by a snapshot that has no listener for it.
pub(crate) async fn accept<I: Io>(worker: Rc<Worker<I>>, socket: Rc<Socket<I::Listener>>) {
    loop {
        let accepted = socket.listener.accept().await;
        let listening = socket.listening();
        match accepted {
            Ok(stream) => handover::place(&worker, stream, &socket, &listening),
            Err(_) if listening.is_closed() => break,
            Err(_) => {
                worker.metrics.accept_errors.increment();
                worker.io.sleep_until(worker.io.now() + limits::ACCEPT_PAUSE).await;
            }
        }
    }
    Socket::end(socket);
}
