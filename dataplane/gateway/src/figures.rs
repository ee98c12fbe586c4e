//! What a scrape shows besides what workers count, looked up on the status thread when it is asked for.
//!
//! Only reads atomics, queue lengths and /proc: a scrape never makes a worker wait. What is listed here is bounded where it is
//! rendered.

use crate::{process::Process, publish::Publisher};
use std::time::SystemTime;
use tollgate_telemetry::NodeFigures;

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "for people who look at a scrape; nothing is decided by it")]
pub(crate) fn wall_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The figures now.
pub(crate) fn look(process: &Process, publisher: &Publisher) -> NodeFigures {
    NodeFigures {
        is_ready: publisher.is_ready() && !publisher.is_draining(),
        process: process.figures(),
        mailboxes: publisher.waiting(),
        ..NodeFigures::default()
    }
}
