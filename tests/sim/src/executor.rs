//! A deterministic single-thread executor with a virtual clock.
//!
//! Which woken task is polled next is drawn from the seed. When none is woken the clock jumps to the next timer; when
//! there is none either, nothing can ever happen again and the run ends, whoever still waits.
//!
//! Bound: [`POLLS_MAX`] polls at one instant, then the run panics: somebody is busy-waiting.

use crate::Random;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

/// Most polls without the clock moving.
const POLLS_MAX: u32 = 1_000_000;

/// Numbers of woken tasks. A waker must be `Send`, hence the lock; there is one thread.
type Woken = Arc<Mutex<Vec<u64>>>;

#[derive(Default)]
pub(crate) struct Executor {
    /// `None` while the task is being polled.
    tasks: RefCell<BTreeMap<u64, Option<Task>>>,
    woken: Woken,
    /// By nanoseconds, then in order of creation.
    timers: RefCell<BTreeMap<TimerKey, Box<dyn FnOnce()>>>,
    now: Cell<u64>,
    /// The last number given to a task or timer.
    last: Cell<u64>,
    /// The task being polled, 0 outside of all.
    running: Cell<u64>,
}

/// When a timer fires (nanoseconds) and its number.
pub(crate) type TimerKey = (u64, u64);

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Arc<TaskWaker>,
}

struct TaskWaker {
    task: u64,
    /// Already among the woken.
    queued: AtomicBool,
    woken: Woken,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.woken.lock().unwrap_or_else(PoisonError::into_inner).push(self.task);
        }
    }
}

impl Executor {
    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    pub(crate) fn running(&self) -> u64 {
        self.running.get()
    }

    /// Tasks that have not ended.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.borrow().len()
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let task = self.number();
        let waker = Arc::new(TaskWaker { task, queued: AtomicBool::new(false), woken: self.woken.clone() });
        waker.clone().wake();
        self.tasks.borrow_mut().insert(task, Some(Task { future: Box::pin(future), waker }));
    }

    /// Calls `event` when the clock reaches `at` (nanoseconds).
    pub(crate) fn call_at(&self, at: u64, event: impl FnOnce() + 'static) -> TimerKey {
        let key = (at.max(self.now()), self.number());
        self.timers.borrow_mut().insert(key, Box::new(event));
        key
    }

    pub(crate) fn cancel(&self, key: TimerKey) {
        self.timers.borrow_mut().remove(&key);
    }

    /// Runs until nothing can happen any more, or until the clock would pass `deadline` (nanoseconds).
    pub(crate) fn run_until(&self, deadline: u64, random: &Random) {
        loop {
            let mut polls = 0;
            while let Some(task) = self.draw(random) {
                self.poll(task);
                polls += 1;
                assert!(polls < POLLS_MAX, "task {task} polls without end at {} ns", self.now());
            }
            let next = self.timers.borrow().first_key_value().map(|(&(at, _), _)| at);
            match next {
                Some(at) if at <= deadline => self.fire(at),
                Some(_) => return self.now.set(deadline),
                None => return,
            }
        }
    }

    /// Whether no task is woken and no timer set.
    pub(crate) fn is_idle(&self) -> bool {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).is_empty() && self.timers.borrow().is_empty()
    }

    /// Drops every task and timer.
    pub(crate) fn clear(&self) {
        // Out of the cells first: what is dropped may come back here.
        let (tasks, timers) = (self.tasks.take(), self.timers.take());
        drop((tasks, timers));
    }

    fn number(&self) -> u64 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }

    fn draw(&self, random: &Random) -> Option<u64> {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        (!woken.is_empty()).then(|| random.index(woken.len())).map(|at| woken.swap_remove(at))
    }

    fn poll(&self, number: u64) {
        let Some(mut task) = self.tasks.borrow_mut().get_mut(&number).and_then(Option::take) else {
            return;
        };
        task.waker.queued.store(false, Ordering::Relaxed);
        let waker = Waker::from(task.waker.clone());
        self.running.set(number);
        let ended = task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        if ended {
            drop(task);
            self.tasks.borrow_mut().remove(&number);
        } else if let Some(slot) = self.tasks.borrow_mut().get_mut(&number) {
            *slot = Some(task);
        }
        self.running.set(0);
    }

    /// Moves the clock to `at` and fires all timers of that instant, so that the seed decides who goes first.
    fn fire(&self, at: u64) {
        self.now.set(at);
        loop {
            let due = self.timers.borrow().first_key_value().map(|(&key, _)| key).filter(|key| key.0 <= at);
            let event = due.and_then(|key| self.timers.borrow_mut().remove(&key));
            let Some(event) = event else {
                return;
            };
            event();
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Executor({} tasks at {} ns)", self.tasks(), self.now())
    }
}
