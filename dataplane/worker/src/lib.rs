//! One core's loop: accept, connection, exchange, upstream pool, drain.
//!
//! [`run`] is the whole of a worker. It is generic over `io`, so the product runs it on io_uring and the simulator on a
//! virtual clock and network, unchanged. With the other workers of its node it shares the immutable [`Program`] and the
//! numbers of connections, by which fresh ones are evened out ([`Peers`]), and idle upstream connections ([`Parking`]).
//!
//! ```text
//! accept -> connection -> exchange -> forward -> upstream (pool, connect) -> relay -> account
//! ```

mod accept;
mod answer;
mod body;
mod call;
mod connection;
mod copies;
mod exchange;
mod faults;
mod forward;
mod h1;
mod handover;
mod hedge;
mod identity;
mod limits;
mod link;
mod listening;
mod load;
mod options;
mod parking;
mod peers;
mod plan_program;
mod policies;
mod pool;
mod probe;
mod program;
mod record;
mod relay;
mod replay;
mod retry;
mod route_program;
mod shedding;
mod standing;
mod state;
mod strict;
mod sync;
mod throttle;
mod tickets;
mod timers;
mod tls;
mod tunnel;
mod upstream;
mod watch;
mod wire;

pub use limits::{JOBS_MAX, QUESTIONS_MAX};
pub use load::Loads;
pub use parking::Parking;
pub use peers::{Handed, Peers};
pub use program::{Program, Registries};
pub use tollgate_policy::{
    Counts as RuleCounts, FetchedKeys, HashKeys, Job, Keeper, KeyError, KeyRegistry, Offload, Question, QuotaCommand,
    QuotaUsage, Registry as RuleRegistry, Store, Wanted,
};
pub use tollgate_probe::{Note, Probe, Probes, Report, Verdict};
pub use tollgate_tls::{ClientTls, Security, SecurityError, Validity};
pub use wire::{Arrival, Wire};

use state::Worker;
use std::{rc::Rc, sync::Arc};
use tollgate_balance::key;
use tollgate_io::{Io, Mailbox, Stream, bell};
use tollgate_policy::trace;
use tollgate_telemetry::{LogSink, WorkerMetrics};

/// What a worker is told from outside.
pub enum Command<L> {
    /// Run another program: exchanges that begin from now on do.
    Publish(Publication<L>),
    /// Take no new connections or requests, let exchanges in progress end within `timeouts.drain`, then end.
    Drain,
    /// Another process has the listening sockets too, and accepts from now on: leave what waits in them to it. Idle connections
    /// may ask once more within half of `timeouts.drain`; else as [`Command::Drain`], which may follow.
    HandOver,
    /// End at once.
    Stop,
    /// Drop this: whoever waits at the other end learns that the worker still looks into its mailbox.
    Ping(Box<dyn Send>),
}

/// A program that takes the place of the last.
pub struct Publication<L> {
    /// Built of the one that the worker runs.
    pub program: Arc<Program>,
    /// New listening sockets with the slots of their listeners. They take the place of those with the same slot; whatever
    /// has no listener in the new snapshot is closed.
    pub listeners: Vec<(u32, L)>,
    /// Sockets that become another listener's: its slot until now, and in the new snapshot.
    pub moved: Vec<(u32, u32)>,
    /// Called by the worker when it has taken the program, and sockets that no listener has any more are closed.
    pub taken: Box<dyn FnOnce() + Send>,
}

/// What a worker starts with.
pub struct Setup<I: Io> {
    /// The outside world.
    pub io: I,
    /// What the configuration says.
    pub program: Arc<Program>,
    /// Listening sockets, each with the slot of its listener.
    pub listeners: Vec<(u32, I::Listener)>,
    /// Where this worker counts.
    pub metrics: Arc<WorkerMetrics>,
    /// Where access records go, if anywhere.
    pub log: Option<LogSink>,
    /// The other workers of the node.
    pub peers: Peers<<I::Stream as Stream>::Detached>,
    /// Where they share idle upstream connections.
    pub parking: Arc<Parking<<I::Stream as Stream>::Detached>>,
    /// Who does what would hold it up.
    pub offload: Arc<dyn Offload>,
    /// The connections that somebody watches.
    pub probes: Arc<Probes>,
}

/// Runs a worker until it is drained or stopped. `handed` is where its peers leave connections, `answers` where questions to
/// the store that nodes share come back, `done` the jobs given to [`Setup::offload`]; they have room for [`QUESTIONS_MAX`]
/// and [`JOBS_MAX`].
pub async fn run<I: Io>(
    setup: Setup<I>,
    inbox: impl Mailbox<Command<I::Listener>>,
    handed: impl Mailbox<Handed<<I::Stream as Stream>::Detached>>,
    answers: impl Mailbox<Box<Question>>,
    done: impl Mailbox<Box<Job>>,
) {
    let Setup { io, program, listeners, metrics, log, peers, parking, offload, probes } = setup;
    let worker = Rc::new(Worker::new(io, program, metrics, log, (peers, parking, offload, probes)));
    worker.listen(listeners);
    worker.io.spawn(timers::run(worker.clone()));
    worker.io.spawn(obey(worker.clone(), inbox));
    worker.io.spawn(handover::take(worker.clone(), handed));
    worker.io.spawn(identity::hear(worker.clone(), done));
    if worker.program().snapshot.cluster.is_some() {
        worker.io.spawn(strict::hear(worker.clone(), answers));
    }
    worker.ended.wait().await;
    worker.metrics.buffers_in_use.set(worker.io.buffers().in_use() as u64);
    // A task that is still waiting may never be dropped by its runtime; the journal ends only when every sink is gone.
    drop(worker.log.take());
    // Its threads end when no worker has it.
    drop(worker.offload.take());
    worker.peers.end();
}

/// Does what the mailbox says for as long as somebody can write to it.
async fn obey<I: Io>(worker: Rc<Worker<I>>, inbox: impl Mailbox<Command<I::Listener>>) {
    while let Some(command) = inbox.receive().await {
        match command {
            Command::Publish(publication) => worker.publish(publication),
            Command::Drain => worker.drain(),
            Command::HandOver => worker.hand_over(),
            Command::Stop => worker.stop(),
            Command::Ping(answer) => drop(answer),
        }
    }
}
