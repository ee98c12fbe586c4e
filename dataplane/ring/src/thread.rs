//! One pinned thread with one runtime, and the [`Io`] it gives to what runs on it.
//!
//! [`launch`] returns once the thread stands on its CPU and its ring is there, or says why not; falling back to another
//! driver is the caller's decision. The pool keeps at most [`ThreadSpec::buffers_kept`] unused buffers.

use crate::{RingListener, RingStream, system};
use crossbeam::channel;
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder, net::TcpStream};
use std::{
    cell::Cell,
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    net::SocketAddr,
    rc::Rc,
    thread::JoinHandle,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tollgate_io::{BufferPool, Instant, Io, Wall};

/// What carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// Completions from a ring shared with the kernel.
    IoUring,
    /// Readiness from epoll and one system call per transfer, where io_uring is refused.
    Epoll,
}

/// How to start a thread.
#[derive(Clone, Debug)]
pub struct ThreadSpec {
    /// Shown by `ps` and `top`; at most 15 bytes are.
    pub name: String,
    /// The CPU to stay on; `None`: wherever the scheduler likes.
    pub cpu: Option<usize>,
    /// What carries the bytes.
    pub driver: Driver,
    /// Unused buffers kept for reuse.
    pub buffers_kept: usize,
}

/// Submission queue entries per ring. A full queue is flushed, so this bounds nothing but the size of a batch.
const RING_ENTRIES: u32 = 4096;

/// Starts a thread that runs `main` to its end on a runtime of its own.
///
/// # Errors
/// The thread, its affinity or its ring could not be had; nothing runs then.
pub fn launch<M, F>(spec: ThreadSpec, main: M) -> io::Result<JoinHandle<()>>
where
    M: FnOnce(RingIo) -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    let (started, outcome) = channel::bounded(1);
    let thread = std::thread::Builder::new().name(spec.name.clone()).spawn(move || {
        let ready = |result: io::Result<()>| {
            let fine = result.is_ok();
            // The receiver waits for exactly this message below.
            let _ = started.send(result);
            fine
        };
        let prepared = system::block_signals().and_then(|()| spec.cpu.map_or(Ok(()), system::pin_to));
        if prepared.is_err() {
            ready(prepared);
            return;
        }
        match spec.driver {
            Driver::IoUring => run_io_uring(&spec, main, ready),
            Driver::Epoll => run_epoll(&spec, main, ready),
        }
    })?;
    match outcome.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::other("the thread ended before it started")),
    }
}

fn run_io_uring<F: Future<Output = ()> + 'static>(
    spec: &ThreadSpec,
    main: impl FnOnce(RingIo) -> F,
    ready: impl Fn(io::Result<()>) -> bool,
) {
    let mut ring = io_uring::IoUring::builder();
    ring.setup_single_issuer().setup_defer_taskrun().setup_coop_taskrun();
    let with_flags =
        RuntimeBuilder::<IoUringDriver>::new().with_entries(RING_ENTRIES).uring_builder(ring).enable_timer().build();
    // Kernels before 6.1 do not know the flags and work without them.
    let runtime = with_flags
        .or_else(|_| RuntimeBuilder::<IoUringDriver>::new().with_entries(RING_ENTRIES).enable_timer().build());
    match runtime {
        Ok(mut runtime) => {
            if ready(Ok(())) {
                runtime.block_on(async { main(RingIo::new(spec)).await });
            }
        }
        Err(error) => {
            ready(Err(error));
        }
    }
}

fn run_epoll<F: Future<Output = ()> + 'static>(
    spec: &ThreadSpec,
    main: impl FnOnce(RingIo) -> F,
    ready: impl Fn(io::Result<()>) -> bool,
) {
    match RuntimeBuilder::<LegacyDriver>::new().enable_timer().build() {
        Ok(mut runtime) => {
            if ready(Ok(())) {
                runtime.block_on(async { main(RingIo::new(spec)).await });
            }
        }
        Err(error) => {
            ready(Err(error));
        }
    }
}

/// One thread's access to its runtime.
#[derive(Clone)]
pub struct RingIo(Rc<Shared>);

struct Shared {
    driver: Driver,
    buffers: BufferPool,
    started: std::time::Instant,
    /// Wall time at `started`.
    started_wall: u64,
    random: Cell<u64>,
}

impl RingIo {
    #[expect(clippy::disallowed_methods, reason = "this is where the real clocks enter")]
    fn new(spec: &ThreadSpec) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self(Rc::new(Shared {
            driver: spec.driver,
            buffers: BufferPool::new(spec.buffers_kept),
            started: std::time::Instant::now(),
            started_wall: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX),
            random: Cell::new(RandomState::new().build_hasher().finish() | 1),
        }))
    }

    /// What carries the bytes of this thread.
    #[must_use]
    pub fn driver(&self) -> Driver {
        self.0.driver
    }
}

impl Io for RingIo {
    type Stream = RingStream;
    type Listener = RingListener;

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        // Detached: a task reports through what it owns.
        drop(monoio::spawn(task));
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.0.started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn wall(&self, at: Instant) -> Wall {
        Wall(self.0.started_wall.saturating_add(at.nanos()))
    }

    async fn sleep_until(&self, at: Instant) {
        monoio::time::sleep(at.since(self.now())).await;
    }

    fn entropy(&self) -> u64 {
        // xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016).
        let mut state = self.0.random.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.0.random.set(state);
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<RingStream> {
        let stream = TcpStream::connect_addr(to).await?;
        stream.set_nodelay(true)?;
        Ok(RingStream::new(stream, to, self.clone()))
    }

    fn buffers(&self) -> &BufferPool {
        &self.0.buffers
    }
}
