//! From a snapshot to a running gateway: driver and CPUs, sockets, journal, workers, status, in this order.
//!
//! Everything that can be refused is asked for before the first worker runs, but for the rings themselves: when one is
//! refused and the file left the choice to us, all is taken down and built again on epoll, before any address was told.

use crate::{
    Gateway, StartError, Startup, access_log,
    aside::Aside,
    certificates::SystemClock,
    control::Control,
    error::Part,
    housekeeping::Housekeeping,
    inheritance::{ADMIN, Inherited, STATUS},
    jwks,
    launch::{self, Neighbours, WorkerParts},
    limits::COMMANDS_MAX,
    publish::{Known, Publisher},
    service,
    status::{Listeners, SocketFile},
    survival::Survival,
};
use arc_swap::ArcSwapOption;
use crossbeam::queue::ArrayQueue;
use std::{
    io, mem,
    sync::{Arc, OnceLock, atomic::AtomicBool},
};
use tollgate_balance as balance;
use tollgate_http::Reason;
use tollgate_model::{IoDriver, Snapshot, Status, Workers};
use tollgate_ring::{BoundListener, Driver, Inbox, ListenerHandle, bind, bind_unix, mailbox, preflight};
use tollgate_telemetry::Registry;
use tollgate_worker::{Program, Registries, Security};

pub(crate) fn start(mut startup: Startup) -> Result<Gateway, StartError> {
    if let Some(path) = startup.overwritten() {
        let part = Part::LastGood { path: path.to_owned() };
        return Err(part.failed()(io::Error::other("it is a file of the configuration and would be overwritten")));
    }
    let snapshot = &startup.configuration.snapshot().clone();
    if let Err(error) = preflight::raise_nofile() {
        eprintln!("tollgate: the limit of open files stays as it is: {error}");
    }
    allow_huge_pages(snapshot.tuning.fixed.huge_pages);
    let cpus = match &snapshot.workers {
        Workers::Auto => preflight::allowed_cpus().map_err(Part::Cpus.failed())?,
        Workers::Cpus(cpus) => cpus.clone(),
    };
    let driver = choose_driver(snapshot.io)?;
    let inherited = mem::take(&mut startup.inherited);
    let program = startup.program.take();
    let survival = Survival::open(snapshot, startup.last_good.as_deref(), startup.shares.take())?;
    if inherited.has_predecessor() {
        survival.follow_predecessor();
    }
    let (mut gateway, registry, listeners) = match assemble(snapshot, &cpus, driver, &survival, &inherited) {
        Err(error) if snapshot.io == IoDriver::Auto && error.is_ring_refused() => {
            say_epoll(error.cause());
            assemble(snapshot, &cpus, Driver::Epoll, &survival, &inherited)?
        }
        result => result?,
    };
    let control = Control::start(startup, listeners, registry, gateway.publisher.clone(), survival)?;
    gateway.control.store(Some(Arc::new(control)));
    gateway.program = program;
    inherited.settle();
    service::ready();
    Ok(gateway)
}

/// Asks the kernel for it, of pages that are touched from now on. A successor inherits what was asked for before it.
fn allow_huge_pages(may: bool) {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(!may) {
        eprintln!("tollgate: huge pages stay as the kernel is set: {error}");
    }
}

fn choose_driver(wanted: IoDriver) -> Result<Driver, StartError> {
    if wanted == IoDriver::Epoll {
        return Ok(Driver::Epoll);
    }
    match preflight::uring_support() {
        Ok(_) => Ok(Driver::IoUring),
        Err(error) if wanted == IoDriver::IoUring => Err(Part::IoUring.failed()(error)),
        Err(error) => {
            say_epoll(&error);
            Ok(Driver::Epoll)
        }
    }
}

fn say_epoll(error: &io::Error) {
    eprintln!("tollgate: io_uring is refused ({error}), so epoll is used; `tollgate doctor` says more");
}

/// The gateway without the threads of its control, and what those take.
type Assembled = (Gateway, Arc<Registry>, Listeners);

