//! From a snapshot to a running gateway: driver and CPUs, sockets, journal, workers, status, in this order.
//!
//! Everything that can be refused is asked for before the first worker runs, but for the rings themselves: when one is
//! refused and the file left the choice to us, all is taken down and built again on epoll, before any address was told.

use crate::{Gateway, StartError, access_log, error::Part, launch, launch::WorkerParts, status};
use crossbeam::{atomic::AtomicCell, queue::ArrayQueue};
use std::{
    io, iter,
    net::SocketAddr,
    sync::{Arc, OnceLock, atomic::AtomicBool},
};
use tollgate_http::Reason;
use tollgate_model::{IoDriver, Snapshot, Workers};
use tollgate_ring::{BoundListener, Driver, bind, preflight};
use tollgate_telemetry::{Names, Registry};
use tollgate_worker::Program;

pub(crate) fn start(snapshot: &Arc<Snapshot>) -> Result<Gateway, StartError> {
    if let Err(error) = preflight::raise_nofile() {
        eprintln!("tollgate: the limit of open files stays as it is: {error}");
    }
    let cpus = match &snapshot.workers {
        Workers::Auto => preflight::allowed_cpus().map_err(Part::Cpus.failed())?,
        Workers::Cpus(cpus) => cpus.clone(),
    };
    let driver = choose_driver(snapshot.io)?;
    match assemble(snapshot, &cpus, driver) {
        Err(error) if snapshot.io == IoDriver::Auto && error.is_ring_refused() => {
            say_epoll(error.cause());
            assemble(snapshot, &cpus, Driver::Epoll)
        }
        result => result,
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

fn assemble(snapshot: &Arc<Snapshot>, cpus: &[usize], driver: Driver) -> Result<Gateway, StartError> {
    let (addresses, listeners) = bind_listeners(snapshot, cpus.len())?;
    let status = snapshot.status.map(bind_status).transpose()?;
    let registry = Registry::new(names(snapshot), cpus.len());
    let (journal, logs) = access_log::start(&snapshot.access_log, &registry, cpus.len())?;
    // From here on an error drops the gateway, which ends what already runs.
    let mut gateway = Gateway {
        listeners: addresses,
        status_address: status.as_ref().map(BoundListener::local),
        draining: Arc::default(),
        stopping: AtomicBool::new(false),
        commands: Vec::with_capacity(cpus.len()),
        workers: ArrayQueue::new(cpus.len().max(1)),
        journal,
        registry: registry.clone(),
        status: AtomicCell::new(None),
        ended: OnceLock::new(),
    };
    let program = Arc::new(Program::build(snapshot.clone(), cpus.len()));
    let parts = cpus.iter().zip(listeners).zip(logs).enumerate().map(|(index, ((&cpu, listeners), log))| WorkerParts {
        index,
        cpu,
        driver,
        program: program.clone(),
        listeners,
        metrics: registry.worker(index),
        log,
    });
    launch_workers(&mut gateway, parts)?;
    if let Some(listener) = status {
        let status = status::launch(listener, registry.clone(), gateway.draining.clone());
        gateway.status.store(Some(status.map_err(Part::StatusThread.failed())?));
    }
    Ok(gateway)
}

/// Takes `parts` by value: the journal ends only when all sinks are gone, also those of workers that did not start.
fn launch_workers(gateway: &mut Gateway, parts: impl Iterator<Item = WorkerParts>) -> Result<(), StartError> {
    for parts in parts {
        let part = Part::Worker { index: parts.index, cpu: parts.cpu, driver: parts.driver };
        let (thread, outbox) = launch::launch(parts).map_err(part.failed())?;
        gateway.commands.push(outbox);
        // The queue was made with room for every worker.
        let _ = gateway.workers.push(thread);
    }
    Ok(())
}

/// Names and addresses of the listeners.
type Addresses = Vec<(String, SocketAddr)>;
/// The sockets of one worker, with the indexes of their listeners.
type WorkerListeners = Vec<(usize, BoundListener)>;

/// Binds every listener once per worker: names and addresses, and what each worker gets.
fn bind_listeners(snapshot: &Snapshot, workers: usize) -> Result<(Addresses, Vec<WorkerListeners>), StartError> {
    let mut addresses = Vec::with_capacity(snapshot.listeners.len());
    let mut by_worker: Vec<WorkerListeners> = iter::repeat_with(Vec::new).take(workers).collect();
    for (index, listener) in snapshot.listeners.iter().enumerate() {
        let part = Part::Listener { name: listener.name.clone(), address: listener.bind };
        let bound = bind(listener.bind, workers).map_err(part.failed())?;
        let local = bound.first().map_or(listener.bind, BoundListener::local);
        addresses.push((listener.name.clone(), local));
        for (worker, socket) in by_worker.iter_mut().zip(bound) {
            worker.push((index, socket));
        }
    }
    Ok((addresses, by_worker))
}

fn bind_status(address: SocketAddr) -> Result<BoundListener, StartError> {
    let bound =
        bind(address, 1).and_then(|mut bound| bound.pop().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
    bound.map_err(Part::Status { address }.failed())
}

fn names(snapshot: &Snapshot) -> Names {
    Names {
        routes: snapshot.routes.iter().map(|route| route.name.clone()).collect(),
        upstreams: snapshot.upstreams.iter().map(|upstream| upstream.name.clone()).collect(),
        listeners: snapshot.listeners.iter().map(|listener| listener.name.clone()).collect(),
        reasons: Reason::ALL.iter().map(|reason| reason.code()).collect(),
    }
}
