//! Where passwords are hashed: a few threads at a time, each for one password, which yield to the workers of the gateway.
//!
//! ```text
//! full -> Busy, told to come again        else: wait for a turn -> a thread that runs when no other would -> the hash
//! ```
//!
//! A thread costs a thousandth of what it does, so none is kept. Neither a thread of the runtime nor one that writes waits
//! inside of a transaction for it.

use crate::limits::{HASHES_MAX, HASHES_WAITING_MAX};
use std::{sync::Arc, thread};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::{Semaphore, oneshot};

/// SCHED_IDLE (sched(7)): whoever else wants the CPU has it at once. A mere `nice` runs its slice to the end, which is more than a
/// request takes.
const IDLE: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);

/// Bounds what is hashed at one time.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// There are too many already, or no thread for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

impl Hasher {
    pub(crate) fn new() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(HASHES_MAX)),
            waiting: Arc::new(Semaphore::new(HASHES_MAX + HASHES_WAITING_MAX)),
        }
    }

    /// Takes nothing any more.
    #[cfg(test)]
    pub(crate) fn close(&self) {
        self.turns.close();
    }

    /// Runs `work` on a thread of its own when it is its turn.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _place = self.waiting.clone().try_acquire_owned().map_err(|_| Busy)?;
        // Goes with the thread: a caller who has left does not make room for another before the work is done.
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| Busy)?;
        let (tell, told) = oneshot::channel();
        let thread = thread::Builder::new().name("tollgate-hash".to_owned());
        let started = thread.spawn(move || {
            let _turn = turn;
            // Where it is refused, hashing goes on as it is.
            let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, IDLE);
            let _ = tell.send(work());
        });
        started.map_err(|_| Busy)?;
        told.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    };
    use tokio::{runtime::Builder, task::yield_now};

    #[test]
    fn no_more_at_a_time_than_there_are_turns_and_a_full_house_is_told() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        runtime.block_on(async {
            let hasher = Hasher::new();
            let (mut all, asked, all_have_asked) =
                (Vec::new(), Arc::new(AtomicUsize::new(0)), Arc::new(OnceLock::new()));
            for _ in 0..HASHES_MAX + HASHES_WAITING_MAX + 3 {
                let (hasher, now, most) = (hasher.clone(), now.clone(), most.clone());
                let (asked, all_have_asked) = (asked.clone(), all_have_asked.clone());
                all.push(tokio::spawn(async move {
                    asked.fetch_add(1, Ordering::SeqCst);
                    let work = move || {
                        // Nobody is done before the last one has come.
                        all_have_asked.wait();
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    };
                    hasher.run(work).await
                }));
            }
            while asked.load(Ordering::SeqCst) < all.len() {
                yield_now().await;
            }
            all_have_asked.set(()).unwrap();
            let mut busy = 0;
            for one in all {
                busy += usize::from(one.await.unwrap() == Err(Busy));
            }
            assert_eq!(busy, 3);
        });
        assert!((1..=HASHES_MAX).contains(&most.load(Ordering::SeqCst)));
    }

    #[test]
    fn its_threads_yield() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let policy = || thread_priority::thread_schedule_policy().unwrap();
        let before = policy();
        let there = runtime.block_on(Hasher::new().run(policy)).unwrap();
        assert_eq!((there, policy()), (IDLE, before));
        assert_ne!(before, IDLE);
    }
}
