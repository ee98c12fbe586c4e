//! The origin's thread: driver, accept loop, stop.
//!
//! One thread does everything. Stopping shuts every connection down and waits for their tasks, so that no transfer is in
//! flight when the driver is torn down; the wait is bounded.

use super::{
    Driver, OriginConfig, Ready,
    connection::Connection,
    limits::{ACCEPT_PAUSE, BACKLOG, STOP_WAIT_MAX},
    site::{Site, Tally},
};
use monoio::{
    IoUringDriver, LegacyDriver, RuntimeBuilder,
    net::{ListenerOpts, TcpListener, TcpStream},
    time::{Instant, sleep},
};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sched::CpuSet,
    unistd::Pid,
};
use std::{io, os::fd::AsRawFd, rc::Rc, sync::Arc, time::Duration};

/// io_uring entries; a connection has at most one transfer in flight.
const RING_ENTRIES: u32 = 1024;

/// Serves on the calling thread until stopped.
pub(super) fn serve(config: &OriginConfig, tally: Arc<Tally>, ready: &Ready) -> io::Result<()> {
    if let Some(cpu) = config.cpu {
        pin(cpu)?;
    }
    let ring = match config.driver {
        Driver::Epoll => None,
        Driver::IoUring => Some(ring()?),
        Driver::Auto => ring().ok(),
    };
    let site = Rc::new(Site::new(&config.name, tally));
    match ring {
        Some(mut ring) => ring.block_on(accept(config, site, ready)),
        None => RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()?.block_on(accept(config, site, ready)),
    }
}

fn pin(cpu: usize) -> io::Result<()> {
    let mut cpus = CpuSet::new();
    cpus.set(cpu)?;
    Ok(nix::sched::sched_setaffinity(Pid::from_raw(0), &cpus)?)
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

async fn accept(config: &OriginConfig, site: Rc<Site>, ready: &Ready) -> io::Result<()> {
    let options = ListenerOpts::new().reuse_port(false).backlog(BACKLOG);
    let listener = TcpListener::bind_with_config(config.bind, &options)?;
    if ready.send(listener.local_addr()?).is_err() {
        return Ok(());
    }
    loop {
        let accepted = listener.accept().await;
        if site.tally().stopping() {
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
    site.close_all();
    let until = Instant::now() + STOP_WAIT_MAX;
    while site.tally().counts().connections_open > 0 && Instant::now() < until {
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
