//! What other threads do for workers that wait: who does it, and the mailbox by which each worker gets it back.
//!
//! Questions to the store that nodes share come back by way of `cluster`, jobs by way of `offload`, which has a thread for
//! every four workers, or as many as `tuning.offload_threads` says. Each mailbox has room for all that its worker may have out.

use crate::survival::Survival;
use std::{io, sync::Arc};
use tollgate_offload::{Answer, Pool};
use tollgate_ring::{Inbox, Outbox, mailbox};
use tollgate_worker::{JOBS_MAX, Job, Offload, QUESTIONS_MAX, Question};

/// Workers for which there is one thread.
const WORKERS_PER_THREAD: usize = 4;

/// One worker's part.
pub(crate) struct Aside {
    /// Of the store that nodes share.
    pub(crate) answers: Inbox<Box<Question>>,
    /// Who does what would hold it up ...
    pub(crate) offload: Arc<dyn Offload>,
    /// ... and what is done.
    pub(crate) done: Inbox<Box<Job>>,
}

impl Aside {
    /// For each of `workers` workers; starts the threads that there are not yet: `threads`, or what [`WORKERS_PER_THREAD`] says.
    pub(crate) fn of(workers: usize, threads: Option<usize>, survival: &Survival) -> io::Result<Vec<Self>> {
        let (answered, answers) = mailboxes(workers, QUESTIONS_MAX)?;
        survival.answer_by(answered);
        let (outboxes, done) = mailboxes::<Box<Job>>(workers, JOBS_MAX)?;
        let answer: Answer = Arc::new(move |job| {
            // One that has ended waits for nothing.
            let _ = outboxes.get(job.worker).map(|worker| worker.send(job));
        });
        let threads = threads.unwrap_or_else(|| workers.div_ceil(WORKERS_PER_THREAD));
        let offload = Arc::new(Pool::start(threads, &answer)?);
        let each = |(answers, done)| Self { answers, offload: offload.clone(), done };
        Ok(answers.into_iter().zip(done).map(each).collect())
    }
}

/// The two ends of mailboxes, by worker.
type Mailboxes<M> = (Vec<Outbox<M>>, Vec<Inbox<M>>);

fn mailboxes<M: Send + 'static>(count: usize, room: usize) -> io::Result<Mailboxes<M>> {
    let mailboxes = (0..count).map(|_| mailbox(room)).collect::<io::Result<Vec<_>>>()?;
    Ok(mailboxes.into_iter().unzip())
}
