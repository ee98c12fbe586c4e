//! Starts the workers, and serves the node's status.
//!
//! `start` turns a snapshot into bound sockets, a journal and one pinned thread per worker (`launch`), `publish` gives
//! running workers another; `status` answers `/livez`, `/readyz` and `/metrics` on a thread of its own. [`Gateway`] is the
//! handle on all of it: whoever holds it says drain or stop and waits. Nothing here is on the path of a request. Bounds are in `limits`; there is no signal
//! handling here.

mod error;
mod figures;
mod launch;
mod limits;
mod process;
mod publish;
mod start;
mod status;

pub use error::StartError;
pub use publish::{PublishError, Published};
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
use tollgate_worker::Command;

use launch::GatewayCommand;
use publish::Publisher;
use status::StatusThread;

/// A running gateway. Dropping it stops it at once and waits for its end.
///
/// ```text
/// running --drain--> draining --all exchanges over, or their time is up--> ended
///    `------stop--------`--stop--> ended
/// ```
pub struct Gateway {
    publisher: Publisher,
    status_address: Option<SocketAddr>,
    /// Read by `/readyz`.
    draining: Arc<AtomicBool>,
    stopping: AtomicBool,
    /// One per worker.
    commands: Vec<Outbox<GatewayCommand>>,
    /// One per worker, until [`Gateway::wait`] has taken it.
    workers: ArrayQueue<JoinHandle<()>>,
    journal: AtomicCell<Option<Journal>>,
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
    pub fn listeners(&self) -> Vec<(String, SocketAddr)> {
        self.publisher.listeners()
    }

    /// Where the node's status is served.
    #[must_use]
    pub const fn status_address(&self) -> Option<SocketAddr> {
        self.status_address
    }

    /// Begins to drain, unless that has begun; returns at once. `/readyz` says so from now on.
    pub fn drain(&self) {
        if !self.draining.swap(true, Ordering::Relaxed) {
            self.tell(|| Command::Drain);
        }
    }

    /// Makes the workers end at once, whatever is in progress; returns at once.
    pub fn stop(&self) {
        self.draining.store(true, Ordering::Relaxed);
        if !self.stopping.swap(true, Ordering::Relaxed) {
            self.tell(|| Command::Stop);
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
            if let Some(Err(error)) = self.journal.take().map(Journal::join) {
                eprintln!("tollgate: access records are lost: {error}");
            }
            if let Some(status) = self.status.take() {
                status.end();
            }
        });
    }

    fn tell(&self, command: impl Fn() -> GatewayCommand) {
        for outbox in &self.commands {
            // It has room for one of each command, and none of these is sent twice.
            let _ = outbox.send(command());
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
            .field("listeners", &self.listeners())
            .field("status_address", &self.status_address)
            .field("draining", &self.draining)
            .finish_non_exhaustive()
    }
}
