//! A worker's thread: driver, accept loop, stop.
//!
//! Workers share a port (SO_REUSEPORT) and nothing else that a request touches. Stopping shuts every connection down and waits for their tasks, so that no transfer is in
//! flight when the driver is torn down; the wait is bounded.

use super::{
    Driver, OriginConfig, Ready,
    alarm::Alarm,
    chance::Chance,
    connection::Connection,
    limits::{ACCEPT_PAUSE, BACKLOG, STOP_WAIT_MAX},
    site::{Control, Site, Tally},
};
use crate::cpu;
use monoio::{
    IoUringDriver, LegacyDriver, RuntimeBuilder,
    net::{ListenerOpts, TcpListener, TcpStream},
    time::{Instant, sleep},
};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use std::{io, os::fd::AsRawFd, rc::Rc, sync::Arc, time::Duration};

/// io_uring entries; a connection has at most one transfer in flight.
const RING_ENTRIES: u32 = 1024;

/// One worker, before its thread runs.
pub(super) struct Worker {
    pub(super) config: OriginConfig,
    /// Its place among the origin's workers.
    pub(super) number: usize,
    /// Whether others listen on the same port.
    pub(super) shares_port: bool,
    pub(super) control: Arc<Control>,
    pub(super) tally: Arc<Tally>,
}

/// Serves on the calling thread until stopped.
pub(super) fn serve(worker: &Worker, ready: &Ready) -> io::Result<()> {
    if let Some(cpu) = worker.config.cpu {
        cpu::pin(cpu)?;
    }
    let ring = match worker.config.driver {
        Driver::Epoll => None,
        Driver::IoUring => Some(ring()?),
        Driver::Auto => ring().ok(),
    };
    match ring {
        Some(mut ring) => ring.block_on(accept(worker, ready)),
        None => RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()?.block_on(accept(worker, ready)),
    }
}

type Ring = monoio::Runtime<monoio::time::TimeDriver<IoUringDriver>>;

fn ring() -> io::Result<Ring> {
    let mut builder = io_uring::IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun().setup_coop_taskrun();
    RuntimeBuilder::<IoUringDriver>::new().uring_builder(builder).with_entries(RING_ENTRIES).enable_timer().build()
}

/// Socket options that accepting leaves out.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    // monoio accepts without SOCK_CLOEXEC: children of this process would hold the connection open.
    fcntl(stream.as_raw_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // An answer's second segment must not wait for the first one's acknowledgement.
    stream.set_nodelay(true)
}

async fn accept(worker: &Worker, ready: &Ready) -> io::Result<()> {
    let Worker { config, number, shares_port, control, tally } = worker;
    let options = ListenerOpts::new().reuse_port(*shares_port).backlog(BACKLOG);
    let listener = TcpListener::bind_with_config(config.bind, &options)?;
    let chance = Chance::new(config.seed, *number);
    let site = Rc::new(Site::new(&config.name, Alarm::start()?, chance, control.clone(), tally.clone()));
    if ready.send(listener.local_addr()?).is_err() {
        return Ok(());
    }
    loop {
        let accepted = listener.accept().await;
        if control.stopping() {
            break;
        }
        match accepted {
            Ok((stream, _)) => {
                // It fails when the peer is gone already; the connection's task finds that out by itself.
                let _ = prepare(&stream);
                monoio::spawn(Connection::new(stream, site.clone()).serve());
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
    // First, so that whoever wakes the workers reaches one that still listens.
    drop(listener);
    site.tally().close();
    site.close_all();
    let until = Instant::now() + STOP_WAIT_MAX;
    loop {
        // At least once: the ring closes descriptors only while it runs.
        sleep(Duration::from_millis(1)).await;
        if site.tally().counts().connections_open == 0 || Instant::now() >= until {
            return Ok(());
        }
    }
}
