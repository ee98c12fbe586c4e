//! What a phase hands over to another thread, and waits for.
//!
//! ```text
//! Identity::identify -> Unseen(Check) -> Job .. Offload .. Job::run .. mailbox of the worker -> Job::verdict -> the phase again
//! ```
//!
//! A job owns all it needs and can go anywhere. Who runs it is crate `offload`, or the simulator after a time of its own.

use std::sync::Arc;

use tollgate_http::Reason;
use tollgate_identity::{Issuer, Tokens, Verdict, verify};

use crate::identity;

/// A token that is to be verified.
pub struct Check {
    pub(crate) issuers: Arc<[Issuer]>,
    /// What tells those who ask like this from others.
    pub(crate) asked: u64,
    pub(crate) token: Box<[u8]>,
}

impl Check {
    /// One of no issuer, which refuses: for whoever tests what carries it.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self { issuers: Arc::default(), asked: 0, token: Box::default() }
    }
}

/// A check on its way.
pub struct Job {
    /// Which of the node's workers waits.
    pub worker: usize,
    /// By which it finds who waits.
    pub ticket: usize,
    pub(crate) check: Check,
    pub(crate) verdict: Option<Verdict>,
}

impl Job {
    /// A check for a worker.
    #[must_use]
    pub const fn new(worker: usize, ticket: usize, check: Check) -> Self {
        Self { worker, ticket, check, verdict: None }
    }

    /// Whether it was done.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.verdict.is_some()
    }

    /// Lets a worker know what came of it.
    ///
    /// # Errors
    /// What the one who asked is told, if the next time may come to something else.
    pub fn settle(self, tokens: &mut Tokens) -> Result<(), Reason> {
        identity::keep(self, tokens)
    }

    /// Does it, which takes as long as some signatures do.
    pub fn run(&mut self) {
        self.verdict = Some(verify(&self.check.issuers, &self.check.token));
    }
}

/// Who does jobs: called by workers, so nothing here waits.
pub trait Offload: Send + Sync {
    /// Takes a job, which comes back to its worker through its mailbox.
    ///
    /// # Errors
    /// There are too many already.
    fn begin(&self, job: Box<Job>) -> Result<(), Box<Job>>;
}
