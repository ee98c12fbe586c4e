//! The thread that appends blocks of access records to segments of a file, or to standard output.
//!
//! Workers hand blocks over through the bounded queue of `tollgate-telemetry` and never wait for the disk; this thread
//! does. From the handle inward: `appender` is the thread and counts, `series` holds the current segment and knows when it
//! is closed (`rotation`) and which closed ones go (`retention`), a `segment` takes bytes: `plain` by `write(2)`, `direct`
//! by glommio. It ends when the queue's sender and sinks are gone and everything in it is written. Records survive the end
//! of the process, not that of the machine: nothing is synced.

mod appender;
mod closed;
mod direct;
mod limits;
mod opener;
mod plain;
mod retention;
mod rotation;
mod segment;
mod series;
mod settings;
mod tail;
mod trouble;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, Thread},
};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
pub use settings::{Destination, LogFile, Retention, Rotation, Writer};
use tollgate_telemetry::LogSource;

use appender::Appender;

/// What a journal did, as [`Journal::join`] reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records written.
    pub records_written: u64,
    /// Records lost because a write failed.
    pub records_lost: u64,
    /// Bytes written.
    pub bytes_written: u64,
}

/// A running journal.
#[derive(Debug)]
pub struct Journal {
    thread: Thread,
    reopen: Arc<AtomicBool>,
    totals: Receiver<Totals>,
}

impl Journal {
    /// Opens `destination` and starts the thread `tollgate-journal`, which takes blocks from `source`.
    ///
    /// # Errors
    /// If the destination cannot be opened (the error names it) or no thread can be made.
    pub fn start(destination: Destination, source: LogSource) -> io::Result<Self> {
        let reopen = Arc::new(AtomicBool::new(false));
        let (opened, is_opened) = bounded(1);
        let (ended, totals) = bounded(1);
        let flag = reopen.clone();
        let run = move || run(destination, source, &flag, &opened, &ended);
        let thread = Builder::new().name("tollgate-journal".to_owned()).spawn(run)?.thread().clone();
        is_opened.recv().map_err(|_| panicked())??;
        Ok(Self { thread, reopen, totals })
    }

    /// Has the path opened again, for whoever has renamed the current segment (logrotate); returns at once. A segment that
    /// is still at its path is simply gone on with.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Waits until the sender and all sinks are gone and what they handed over is written; at most 5 s. To be called once.
    ///
    /// # Errors
    /// If the thread panicked, or the destination took too long: then the thread is left to itself.
    pub fn join(&self) -> io::Result<Totals> {
        self.totals.recv_timeout(limits::END).map_err(|error| match error {
            RecvTimeoutError::Disconnected => panicked(),
            RecvTimeoutError::Timeout => {
                io::Error::new(io::ErrorKind::TimedOut, format!("the last were not written within {:?}", limits::END))
            }
        })
    }
}

fn panicked() -> io::Error {
    io::Error::other("the journal's thread panicked")
}

/// The thread. The appender is made here: the direct writer's executor cannot be moved.
fn run(
    destination: Destination,
    source: LogSource,
    reopen: &AtomicBool,
    opened: &Sender<io::Result<()>>,
    ended: &Sender<Totals>,
) {
    let result = Appender::open(destination, source);
    let (appender, result) = match result {
        Ok(appender) => (Some(appender), Ok(())),
        Err(error) => (None, Err(error)),
    };
    // Whoever started it may be gone; then the appender ends with its source.
    let _ = opened.send(result);
    if let Some(appender) = appender {
        let _ = ended.send(appender.run(reopen));
    }
}
