//! The updating thread: takes one change of the configuration at a time, from `/config`, from the file, from a signal.
//!
//! ```text
//! change -> judge (read, resolve) -> tell the workers -> all acknowledge -> answer -> keep as last good
//!             `-> refused: nothing changes, the reason is answered, said and kept for `GET /config`
//! ```
//!
//! Everything slow of a change happens here, so that neither a worker nor the thread of the status ever waits for it. At
//! most [`CHANGES_MAX`] changes wait; what asks for the file again while that waits already is one of them.

mod change;
mod last_good;
mod live;
mod updater;

pub(crate) use change::{Cause, Change, Job, Outcome, Refusal, Tag, Text};
pub(crate) use last_good::LastGood;
pub(crate) use live::{Live, Running};
pub(crate) use updater::Updater;

use crate::limits::CHANGES_MAX;
use crossbeam::channel::{self, Sender};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
};

/// Takes changes to the updating thread. The thread ends when all of these are gone.
#[derive(Clone)]
pub(crate) struct Changes {
    jobs: Sender<Job>,
    /// Whether the file is to be read, after a signal and after a change: asking again would find the same.
    is_file_waiting: Arc<[AtomicBool; 2]>,
}

/// Starts the thread.
pub(crate) fn launch(mut updater: Updater) -> io::Result<(Changes, JoinHandle<()>)> {
    let (jobs, inbox) = channel::bounded(CHANGES_MAX);
    let changes = Changes { jobs, is_file_waiting: Arc::default() };
    let is_file_waiting = changes.is_file_waiting.clone();
    let thread = Builder::new().name("tollgate-config".to_owned()).spawn(move || {
        for job in inbox {
            if let Change::File(cause) = job.change {
                is_file_waiting[usize::from(cause == Cause::Signal)].store(false, Ordering::Release);
            }
            updater.take(job);
        }
        updater.end();
    })?;
    Ok((changes, thread))
}

impl Changes {
    /// Leaves a change; its `done` is called whatever happens.
    pub(crate) fn submit(&self, job: Job) {
        let (job, refusal) = match self.jobs.try_send(job) {
            Ok(()) => return,
            Err(channel::TrySendError::Full(job)) => (job, Refusal::Busy),
            Err(channel::TrySendError::Disconnected(job)) => (job, Refusal::Draining),
        };
        (job.done)(Outcome::Refused(refusal));
    }

    /// Has the file read again, unless that waits already.
    pub(crate) fn read_file(&self, cause: Cause) {
        if !self.is_file_waiting[usize::from(cause == Cause::Signal)].swap(true, Ordering::Acquire) {
            let done = Box::new(|_| ());
            self.submit(Job { change: Change::File(cause), if_match: None, is_dry_run: false, done });
        }
    }
}
