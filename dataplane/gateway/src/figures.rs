//! What a scrape shows besides what workers count, looked up on the status thread when it is asked for.
//!
//! Only reads atomics, queue lengths and /proc: a scrape never makes a worker wait. What is listed here is bounded where it is
//! rendered.

use crate::{launch::GatewayCommand, process::Process};
use std::time::SystemTime;
use tollgate_ring::Outbox;
use tollgate_telemetry::NodeFigures;

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "for people who look at a scrape; nothing is decided by it")]
pub(crate) fn wall_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Where the figures are found.
pub(crate) struct Figures {
    process: Process,
    /// By worker.
    mailboxes: Vec<Outbox<GatewayCommand>>,
}

impl Figures {
    pub(crate) fn new(mailboxes: Vec<Outbox<GatewayCommand>>) -> Self {
        Self { process: Process::new(), mailboxes }
    }

    /// The figures now.
    pub(crate) fn look(&self, is_ready: bool) -> NodeFigures {
        NodeFigures {
            is_ready,
            process: self.process.figures(),
            mailboxes: self.mailboxes.iter().map(Outbox::waiting).collect(),
            ..NodeFigures::default()
        }
    }
}
