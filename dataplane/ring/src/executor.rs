//! The tasks of one thread and the queue of those that are ready.
//!
//! A waker is the number of a task and of its executor: waking is a store and a push, with nothing to count. Wakers never
//! cross threads; one that does panics there instead of being lost. Per turn at most [`Tuning::turn_tasks`] tasks are polled,
//! and one poll makes at most [`Tuning::task_transfers`] transfers, so that no connection keeps the others waiting.

use crate::thread::Tuning;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    pin::Pin,
    ptr,
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, RawWaker, RawWakerVTable, Waker},
};

type Task = Pin<Box<dyn Future<Output = ()>>>;

pub(crate) struct Executor {
    tasks: RefCell<Tasks>,
    transfers_left: Cell<u32>,
    /// Of one task.
    transfers_max: u32,
    /// Tasks polled before the ring is looked at again.
    polls_max: usize,
    /// Whether the last turn had anything to poll.
    has_polled: Cell<bool>,
}

/// By number.
#[derive(Default)]
struct Tasks {
    /// `None` while the task is being polled, and for those that are over.
    places: Vec<Option<Task>>,
    free: Vec<u32>,
}

impl Tasks {
    fn insert(&mut self, task: Task) -> u32 {
        if let Some(id) = self.free.pop() {
            self.places[id as usize] = Some(task);
            return id;
        }
        self.places.push(Some(task));
        self.places.len() as u32 - 1
    }

    /// Takes a task out, to be polled.
    fn take(&mut self, id: u32) -> Option<Task> {
        self.places.get_mut(id as usize)?.take()
    }
}

impl Executor {
    /// The executor of the calling thread. There is one at a time.
    pub(crate) fn new(tuning: &Tuning) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        READY.with_borrow_mut(|ready| *ready = Ready { number, ..Ready::NONE });
        Self {
            tasks: RefCell::default(),
            transfers_left: Cell::new(0),
            transfers_max: tuning.task_transfers,
            polls_max: tuning.turn_tasks,
            has_polled: Cell::new(false),
        }
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let id = self.tasks.borrow_mut().insert(Box::pin(task));
        READY.with_borrow_mut(|ready| ready.push(id));
    }

    /// Polls what is ready, to a bound. Says whether something still is.
    pub(crate) fn poll_ready(&self) -> bool {
        for polled in 0..self.polls_max {
            let Some((number, id)) = READY.with_borrow_mut(Ready::pop) else {
                self.has_polled.set(polled > 0);
                return false;
            };
            self.poll(number, id);
        }
        self.has_polled.set(true);
        READY.with_borrow(|ready| !ready.queue.is_empty())
    }

    /// Whether the last turn had anything to poll.
    pub(crate) fn has_polled(&self) -> bool {
        self.has_polled.get()
    }

    fn poll(&self, number: u32, id: u32) {
        // Gone or replaced since it was woken: then the wake is for nothing, which a future has to bear.
        let Some(mut task) = self.tasks.borrow_mut().take(id) else { return };
        self.transfers_left.set(self.transfers_max);
        let waker = waker(number, id);
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.tasks.borrow_mut().places[id as usize] = Some(task);
            return;
        }
        // Dropped before its number is free for another, and outside the borrow: what it owns may spawn.
        drop(task);
        self.tasks.borrow_mut().free.push(id);
    }

    /// Counts one transfer of the running task; says whether it still has a share of this turn.
    pub(crate) fn take_transfer(&self) -> bool {
        let left = self.transfers_left.get();
        self.transfers_left.set(left.saturating_sub(1));
        left > 0
    }

    /// Drops every task, and with them their descriptors.
    pub(crate) fn drop_tasks(&self) {
        loop {
            let tasks = self.tasks.take();
            if tasks.places.is_empty() {
                return;
            }
        }
    }
}

struct Ready {
    /// The executor's; wakers carry it.
    number: u32,
    queue: VecDeque<u32>,
    /// By task: whether it is in the queue.
    is_queued: Vec<bool>,
}

impl Ready {
    const NONE: Self = Self { number: u32::MAX, queue: VecDeque::new(), is_queued: Vec::new() };

    fn push(&mut self, id: u32) {
        let index = id as usize;
        if index >= self.is_queued.len() {
            self.is_queued.resize(index + 1, false);
        }
        if !std::mem::replace(&mut self.is_queued[index], true) {
            self.queue.push_back(id);
        }
    }

    fn pop(&mut self) -> Option<(u32, u32)> {
        let id = self.queue.pop_front()?;
        self.is_queued[id as usize] = false;
        Some((self.number, id))
    }
}

thread_local! {
    static READY: RefCell<Ready> = const { RefCell::new(Ready::NONE) };
}

fn waker(number: u32, id: u32) -> Waker {
    let data = ptr::without_provenance(((number as usize) << 32) | id as usize);
    // SAFETY: the data is a plain number that nothing owns and nothing reads through, so cloning and dropping it any
    // number of times, on any thread, is sound; `wake` keeps the contract by queueing the task or panicking.
    unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(|data| RawWaker::new(data, &VTABLE), wake, wake, |_| {});

/// A task that waits, in a quarter of a [`Waker`]'s size. Woken on its own thread, where whoever has this is, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiter(u32);

impl Waiter {
    pub(crate) const NOBODY: Self = Self(u32::MAX);

    /// The task that a context is of.
    ///
    /// # Panics
    /// If it is of another runtime, or of something between the task and its future that has wakers of its own.
    pub(crate) fn of(context: &Context<'_>) -> Self {
        assert!(
            ptr::eq(context.waker().vtable(), &VTABLE),
            "a descriptor is awaited by a task of its runtime, directly"
        );
        Self(context.waker().data().addr() as u32)
    }

    pub(crate) const fn is_nobody(self) -> bool {
        self.0 == Self::NOBODY.0
    }

    /// Wakes it, if it is somebody; nobody waits then.
    pub(crate) fn wake(&mut self) {
        let waiter = std::mem::replace(self, Self::NOBODY);
        if !waiter.is_nobody() {
            READY.with_borrow_mut(|ready| ready.push(waiter.0));
        }
    }
}

fn wake(data: *const ()) {
    let data = data.addr();
    READY.with_borrow_mut(|ready| {
        assert_eq!(ready.number as usize, data >> 32, "a waker was used on another thread than its own");
        ready.push(data as u32);
    });
}
