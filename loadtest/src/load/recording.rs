//! What a run measured, in a form that workers and machines can merge.
//!
//! Latency counts from the **intended** send time: a target that stalls makes requests late that were meant to be sent
//! meanwhile, and those are the users who wait. Counting from the actual send time instead ("coordinated omission", Gil
//! Tene, "How NOT to Measure Latency"; wrk2) hides them; it is kept beside it, to show the difference.
//!
//! Only what was intended after the warm-up is counted.

use super::{Latencies, Series};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// What went wrong with a connection or request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Nothing listens there.
    ConnectRefused,
    /// The connection was not made within the timeout.
    ConnectTimeout,
    /// No way there, or another failure to connect.
    ConnectFailed,
    /// This machine has no port, descriptor or memory left: the generator's limit, not the target's.
    Local,
    /// The TLS handshake or its records failed.
    Tls,
    /// The certificate is not one to trust for this name.
    Certificate,
    /// The target reset the connection.
    Reset,
    /// The target closed the connection before the answer was whole.
    ClosedEarly,
    /// What came is no HTTP/1.1 answer.
    Malformed,
    /// No whole answer within the timeout; its connection was closed.
    Timeout,
}

impl ErrorKind {
    /// As it is serialized.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::Local => "local",
            Self::Tls => "tls",
            Self::Certificate => "certificate",
            Self::Reset => "reset",
            Self::ClosedEarly => "closed_early",
            Self::Malformed => "malformed",
            Self::Timeout => "timeout",
        }
    }
}

/// Errors of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// How often.
    pub count: u64,
    /// What the first one said.
    pub example: String,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Its time, its requests or its replay were over.
    #[default]
    Complete,
    /// It was told to stop.
    Stopped,
    /// Not one connection could be made.
    Unreachable,
}

/// What a run measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Intended send to last byte. Requests that timed out are in here and in `uncorrected` with the time until they were
    /// given up, so that leaving them out does not flatter; other failures are not.
    pub corrected: Latencies,
    /// Actual send to last byte. In a closed loop the same as `corrected`.
    pub uncorrected: Latencies,
    /// Open loop: intended send to when the generator came to it. Its own lateness, whatever the target does.
    pub slip: Latencies,
    /// Open loop: from then until a connection was free; only of those that had to wait. The target (or too few
    /// connections) being slower than the schedule.
    pub waited: Latencies,
    /// TCP connect.
    pub connect: Latencies,
    /// TLS handshake, after the connect.
    pub handshake: Latencies,
    /// Actual send to the first byte of the answer.
    pub first_byte: Latencies,
    /// Actual send to the end of the first server-sent event.
    pub first_event: Latencies,
    /// Between the ends of two server-sent events of one stream.
    pub event_gap: Latencies,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// What went wrong. Connects that failed are counted too, also when no request was lost with them.
    pub errors: BTreeMap<ErrorKind, Errors>,
    /// Requests whose first byte was sent.
    pub sent: u64,
    /// Whole answers.
    pub answered: u64,
    /// Answers that ended while requests were due, whenever those were sent: what throughput is computed from.
    pub completed: u64,
    /// Requests that were due and found no connection until the end.
    pub never_sent: u64,
    /// Requests without a whole answer when the run ended, after waiting for them; streams of events, as a rule.
    pub unanswered: u64,
    /// Server-sent events received.
    pub events: u64,
    /// Bytes received, heads and TLS records included.
    pub bytes_in: u64,
    /// Bytes sent, likewise.
    pub bytes_out: u64,
    /// Connections made, also before and during the warm-up.
    pub connections: u64,
    /// How long was measured: the longest among what was merged.
    pub elapsed: Duration,
    /// CPU time of the generator's threads while they measured, spinning included.
    pub cpu: Duration,
    /// Of it: waiting for the next due time without sleeping.
    pub spun: Duration,
    /// Threads that sent.
    pub workers: u32,
    /// Over time.
    pub series: Series,
    /// Why it ended; of several, the worst.
    pub end: End,
}

impl Recording {
    /// Adds what another worker or machine measured at the same time.
    pub fn merge(&mut self, other: Self) {
        self.merge_latencies(&other);
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (kind, errors) in other.errors {
            let mine = self.errors.entry(kind).or_insert(Errors { count: 0, example: errors.example });
            mine.count += errors.count;
        }
        self.sent += other.sent;
        self.answered += other.answered;
        self.completed += other.completed;
        self.never_sent += other.never_sent;
        self.unanswered += other.unanswered;
        self.events += other.events;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.connections += other.connections;
        self.elapsed = self.elapsed.max(other.elapsed);
        self.cpu += other.cpu;
        self.spun += other.spun;
        self.workers += other.workers;
        self.series.merge(other.series);
        self.end = self.end.max(other.end);
    }

    fn merge_latencies(&mut self, other: &Self) {
        self.corrected.merge(&other.corrected);
        self.uncorrected.merge(&other.uncorrected);
        self.slip.merge(&other.slip);
        self.waited.merge(&other.waited);
        self.connect.merge(&other.connect);
        self.handshake.merge(&other.handshake);
        self.first_byte.merge(&other.first_byte);
        self.first_event.merge(&other.first_event);
        self.event_gap.merge(&other.event_gap);
    }

    /// Counts an error; the first of its kind is kept as the example.
    pub fn count_error(&mut self, kind: ErrorKind, said: impl FnOnce() -> String) {
        self.errors.entry(kind).or_insert_with(|| Errors { count: 0, example: said() }).count += 1;
    }

    /// Errors of all kinds.
    #[must_use]
    pub fn error_count(&self) -> u64 {
        self.errors.values().map(|errors| errors.count).sum()
    }

    /// Whole answers per second of the measured time.
    #[must_use]
    pub fn requests_per_second(&self) -> f64 {
        self.completed as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Share of the measured time (0 to 1) that the generator's threads worked, spinning left out.
    #[must_use]
    pub fn busy(&self) -> f64 {
        let had = self.elapsed.as_secs_f64() * f64::from(self.workers);
        if had > 0.0 { self.cpu.saturating_sub(self.spun).as_secs_f64() / had } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(status: u16, kind: ErrorKind) -> Recording {
        let mut some = Recording {
            sent: 2,
            answered: 1,
            completed: 1,
            workers: 1,
            elapsed: Duration::from_secs(2),
            ..Default::default()
        };
        some.corrected.record(1_000_000);
        some.statuses.insert(status, 1);
        some.count_error(kind, || format!("{kind:?} said so"));
        some.count_error(kind, || unreachable!("only the first is kept"));
        some.cpu = Duration::from_secs(1);
        some
    }

    #[test]
    fn merging_adds_up_whatever_the_order() {
        let (one, other) = (some(200, ErrorKind::Reset), some(503, ErrorKind::Tls));
        let (mut first, mut second) = (one.clone(), other.clone());
        first.merge(other);
        second.merge(one);
        assert_eq!(first, second);
        assert_eq!((first.error_count(), first.corrected.count(), first.statuses.len()), (4, 2, 2));
        assert_eq!((first.requests_per_second(), first.busy()), (1.0, 0.5));
        assert_eq!(first.errors[&ErrorKind::Reset].example, "Reset said so");
    }

    #[test]
    fn a_recording_survives_json() {
        let recording = some(200, ErrorKind::ClosedEarly);
        let text = serde_json::to_string(&recording).unwrap();
        assert_eq!(serde_json::from_str::<Recording>(&text).unwrap(), recording);
        assert!(text.contains(ErrorKind::ClosedEarly.name()));
    }
}
