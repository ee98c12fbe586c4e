//! Who serves a fresh connection: the worker that accepted it, or one that has fewer.
//!
//! The kernel spreads connections over the workers by a hash of their addresses, not by load, and the long-lived ones pile up
//! where they happen to fall. So a worker above its share hands what it accepts to the one with the fewest. A connection is
//! moved at most once, before its first byte is received, and counted where it is served. Whatever goes wrong on the way
//! leaves it with the worker that accepted it.

use crate::{
    connection,
    listening::{Listening, Socket},
    peers::Handed,
    state::Worker,
};
use std::rc::Rc;
use tollgate_io::{Io, Listener, Mailbox, Stream};

/// A connection as it is handed from worker to worker.
type HandedTo<I> = Handed<<<I as Io>::Stream as Stream>::Detached>;

/// Serves a connection that was just accepted, or has another worker do so.
pub(crate) fn place<I: Io>(
    worker: &Rc<Worker<I>>,
    stream: I::Stream,
    socket: &Socket<I::Listener>,
    listening: &Rc<Listening>,
) {
    let Some(target) = worker.peers.lighter(worker.connections_max()) else {
        return admit(worker, stream, listening);
    };
    let stream = match stream.detach() {
        Ok(stream) => stream,
        Err(stream) => return admit(worker, stream, listening),
    };
    let (listener, address) = (listening.name.clone(), socket.listener.local());
    let handed = Handed { stream, listener, address, generation: worker.generation() };
    match worker.peers.hand_over(target, handed) {
        Ok(()) => worker.metrics.handed_over.increment(),
        Err(refused) => adopt(worker, refused.stream, listening),
    }
}

/// Serves what other workers hand over, until none of them can any more.
pub(crate) async fn take<I: Io>(worker: Rc<Worker<I>>, inbox: impl Mailbox<HandedTo<I>>) {
    while let Some(Handed { stream, listener, address, generation }) = inbox.receive().await {
        let mut listening = worker.listening(&listener, address);
        while listening.is_none() && worker.generation() < generation && !worker.is_draining() {
            worker.published.wait().await;
            listening = worker.listening(&listener, address);
        }
        worker.peers.note_arrival();
        // Without its listener, which is gone for this worker, it is closed.
        if let Some(listening) = listening {
            worker.metrics.taken_over.increment();
            adopt(&worker, stream, &listening);
        }
    }
}

fn adopt<I: Io>(worker: &Rc<Worker<I>>, stream: <I::Stream as Stream>::Detached, listening: &Rc<Listening>) {
    match worker.io.adopt(stream) {
        Ok(stream) => admit(worker, stream, listening),
        Err(_) => worker.metrics.accept_errors.increment(),
    }
}

fn admit<I: Io>(worker: &Rc<Worker<I>>, stream: I::Stream, listening: &Rc<Listening>) {
    if worker.is_full() {
        worker.metrics.accept_errors.increment();
        return;
    }
    worker.admit();
    if let Some(task) = connection::begin(worker.clone(), stream, listening.clone()) {
        worker.io.spawn(task);
    }
}
