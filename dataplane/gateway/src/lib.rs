//! Starts the workers, and serves the node's status.
//!
//! `start` turns a snapshot into bound sockets, a journal and one pinned thread per worker (`launch`), `publish` gives running
//! workers another; `control` starts the threads beside them: `changes` takes changes of the configuration, from `watch` and
//! from `status`, which answers `/livez`, `/readyz`, `/metrics`, `/config`, `/quotas` and `/debug`; `housekeeping` checks endpoints and
//! resolves names, `jwks` fetches keys of issuers. [`Gateway`] is the handle on all of it: whoever holds it says reload, drain or
//! stop and waits. Nothing here is on the path of a request. Bounds are in `limits`; there is no signal handling.

mod access_log;
mod aside;
mod certificates;
mod changes;
mod control;
mod debug;
mod error;
mod figures;
mod housekeeping;
mod inheritance;
mod inside;
mod jwks;
mod launch;
mod limits;
mod plans;
mod process;
mod publish;
mod service;
mod start;
mod startup;
mod status;
mod successor;
mod survival;
mod watch;
mod watchdog;

pub use certificates::NodeSource;
pub use debug::{DebugError, DebugRequest, Debugged};
pub use error::StartError;
pub use inheritance::Inherited;
pub use inside::ChangeRefused;
pub use plans::QuotaUsed;
pub use publish::{PublishError, Published};
pub use startup::{Overlay, OverlayError, Startup};
pub use successor::{Program, RestartError};
pub use tollgate_cluster::{Ask as ShareAsk, Of as ShareOf, ShareBatch, ShareSource};
pub use tollgate_ring::preflight;
pub use tollgate_telemetry::{UsageReader, Used};
pub use tollgate_tls::provide_by_default as provide_tls_by_default;

use arc_swap::ArcSwapOption;
use crossbeam::queue::ArrayQueue;
use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};
use tollgate_journal::Journal;
use tollgate_model::Snapshot;
use tollgate_ring::ListenerHandle;
use tollgate_telemetry::{Dropped, Registry};
use tollgate_worker::Command;

use control::Control;
use publish::Publisher;
use survival::Survival;

/// A running gateway. Dropping it stops it at once and waits for its end.
///
/// ```text
/// running --drain--> draining --all exchanges over, or their time is up--> ended
///    |  `--restart----^ |
///    `------stop--------`--stop--> ended
/// ```
pub struct Gateway {
    publisher: Arc<Publisher>,
    status_address: Option<SocketAddr>,
    status_socket: Option<PathBuf>,
    /// With their names.
    status_handles: Vec<(&'static str, ListenerHandle)>,
    /// What another process of this kind is started by.
    program: Option<Program>,
    restarting: AtomicBool,
    stopping: AtomicBool,
    /// One per worker, until [`Gateway::wait`] has taken it.
    workers: ArrayQueue<JoinHandle<()>>,
    journal: Option<Journal>,
    registry: Arc<Registry>,
    /// Ends behind the workers.
    survival: Survival,
    /// `None` before it has started and once it has ended.
    control: ArcSwapOption<Control>,
    ended: OnceLock<End>,
}

/// How a gateway has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As it was told.
    Orderly,
    /// At least one worker panicked, and all its connections ended with it.
    Panicked,
}

impl Gateway {
    /// Binds all sockets, starts the journal, the workers, the status and what keeps the configuration up to date, and
    /// returns when all of them run. What is degraded is said on standard error, a line each.
    ///
    /// # Errors
    /// An address, CPU, ring or file could not be had. Nothing is left running then.
    pub fn start(startup: impl Into<Startup>) -> Result<Self, StartError> {
        start::start(startup.into())
    }

    /// Has the file read again that the gateway was started with, and the path of the access log opened again, which
    /// something may have renamed; returns at once. What comes of it is said on standard error and by `GET /config`.
    pub fn reload(&self) {
        if self.publisher.has_handed_over() {
            return;
        }
        self.journal.iter().for_each(Journal::reopen);
        self.control.load().iter().for_each(|control| control.reload());
    }

    /// Name and address of every listener, with the port the system chose where it was asked for port 0.
    #[must_use]
    pub fn listeners(&self) -> Vec<(String, SocketAddr)> {
        self.publisher.listeners()
    }

