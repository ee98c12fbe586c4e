//! Starts the workers, and serves the node's status.
//!
//! `start` turns a snapshot into bound sockets, a journal and one pinned thread per worker (`launch`); `status` answers
//! `/livez`, `/readyz` and `/metrics` on a thread of its own. [`Gateway`] is the handle on all of it: whoever holds it
//! says drain or stop and waits. Nothing here is on the path of a request. Bounds are in `limits`; there is no signal
//! handling and no reload here.

mod access_log;
mod error;
mod launch;
mod limits;
mod start;
mod status;

pub use error::StartError;
pub use tollgate_ring::preflight;

use crossbeam::{atomic::AtomicCell, queue::ArrayQueue};
use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};
use tollgate_journal::Journal;
use tollgate_model::Snapshot;
use tollgate_ring::Outbox;
use tollgate_telemetry::{Dropped, Registry};
use tollgate_worker::Command;

use status::StatusThread;

/// A running gateway. Dropping it stops it at once and waits for its end.
///
/// ```text
/// running --drain--> draining --all exchanges over, or their time is up--> ended
///    `------stop--------`--stop--> ended
/// ```
pub struct Gateway {
    listeners: Vec<(String, SocketAddr)>,
    status_address: Option<SocketAddr>,
    /// Read by `/readyz`.
    draining: Arc<AtomicBool>,
    stopping: AtomicBool,
    /// One per worker.
    commands: Vec<Outbox<Command>>,
    /// One per worker, until [`Gateway::wait`] has taken it.
    workers: ArrayQueue<JoinHandle<()>>,
    journal: Option<Journal>,
    registry: Arc<Registry>,
    status: AtomicCell<Option<StatusThread>>,
    ended: OnceLock<()>,
}

impl Gateway {
    /// Binds all sockets of `snapshot`, starts the journal, the workers and the status, and returns when all of them
    /// run. What is degraded is said on standard error, a line each.
    ///
    /// # Errors
    /// An address, CPU, ring or file could not be had. Nothing is left running then.
    pub fn start(snapshot: Snapshot) -> Result<Self, StartError> {
        start::start(&Arc::new(snapshot))
    }

    /// Name and address of every listener, with the port the system chose where it was asked for port 0.
    #[must_use]
    pub fn listeners(&self) -> &[(String, SocketAddr)] {
        &self.listeners
    }

    /// Where the node's status is served.
    #[must_use]
    pub const fn status_address(&self) -> Option<SocketAddr> {
        self.status_address
    }

    /// Begins to drain, unless that has begun; returns at once. `/readyz` says so from now on.
    pub fn drain(&self) {
        if !self.draining.swap(true, Ordering::Relaxed) {
            self.tell(Command::Drain);
        }
    }

    /// Makes the workers end at once, whatever is in progress; returns at once.
    pub fn stop(&self) {
        self.draining.store(true, Ordering::Relaxed);
        if !self.stopping.swap(true, Ordering::Relaxed) {
            self.tell(Command::Stop);
        }
    }

    /// Waits until all workers have ended and their access records are written; the status is served until then. May be
    /// called from several threads: each waits.
    pub fn wait(&self) {
        self.ended.get_or_init(|| {
            while let Some(worker) = self.workers.pop() {
                if worker.join().is_err() {
                    eprintln!("tollgate: a worker panicked");
                }
            }
            // It ends when the last sink is gone, and the workers had them.
            if let Some(Err(error)) = self.journal.as_ref().map(Journal::join) {
                eprintln!("tollgate: access records are lost: {error}");
            }
            self.say_dropped();
            if let Some(status) = self.status.take() {
                status.end();
            }
        });
    }

    /// Has the path of the access log opened again, after something else renamed the file; returns at once. Does nothing
    /// where records do not go to a file.
    pub fn reopen_access_log(&self) {
        if let Some(journal) = &self.journal {
            journal.reopen();
        }
    }

    /// The last line about the access log: what it lacks.
    fn say_dropped(&self) {
        let Dropped { queue_full, write_error } = self.registry.access_records_dropped();
        let all = queue_full + write_error;
        if all > 0 {
            eprintln!("tollgate: {all} access records were lost: queue_full {queue_full}, write_error {write_error}");
        }
    }

    fn tell(&self, command: Command) {
        for outbox in &self.commands {
            // It has room for one of each command, and no command is sent twice.
            let _ = outbox.send(command);
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop();
        self.wait();
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("listeners", &self.listeners)
            .field("status_address", &self.status_address)
            .field("draining", &self.draining)
            .finish_non_exhaustive()
    }
}
