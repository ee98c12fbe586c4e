//! Bounds of the generator. Whatever a target does and a user asks for, it holds no more than these.

use std::time::Duration;

/// Requests of one mix; a longer access log is replayed in parts.
pub const REQUESTS_MAX: usize = 1_000_000;

/// Body of one request, in bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Connections of one run; each needs a descriptor.
pub const CONNECTIONS_MAX: usize = 200_000;

/// Requests in flight on one connection.
pub const PIPELINE_MAX: usize = 256;

/// Requests per second over all workers of a run.
pub const RATE_MAX: f64 = 10_000_000.0;

/// Addresses of one target.
pub const ADDRESSES_MAX: usize = 64;

/// Workers of one run.
pub const WORKERS_MAX: usize = 1024;

/// Shortest timeout.
pub const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// Steps of a run.
pub const STEPS_MAX: usize = 1_000;

/// Longest run, warm-up included.
pub const TIME_MAX: Duration = Duration::from_hours(24);

/// Longest latency that is told apart; a longer one counts as this.
pub const LATENCY_MAX: Duration = Duration::from_hours(1);

/// Intervals of one series; their width doubles when there would be more.
pub const INTERVALS_MAX: usize = 240;

/// Width of an interval at first.
pub const INTERVAL: Duration = Duration::from_millis(250);

/// Lateness of the generator (99th percentile) above which it, not the target, was the limit.
pub const SLIP_MAX: Duration = Duration::from_millis(1);

/// Requests of one worker that are due and wait for a connection; what comes on top is never sent.
pub(crate) const WAITING_MAX: usize = 1 << 20;

/// Head of one answer, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What one receive may bring, in bytes.
pub(crate) const INPUT_BYTES: usize = 64 * 1024;

/// Connections of one worker that are being made at one time, so that no listener's backlog is flooded.
pub(crate) const CONNECTING_MAX: usize = 128;

/// How long connections may take to open before the schedule begins without them.
pub(crate) const OPENING_MAX: Duration = Duration::from_secs(3);

/// First and longest pause before a connection that failed without an answer is made again; it doubles in between.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(10);
/// See [`PAUSE_MIN`].
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long answers to what was sent are waited for at the end.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(10);

/// How often a worker looks after what has no event: timeouts, pauses, the stop.
pub(crate) const UPKEEP: Duration = Duration::from_millis(10);

/// A worker does not sleep when something is due sooner than this: waking from a sleep takes about as long.
pub(crate) const SPIN: Duration = Duration::from_micros(60);

/// How often a worker looks while it waits for the others to be ready.
pub(crate) const UPKEEP_OPENING: Duration = Duration::from_millis(1);

/// Connections looked at for timeouts in one upkeep.
pub(crate) const WATCHED_MAX: usize = 1024;

/// Receives from one connection before the others have their turn.
pub(crate) const RECEIVES_MAX: usize = 16;

/// Pipelined requests that leave in one system call.
pub(crate) const SLICES_MAX: usize = 32;

/// What one turn without sleep and work can take; one that took longer was interrupted.
pub(crate) const SPIN_TURN_MAX: Duration = Duration::from_micros(5);

/// Events taken from the kernel at one time.
pub(crate) const EVENTS_MAX: usize = 256;

const _: () = assert!(PAUSE_MIN.as_nanos() < PAUSE_MAX.as_nanos() && SPIN.as_nanos() < UPKEEP.as_nanos());
const _: () = assert!(HEAD_BYTES_MAX <= INPUT_BYTES);