fn assemble(
    snapshot: &Arc<Snapshot>,
    cpus: &[usize],
    driver: Driver,
    survival: &Survival,
    inherited: &Inherited,
) -> Result<Assembled, StartError> {
    let registry = Registry::new(&Reason::ALL.map(Reason::code), cpus.len());
    let security = Security::build(snapshot, None, SystemClock::shared());
    let security = security.map_err(|error| Part::Security.failed()(io::Error::other(error)))?;
    let mut upstreams = balance::Registry::default();
    let mut rules = survival.registry();
    let now = tollgate_ring::now();
    let registries = Registries { figures: &registry, upstreams: &mut upstreams, rules: &mut rules, now };
    let program = Arc::new(Program::build(snapshot.clone(), registries, None, security));
    let mailboxes = cpus.iter().map(|_| mailbox(COMMANDS_MAX)).collect::<io::Result<Vec<_>>>();
    let (commands, inboxes): (_, Vec<Inbox<_>>) = mailboxes.map_err(Part::Mailboxes.failed())?.into_iter().unzip();
    let housekeeping = Housekeeping::launch().map_err(Part::Housekeeping.failed())?;
    housekeeping.publish(&upstreams, &program);
    jwks::begin(rules.fetched_mut());
    let known = Known { upstreams, rules };
    let publisher = Arc::new(Publisher::new(program.clone(), registry.clone(), known, housekeeping, commands));
    let listeners = publisher.bind(snapshot, inherited)?;
    let status = snapshot.status.as_ref().map(|status| bind_status(status, inherited)).transpose()?.unwrap_or_default();
    let (journal, logs) = access_log::start(&snapshot.access_log, &registry, cpus.len())?;
    // From here on an error drops the gateway, which ends what already runs.
    let gateway = Gateway {
        publisher,
        status_address: status.network.as_ref().map(BoundListener::local),
        status_socket: status.socket.as_ref().and_then(|(_, file)| file.0.clone()),
        status_handles: handles(&status),
        program: None,
        restarting: AtomicBool::new(false),
        stopping: AtomicBool::new(false),
        workers: ArrayQueue::new(cpus.len().max(1)),
        journal,
        registry: registry.clone(),
        survival: survival.clone(),
        control: ArcSwapOption::empty(),
        ended: OnceLock::new(),
    };
    let neighbours = Neighbours::of(cpus.len()).map_err(Part::Mailboxes.failed())?;
    let threads = snapshot.tuning.fixed.offload_threads;
    let asides = Aside::of(cpus.len(), threads, survival).map_err(Part::Mailboxes.failed())?;
    let given = cpus.iter().zip(listeners).zip(logs).zip(inboxes).zip(neighbours).enumerate();
    let parts = given.map(|(index, ((((&cpu, listeners), log), inbox), neighbours))| WorkerParts {
        index,
        cpu,
        driver,
        program: program.clone(),
        inbox,
        listeners,
        metrics: registry.worker(index),
        log,
        neighbours,
        probes: gateway.publisher.probes.clone(),
    });
    launch_workers(&gateway, parts.zip(asides))?;
    Ok((gateway, registry, status))
}

/// Takes `parts` by value: the journal ends only when all sinks are gone, also those of workers that did not start.
fn launch_workers(gateway: &Gateway, parts: impl Iterator<Item = (WorkerParts, Aside)>) -> Result<(), StartError> {
    for (parts, aside) in parts {
        let part = Part::Worker { index: parts.index, cpu: parts.cpu, driver: parts.driver };
        let (index, generation) = (parts.index, parts.program.snapshot().generation);
        let thread = launch::launch(parts, aside).map_err(part.failed())?;
        gateway.publisher.acknowledge(index, generation);
        // The queue was made with room for every worker.
        let _ = gateway.workers.push(thread);
    }
    Ok(())
}

/// The ways to the sockets of the status, with their names.
fn handles(status: &Listeners) -> Vec<(&'static str, ListenerHandle)> {
    let network = status.network.as_ref().map(|socket| (STATUS, socket.handle()));
    let unix = status.socket.as_ref().map(|(socket, _)| (ADMIN, socket.handle()));
    network.into_iter().chain(unix).collect()
}

fn bind_status(status: &Status, inherited: &Inherited) -> Result<Listeners, StartError> {
    let network = status.bind.map(|address| {
        if let Some(socket) = inherited.status(address) {
            return Ok(socket);
        }
        let bound = bind(address, 1);
        let bound = bound.and_then(|mut bound| bound.pop().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
        bound.map_err(Part::Status { address }.failed())
    });
    let socket = status.socket.as_ref().map(|path| {
        let bound = inherited.admin().map_or_else(|| bind_unix(path), Ok);
        let bound = bound.map_err(Part::StatusSocket { path: path.clone() }.failed());
        bound.map(|bound| (bound, SocketFile(Some(path.clone()))))
    });
    Ok(Listeners { network: network.transpose()?, socket: socket.transpose()? })
}
