//! What one worker counts, and the window of time in which it counts.
//!
//! Requests count when they were meant to be sent after the warm-up. Plain fields of one thread: the owner of the run is
//! told four times a second by message.

use super::{ErrorKind, Interval, Phase, Recording};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    /// When it was meant to be sent, on the worker's clock.
    pub(super) intended: u64,
    /// When it was handed to the kernel (with a fresh connection: when that was begun).
    pub(super) sent: u64,
    /// Its place in the mix.
    pub(super) entry: u32,
    /// The first byte of the answer has come.
    pub(super) is_begun: bool,
}

/// Counts since the run began, warm-up included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) sent: u64,
    pub(super) answered: u64,
    pub(super) errors: u64,
    pub(super) in_flight: u64,
    pub(super) waiting: u64,
    /// Connections open now, and made so far.
    pub(super) connections: u64,
    pub(super) made: u64,
}

/// What a worker tells while it runs.
#[derive(Debug)]
pub(super) struct Tick {
    pub(super) phase: Phase,
    pub(super) totals: Totals,
    /// Since the tick before.
    pub(super) interval: Interval,
}

#[derive(Debug)]
pub(super) struct Tally {
    pub(super) recording: Recording,
    pub(super) totals: Totals,
    pub(super) current: Interval,
    /// Bytes in and out since the window opened.
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// Bytes in that ticks have told of.
    bytes_told: u64,
    /// Nanoseconds spent waiting without sleeping since the window opened.
    pub(super) spun: u64,
    is_open_loop: bool,
    /// Answers by status, as an array: a map costs more than the rest of the counting.
    statuses: Vec<u64>,
    /// What is measured: `from..until` on the worker's clock.
    from: u64,
    until: u64,
    cpu_before: Duration,
    current_from: u64,
}

impl Tally {
    pub(super) fn new(is_open_loop: bool) -> Self {
        Self {
            recording: Recording { workers: 1, ..Recording::default() },
            totals: Totals::default(),
            current: Interval::default(),
            bytes_in: 0,
            bytes_out: 0,
            bytes_told: 0,
            spun: 0,
            is_open_loop,
            statuses: vec![0; 1000],
            from: u64::MAX,
            until: u64::MAX,
            cpu_before: Duration::ZERO,
            current_from: 0,
        }
    }

    /// From `from` on, what is meant to be sent is measured.
    pub(super) const fn plan_window(&mut self, from: u64) {
        self.from = from;
    }

    /// The window has opened: what is measured by differences begins here.
    pub(super) fn open_window(&mut self, now: u64) {
        (self.bytes_in, self.bytes_out, self.bytes_told, self.spun) = (0, 0, 0, 0);
        self.current = Interval::default();
        self.current_from = now;
        self.cpu_before = cpu_time();
    }

    /// The window has closed: nothing more is meant to be sent. Answers may still come.
    pub(super) fn close_window(&mut self, now: u64) {
        self.until = now;
        self.recording.elapsed = Duration::from_nanos(now.saturating_sub(self.from));
        if !self.recording.elapsed.is_zero() {
            self.recording.cpu = cpu_time().saturating_sub(self.cpu_before);
            self.recording.spun = Duration::from_nanos(self.spun).min(self.recording.cpu);
        }
    }

    #[inline]
    pub(super) const fn is_measured(&self, intended: u64) -> bool {
        intended >= self.from
    }

    #[inline]
    pub(super) fn slipped(&mut self, intended: u64, now: u64) {
        if self.is_measured(intended) {
            self.recording.slip.record(now - intended);
        }
    }

    pub(super) fn waited(&mut self, intended: u64, nanos: u64) {
        if self.is_measured(intended) {
            self.recording.waited.record(nanos);
        }
    }

    #[inline]
    pub(super) fn sent(&mut self, flight: &Flight) {
        self.totals.sent += 1;
        self.current.sent += 1;
        self.recording.sent += u64::from(self.is_measured(flight.intended));
    }

    #[inline]
    pub(super) fn began(&mut self, flight: &Flight, now: u64) {
        if self.is_measured(flight.intended) {
            self.recording.first_byte.record(now - flight.sent);
        }
    }

    #[inline]
    pub(super) fn answered(&mut self, flight: &Flight, status: u16, now: u64) {
        self.totals.answered += 1;
        self.current.answered += 1;
        self.current.latencies.record(now - flight.intended);
        self.recording.completed += u64::from((self.from..self.until).contains(&now));
        if self.is_measured(flight.intended) {
            self.recording.answered += 1;
            // A status has three digits: the reader saw to it.
            self.statuses[usize::from(status)] += 1;
            self.latency(flight, now);
        }
    }

    /// In a closed loop both are the same; it is counted once and copied at the end.
    #[inline]
    fn latency(&mut self, flight: &Flight, now: u64) {
        self.recording.uncorrected.record(now - flight.sent);
        if self.is_open_loop {
            self.recording.corrected.record(now - flight.intended);
        }
    }

    /// A request is lost.
    pub(super) fn lost(&mut self, flight: &Flight, kind: ErrorKind, now: u64, said: &str) {
        self.totals.errors += 1;
        self.current.errors += 1;
        if self.is_measured(flight.intended) {
            self.recording.count_error(kind, || said.to_owned());
            if kind == ErrorKind::Timeout {
                self.latency(flight, now);
            }
        }
    }

    /// A connection without a request has failed.
    pub(super) fn failed(&mut self, kind: ErrorKind, said: &str) {
        self.totals.errors += 1;
        self.current.errors += 1;
        self.recording.count_error(kind, || said.to_owned());
    }

    /// What has happened since the last time, for the owner of the run.
    pub(super) fn tick(&mut self, phase: Phase, now: u64) -> Tick {
        self.current.bytes_in = self.bytes_in - std::mem::replace(&mut self.bytes_told, self.bytes_in);
        let interval = std::mem::take(&mut self.current);
        if phase >= Phase::Measuring && self.current_from >= self.from {
            let offset = Duration::from_nanos(self.current_from - self.from);
            self.recording.series.at(offset).merge(&interval);
        }
        self.current_from = now;
        Tick { phase, totals: self.totals, interval }
    }

    /// The recording, once nothing more comes.
    pub(super) fn finish(mut self) -> Recording {
        if !self.is_open_loop {
            self.recording.corrected = self.recording.uncorrected.clone();
        }
        let statuses = self.statuses.iter().enumerate().filter(|(_, count)| **count > 0);
        self.recording.statuses = statuses.map(|(status, count)| (status as u16, *count)).collect();
        self.recording.bytes_in = self.bytes_in;
        self.recording.bytes_out = self.bytes_out;
        self.recording
    }
}

/// CPU time of this thread so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
