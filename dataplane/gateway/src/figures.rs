//! What a scrape shows besides what workers count, looked up on the status thread when it is asked for.
//!
//! Only reads atomics, queue lengths and /proc: a scrape never makes a worker wait. What is listed here is bounded where it is
//! rendered.

use crate::process::Process;
use tollgate_ring::Outbox;
use tollgate_telemetry::NodeFigures;
use tollgate_worker::Command;

/// Where the figures are found.
pub(crate) struct Figures {
    process: Process,
    /// By worker.
    mailboxes: Vec<Outbox<Command>>,
}

impl Figures {
    pub(crate) fn new(mailboxes: Vec<Outbox<Command>>) -> Self {
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
