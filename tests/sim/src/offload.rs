//! Side threads, played: what a worker gives away is done after a virtual while, job by job, and comes back.
//!
//! It stands behind the same seam as the product's threads (`tollgate_worker::Offload`). Jobs are many at one time: that
//! there are too many is played by a bound that is small, where a test says so.

use crate::{SimSender, World};
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};
use tollgate_worker::{Job, Offload};

/// Longest time a job takes, with its ways, in nanoseconds.
const JOB_NANOS_MAX: u64 = 600_000;

/// Who does the jobs of a gateway.
#[derive(Default)]
pub struct SimOffload(Mutex<State>);

#[derive(Default)]
struct State {
    jobs: VecDeque<Box<Job>>,
    waiting: Option<Waker>,
    begun: u64,
    refuses: bool,
    is_over: bool,
}

impl SimOffload {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on there is no room for a job, or there is again.
    pub fn refuse(&self, refuses: bool) {
        self.state().refuses = refuses;
    }

    /// Jobs so far.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.state().begun
    }

    /// Ends [`serve`].
    pub(crate) fn end(&self) {
        self.state().is_over = true;
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.state().waiting.take() {
            waker.wake();
        }
    }
}

impl Offload for SimOffload {
    fn begin(&self, job: Box<Job>) -> Result<(), Box<Job>> {
        let mut state = self.state();
        if state.refuses {
            return Err(job);
        }
        state.begun += 1;
        state.jobs.push_back(job);
        drop(state);
        self.wake();
        Ok(())
    }
}

/// Does jobs until that is ended; `workers` is where each worker gets its own back.
pub(crate) async fn serve(world: World, offload: Arc<SimOffload>, workers: Vec<SimSender<Box<Job>>>) {
    loop {
        let job = poll_fn(|context| {
            let mut state = offload.state();
            let job = state.jobs.pop_front();
            if job.is_some() || state.is_over {
                return Poll::Ready(job);
            }
            state.waiting = Some(context.waker().clone());
            Poll::Pending
        });
        let Some(mut job) = job.await else { return };
        let (world, worker) = (world.clone(), workers[job.worker].clone());
        world.clone().spawn(async move {
            world.sleep(world.random().below(JOB_NANOS_MAX)).await;
            job.run();
            worker.send(job);
        });
    }
}
