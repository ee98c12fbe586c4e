//! One core's loop: accept, connection, exchange, upstream pool, drain.
//!
//! [`run`] is the whole of a worker. It is generic over `io`, so the product runs it on io_uring and the simulator on a
//! virtual clock and network, unchanged. A worker shares nothing with the others but the immutable [`Program`].
//!
//! ```text
//! accept -> connection -> exchange -> forward -> upstream (pool, connect) -> relay -> account
//! ```

mod accept;
mod answer;
mod balance;
mod bell;
mod body;
mod connection;
mod exchange;
mod forward;
mod h1;
mod limits;
mod link;
mod options;
mod pool;
mod program;
mod record;
mod relay;
mod request_id;
mod state;
mod timers;
mod trace;
mod tunnel;
mod upstream;
mod watch;
mod wheel;

pub use program::Program;

use state::Worker;
use std::{rc::Rc, sync::Arc};
use tollgate_io::{Io, Mailbox};
use tollgate_telemetry::{LogSink, WorkerMetrics};

/// What a worker is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Take no new connections or requests, let exchanges in progress end within `timeouts.drain`, then end.
    Drain,
    /// End at once.
    Stop,
}

/// What a worker starts with.
pub struct Setup<I: Io> {
    /// The outside world.
    pub io: I,
    /// What the configuration says.
    pub program: Arc<Program>,
    /// Listening sockets, each with its index in the snapshot's listeners.
    pub listeners: Vec<(usize, I::Listener)>,
    /// Where this worker counts.
    pub metrics: Arc<WorkerMetrics>,
    /// Where access records go, if anywhere.
    pub log: Option<LogSink>,
}

/// Runs a worker until it is drained or stopped.
pub async fn run<I: Io>(setup: Setup<I>, inbox: impl Mailbox<Command>) {
    let Setup { io, program, listeners, metrics, log } = setup;
    let (indexes, listeners): (Vec<_>, Vec<_>) =
        listeners.into_iter().map(|(index, listener)| (index, Rc::new(listener))).unzip();
    metrics.generation.set(program.snapshot().generation);
    let worker = Rc::new(Worker::new(io, program, metrics, log, listeners.clone()));
    for (index, listener) in indexes.into_iter().zip(listeners) {
        worker.io.spawn(accept::accept(worker.clone(), listener, index as u32));
    }
    worker.io.spawn(timers::run(worker.clone()));
    worker.io.spawn(obey(worker.clone(), inbox));
    worker.ended.wait().await;
    worker.metrics.buffers_in_use.set(worker.io.buffers().in_use() as u64);
    // A task that is still waiting may never be dropped by its runtime; the journal ends only when every sink is gone.
    drop(worker.log.take());
}

/// Does what the mailbox says for as long as somebody can write to it.
async fn obey<I: Io>(worker: Rc<Worker<I>>, inbox: impl Mailbox<Command>) {
    while let Some(command) = inbox.receive().await {
        match command {
            Command::Drain => worker.drain(),
            Command::Stop => worker.stop(),
        }
    }
}