    /// Where the node's status is served on the network.
    #[must_use]
    pub const fn status_address(&self) -> Option<SocketAddr> {
        self.status_address
    }

    /// The Unix socket at which the node's status is served.
    #[must_use]
    pub fn status_socket(&self) -> Option<&Path> {
        self.status_socket.as_deref()
    }

    /// Begins to drain, unless that has begun; returns at once. `/readyz` says so from now on. Behind a handover idle connections
    /// are closed now, too.
    pub fn drain(&self) {
        let is_news = self.publisher.drain();
        if is_news {
            service::stopping();
        }
        if is_news || self.publisher.has_handed_over() {
            self.publisher.tell(|| Command::Drain);
        }
    }

    /// Makes the workers end at once, whatever is in progress; returns at once.
    pub fn stop(&self) {
        if self.publisher.drain() {
            service::stopping();
        }
        if !self.stopping.swap(true, Ordering::Relaxed) {
            self.publisher.tell(|| Command::Stop);
        }
    }

    /// Waits until all workers have ended and their access records are written; the status is served until then. May be
    /// called from several threads: each waits.
    pub fn wait(&self) -> End {
        *self.ended.get_or_init(|| {
            let mut end = End::Orderly;
            while let Some(worker) = self.workers.pop() {
                if worker.join().is_err() {
                    eprintln!("tollgate: a worker panicked");
                    end = End::Panicked;
                }
            }
            // It ends when the last sink is gone, and the workers had them.
            if let Some(Err(error)) = self.journal.as_ref().map(Journal::join) {
                eprintln!("tollgate: access records are lost: {error}");
            }
            self.survival.end();
            self.say_dropped();
            self.publisher.housekeeping.end();
            drop(self.control.swap(None));
            end
        })
    }

    /// The last line about the access log: what it lacks.
    fn say_dropped(&self) {
        let Dropped { queue_full, write_error, unwritten } = self.registry.access_records_dropped();
        let all = queue_full + write_error + unwritten;
        if all > 0 {
            eprintln!(
                "tollgate: {all} access records were lost: queue_full {queue_full}, write_error {write_error}, unwritten \
                 {unwritten}"
            );
        }
    }

    /// Gives a snapshot to all workers and waits until each has said that it runs it, for at most 10 s. Exchanges that have
    /// begun end with the snapshot they began with. `snapshot` is best made of the last one, so that the two share what they
    /// have in common: the cost is that of what is different. For a gateway without a file and a status: those know nothing
    /// of it.
    ///
    /// # Errors
    /// A setting that only a restart can change, an address that cannot be had, a certificate that cannot be used, a node that
    /// is on its way down. Nothing has changed then.
    pub fn publish(&self, snapshot: Arc<Snapshot>) -> Result<Published, PublishError> {
        self.publisher.publish(snapshot)
    }

    /// Reads what applications have used. For one reader of the gateway: each counts from the beginning.
    #[must_use]
    pub fn usage(&self) -> UsageReader {
        self.registry.usage()
    }

    /// The generation that each worker runs.
    #[must_use]
    pub fn running(&self) -> Vec<u64> {
        self.publisher.running()
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
            .field("draining", &self.publisher.is_draining())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use tollgate_model::{Configuration, NoSource};

    #[test]
    fn a_worker_that_panicked_is_not_an_end_as_told() {
        let text = "version: 1\nstatus: off\naccess_log: off\nlisteners: [ { name: l, bind: 127.0.0.1:0 } ]\n";
        for (is_broken, end) in [(false, End::Orderly), (true, End::Panicked)] {
            let configuration = Configuration::parse("gateway.yaml", text, &NoSource).unwrap();
            let mut gateway = Gateway::start(configuration).unwrap();
            let workers = ArrayQueue::new(gateway.workers.capacity() + 1);
            while let Some(worker) = gateway.workers.pop() {
                workers.push(worker).unwrap();
            }
            if is_broken {
                workers.push(thread::spawn(|| panic!("this is a test"))).unwrap();
            }
            gateway.workers = workers;
            gateway.stop();
            assert_eq!([gateway.wait(), gateway.wait()], [end; 2]);
        }
    }
}
