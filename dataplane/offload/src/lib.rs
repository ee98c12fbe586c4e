//! Side threads for what would hold a worker up: jobs that a phase of a request waits for.
//!
//! ```text
//! worker -> Pool::begin (never waits) -> queue -> a thread: Job::run -> answer -> the mailbox of the worker
//!               `-> full: the job comes back, 503
//! ```
//!
//! The queue is bounded, so that what waits is done within [`QUEUE_MAX`] jobs' time or not at all. A job has no error and
//! no time limit of its own: what runs here is short and ends. When the pool is dropped, its threads end with what is queued.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::Builder,
};

use crossbeam::channel::{self, Receiver, Sender, TrySendError};
use tollgate_policy::{Job, Offload};

/// Jobs that wait: a signature takes 40 to 100 us, so that the last of them waits for some 50 ms.
pub const QUEUE_MAX: usize = 512;

/// Where a job goes when it is done. Called by the threads.
pub type Answer = Arc<dyn Fn(Box<Job>) + Send + Sync>;

/// The threads.
pub struct Pool {
    queue: Sender<Box<Job>>,
}

impl Pool {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// The system gives no thread; those that there are end.
    pub fn start(threads: usize, answer: &Answer) -> io::Result<Self> {
        let (queue, jobs) = channel::bounded::<Box<Job>>(QUEUE_MAX);
        for number in 0..threads {
            let (jobs, answer) = (jobs.clone(), answer.clone());
            let work = move || serve(jobs, &*answer, Job::run);
            Builder::new().name(format!("tollgate-off{number}")).spawn(work)?;
        }
        Ok(Self { queue })
    }
}

/// A thread: does jobs until no more can come. One that panics is answered too, undone: its request is told that there is no
/// room, and neither the thread nor the place of the job is lost.
fn serve(jobs: Receiver<Box<Job>>, answer: &(dyn Fn(Box<Job>) + Send + Sync), run: impl Fn(&mut Job)) {
    for mut job in jobs {
        // What a job has left half done goes with it.
        if catch_unwind(AssertUnwindSafe(|| run(&mut job))).is_err() {
            eprintln!("tollgate: the verification of a token panicked; its request is answered 503");
        }
        answer(job);
    }
}

impl Offload for Pool {
    fn begin(&self, job: Box<Job>) -> Result<(), Box<Job>> {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }
}

#[cfg(test)]
mod tests;
