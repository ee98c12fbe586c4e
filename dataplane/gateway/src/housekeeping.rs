//! The housekeeping thread: active checks of endpoints, and the addresses of names. It runs once per node, is pinned
//! nowhere, and never meets a request: what it learns goes into the state of crate `balance`, which workers read.
//!
//! ```text
//! Gateway::publish --upstreams--> [wake] --> checks: a task for each endpoint to be checked
//!                                       `--> names: a task for each name to be resolved --addresses--> checks
//! ```
//!
//! The set of upstreams it is told last is all there is: tasks for what is no more end by themselves. At most
//! [`HOUSEKEEPING_PERMITS`](crate::limits::HOUSEKEEPING_PERMITS) of them do something at one time. Runs on epoll whatever the
//! workers use. At its end every stream is aborted and its task awaited; sleeping tasks are dropped.

mod call;
mod checks;
mod lookup;
mod names;
mod permits;

use crate::limits::{HOUSEKEEPING_BUFFERS_KEPT, NAMES_WAIT};
use call::Calls;
use checks::Checks;
use crossbeam::{atomic::AtomicCell, channel};
use names::Names;
use std::{
    io,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};
use tollgate_balance::{Registry, Upstream};
use tollgate_io::Mailbox;
use tollgate_model::Dns;
use tollgate_ring::{Driver, Outbox, RingIo, ThreadSpec, Tuning, mailbox};
use tollgate_worker::{ClientTls, Program};

/// The running thread.
pub(crate) struct Housekeeping {
    thread: AtomicCell<Option<JoinHandle<()>>>,
    wake: Outbox<()>,
    orders: Arc<Orders>,
}

/// What the thread finds when it is woken.
#[derive(Default)]
struct Orders {
    set: AtomicCell<Option<Box<Set>>>,
    is_ending: AtomicBool,
}

/// An upstream to look after, and how its endpoints are spoken to.
struct Watched {
    upstream: Arc<Upstream>,
    tls: Option<ClientTls>,
}

/// All there is to look after.
struct Set {
    upstreams: Vec<Watched>,
    dns: Dns,
    /// Dropped when each name has had its first answer.
    answered: channel::Sender<()>,
}

impl Housekeeping {
    /// Starts the thread; returns when it runs.
    pub(crate) fn launch() -> io::Result<Self> {
        let (wake, inbox) = mailbox(1)?;
        let orders = Arc::<Orders>::default();
        let spec = ThreadSpec {
            name: "tollgate-housekeeping".to_owned(),
            cpu: None,
            driver: Driver::Epoll,
            buffers_kept: HOUSEKEEPING_BUFFERS_KEPT,
            tuning: Tuning::default(),
        };
        let obeyed = orders.clone();
        let thread = tollgate_ring::launch(spec, move |io| {
            let inbox = inbox.into_mailbox(&io)?;
            Ok(async move { keep(io, inbox, &obeyed).await })
        })?;
        Ok(Self { thread: AtomicCell::new(Some(thread)), wake, orders })
    }

    /// Looks after the upstreams of the registry from now on. Waits until each new name has its first answer, for at most
    /// [`NAMES_WAIT`].
    pub(crate) fn publish(&self, registry: &Registry, program: &Program) {
        let (known, security, dns) = (&program.snapshot().upstreams, program.security(), &program.snapshot().dns);
        let looked_after = registry.upstreams().filter(|upstream| upstream.is_looked_after());
        let upstreams = looked_after.map(|upstream| Watched {
            upstream: upstream.clone(),
            tls: known.slot(&upstream.rules().name).and_then(|slot| security.upstream(slot)),
        });
        let upstreams = upstreams.collect();
        let (answered, waiting) = channel::bounded(0);
        self.orders.set.store(Some(Box::new(Set { upstreams, dns: dns.clone(), answered })));
        // Full means that it has been woken and will find the set.
        let _ = self.wake.send(());
        // Nothing is ever sent: the channel ends when every task has let go of it.
        let _ = waiting.recv_timeout(NAMES_WAIT);
    }

    /// Ends the thread and waits for it.
    pub(crate) fn end(&self) {
        let Some(thread) = self.thread.take() else { return };
        self.orders.is_ending.store(true, Ordering::Release);
        let _ = self.wake.send(());
        if thread.join().is_err() {
            eprintln!("tollgate: the thread of the housekeeping panicked");
        }
    }
}

impl Drop for Housekeeping {
    fn drop(&mut self) {
        self.end();
    }
}

/// Follows orders until there is one to end.
async fn keep(io: RingIo, inbox: impl Mailbox<()>, orders: &Orders) {
    let calls = Rc::new(Calls::default());
    let checks = Rc::new(Checks::new(io.clone(), calls.clone()));
    let names = Rc::new(Names::new(io, calls.clone(), checks.clone()));
    while inbox.receive().await.is_some() && !orders.is_ending.load(Ordering::Acquire) {
        if let Some(set) = orders.set.take() {
            let Set { upstreams, dns, answered } = *set;
            names.resolve(upstreams.iter().map(|watched| &watched.upstream), dns, &answered);
            checks.watch(upstreams);
        }
    }
    calls.end().await;
}
