//! The journal's thread: takes blocks, appends them, counts what was written and what was lost.
//!
//! Every record handed over is in the end either written or lost, by the counters too: after a failure, all that was handed
//! over and is not in a file is lost. A series of failures is told on standard error once.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant, SystemTime},
};

use tollgate_telemetry::{Block, JournalMetrics, LogSource, Received};

use crate::{
    Destination, Totals, limits::HOLD, opener::Opener, segment::Written, series::Series, settings::Writer,
    trouble::Trouble,
};

pub(crate) struct Appender {
    series: Series,
    source: LogSource,
    /// Records handed over.
    taken: u64,
    /// What the counters show.
    counted: Written,
    lost: u64,
    /// Since when something is held back.
    held_since: Option<Instant>,
    trouble: Trouble,
}

impl Appender {
    pub(crate) fn open(destination: Destination, source: LogSource) -> io::Result<Self> {
        let name = destination.to_string();
        let writer = match &destination {
            Destination::File(log) => log.writer,
            Destination::Stdout => Writer::Plain,
        };
        let series = Opener::new(writer).and_then(|opener| Series::open(destination, opener, wall()));
        let series = series
            .map_err(|error| io::Error::new(error.kind(), format!("cannot open the access log {name}: {error}")))?;
        let (taken, counted, lost) = (0, Written::default(), 0);
        let trouble = Trouble::new(format!("access records are lost: cannot write {name}"));
        Ok(Self { series, source, taken, counted, lost, held_since: None, trouble })
    }

    /// Until the sender and all sinks are gone and everything is written. `reopen` is looked at when the thread is unparked.
    pub(crate) fn run(mut self, reopen: &AtomicBool) -> Totals {
        loop {
            if reopen.swap(false, Ordering::Acquire) {
                let result = self.series.reopen(wall());
                self.settle(&result);
            }
            match self.source.recv_within(self.wait()) {
                Received::Block(block) => self.append(block),
                Received::Nothing => self.tick(),
                Received::End => break,
            }
        }
        let result = self.series.flush();
        self.settle(&result);
        self.totals()
    }

    fn append(&mut self, block: Block) {
        self.taken += block.records();
        let result = self.series.append(block.bytes(), wall());
        self.settle(&result);
        self.source.give_back(block);
    }

    /// Does what is due when no block came.
    fn tick(&mut self) {
        if self.held_since.is_some_and(|since| since.elapsed() >= HOLD) {
            let result = self.series.flush();
            self.settle(&result);
        }
        self.series.tick(wall());
    }

    fn wait(&self) -> Option<Duration> {
        let hold = self.held_since.map(|since| HOLD.saturating_sub(since.elapsed()));
        hold.into_iter().chain(self.series.wait(wall())).min()
    }

    /// Brings the counters up to date after something was done.
    fn settle(&mut self, result: &io::Result<()>) {
        let written = self.series.written();
        let metrics = self.source.metrics();
        metrics.records_written.add(written.records - self.counted.records);
        metrics.bytes_written.add(written.bytes - self.counted.bytes);
        self.counted = written;
        if self.series.is_flushed() {
            // Nothing is on its way any more: what is not written is lost.
            let lost = self.taken.saturating_sub(written.records);
            metrics.records_lost.add(lost.saturating_sub(self.lost));
            self.lost = lost;
            self.held_since = None;
        } else {
            self.held_since = Some(now());
        }
        self.trouble.judge(result);
    }

    fn totals(&self) -> Totals {
        let JournalMetrics { records_written, records_lost, bytes_written } = self.source.metrics();
        Totals {
            records_written: records_written.value(),
            records_lost: records_lost.value(),
            bytes_written: bytes_written.value(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "files are rotated by the wall clock, outside the simulated worker")]
fn wall() -> SystemTime {
    SystemTime::now()
}

#[expect(clippy::disallowed_methods, reason = "the journal's thread is not simulated")]
fn now() -> Instant {
    Instant::now()
}
