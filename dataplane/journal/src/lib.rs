//! The thread that appends blocks of access records to a file or standard output.
//!
//! Workers hand blocks over through the bounded queue of `tollgate-telemetry` and never wait for the disk; this thread
//! does. It ends when the queue's sender and sinks are gone and everything in it is written. Records survive the end of the
//! process, not that of the machine: nothing is synced. Files are not rotated here.

mod appender;
mod destination;

use std::{
    io,
    thread::{Builder, JoinHandle},
};

pub use destination::Destination;
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
    thread: JoinHandle<Totals>,
}

impl Journal {
    /// Opens `destination` and starts the thread `tollgate-journal`, which takes blocks from `source`.
    ///
    /// # Errors
    /// If the destination cannot be opened (the error names it) or no thread can be made.
    pub fn start(destination: Destination, source: LogSource) -> io::Result<Self> {
        let appender = Appender::open(destination)?;
        let thread = Builder::new().name("tollgate-journal".to_owned()).spawn(move || run(appender, &source))?;
        Ok(Self { thread })
    }

    /// Waits until the sender and all sinks are gone and what they handed over is written.
    ///
    /// # Errors
    /// If the thread panicked.
    pub fn join(self) -> io::Result<Totals> {
        self.thread.join().map_err(|_| io::Error::other("the journal's thread panicked"))
    }
}

fn run(mut appender: Appender, source: &LogSource) -> Totals {
    let metrics = source.metrics();
    while let Some(block) = source.recv() {
        let written = appender.append(&block);
        metrics.records_written.add(written.records);
        metrics.records_lost.add(block.records() - written.records);
        metrics.bytes_written.add(written.bytes);
        source.give_back(block);
    }
    Totals {
        records_written: metrics.records_written.value(),
        records_lost: metrics.records_lost.value(),
        bytes_written: metrics.bytes_written.value(),
    }
}
