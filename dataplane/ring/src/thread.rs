//! One pinned thread with one runtime.
//!
//! [`launch`] returns once the thread stands on its CPU, its ring is there and it has taken what the caller gave it, or
//! says why not: what can fail fails at start and not later. Falling back to another driver is the caller's decision. The
//! pool keeps at most [`ThreadSpec::buffers_kept`] unused buffers.

use crate::{Driver, RingIo, system};
use crossbeam::channel;
use std::{io, thread::JoinHandle, time::Duration};
use tollgate_io::BUFFER_BYTES;

/// How to start a thread.
#[derive(Clone, Debug)]
pub struct ThreadSpec {
    /// Shown by `ps` and `top`; at most 15 bytes are.
    pub name: String,
    /// The CPU to stay on; `None`: wherever the scheduler likes.
    pub cpu: Option<usize>,
    /// What tells it of changes of its descriptors.
    pub driver: Driver,
    /// Unused buffers kept for reuse.
    pub buffers_kept: usize,
    /// How its loop goes.
    pub tuning: Tuning,
}

/// How the loop of a thread goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Submission queue entries of a ring, a power of two; there are 16 times as many completions.
    pub ring_entries: u32,
    /// Size of its buffers, in bytes: within [`tollgate_io::BUFFER_BYTES_RANGE`].
    pub buffer_bytes: usize,
    /// Tasks polled in a turn, at least 1.
    pub turn_tasks: usize,
    /// Transfers of a task before it is the turn of others; at least 8, since one that waits for several sources asks for a few
    /// before it makes one.
    pub task_transfers: u32,
    /// How long it looks for something to do before it sleeps; zero: it sleeps at once.
    pub spin: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        let (ring_entries, buffer_bytes) = (1024, BUFFER_BYTES);
        Self { ring_entries, buffer_bytes, turn_tasks: 512, task_transfers: 32, spin: Duration::ZERO }
    }
}

/// Starts a thread with a runtime of its own that runs to its end what `main` has returned there.
///
/// # Errors
/// The thread, its affinity or its driver could not be had, or `main` failed; nothing runs then.
pub fn launch<M, F>(spec: ThreadSpec, main: M) -> io::Result<JoinHandle<()>>
where
    M: FnOnce(RingIo) -> io::Result<F> + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    let (started, outcome) = channel::bounded(1);
    let thread = std::thread::Builder::new().name(spec.name.clone()).spawn(move || {
        let prepared = system::block_signals()
            .and_then(|()| spec.cpu.map_or(Ok(()), system::pin_to))
            .and_then(|()| RingIo::new(&spec))
            .and_then(|io| Ok((main(io.clone())?, io)));
        // The receiver waits for exactly one message below.
        match prepared {
            Ok((task, io)) => {
                if started.send(Ok(())).is_ok()
                    && let Err(error) = io.run(task)
                {
                    panic!("the driver of thread {} broke: {error}", spec.name);
                }
            }
            Err(error) => drop(started.send(Err(error))),
        }
    })?;
    outcome.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended before it started")))?;
    Ok(thread)
}
