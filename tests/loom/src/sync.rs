//! What the files under test get as their `sync`: loom's atomics, and stand-ins for what is built of atomics elsewhere.
//!
//! A stand-in promises no more than what it stands for: a queue here has no order and may miss what nothing makes visible,
//! so that what holds with it holds with crossbeam's. Values lie in locks of the standard library, which are never
//! contended: loom runs one thread at a time, and none is stopped within a lock.

use loom::sync::{
    Mutex,
    atomic::{
        AtomicU8, AtomicU64 as Number,
        Ordering::{Acquire, Relaxed, Release},
    },
};
use std::{fmt, sync as plain};

pub(crate) use crossbeam::utils::CachePadded;
pub(crate) use loom::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence},
    },
    thread::Thread,
};

/// Parking, without the time after which it ends by itself: whoever relies on that alone is stuck here.
pub(crate) mod thread {
    pub(crate) use loom::thread::{current, park};

    pub(crate) fn park_timeout(_: std::time::Duration) {
        park();
    }
}

/// loom's, which [`AtomicU64::new`] makes when it is first touched, so that it can stand in constants: a model touches it
/// before there is a second thread.
pub(crate) struct AtomicU64 {
    first: u64,
    made: plain::OnceLock<Number>,
}

impl AtomicU64 {
    pub(crate) const fn new(first: u64) -> Self {
        Self { first, made: plain::OnceLock::new() }
    }

    fn made(&self) -> &Number {
        self.made.get_or_init(|| Number::new(self.first))
    }

    pub(crate) fn load(&self, ordering: Ordering) -> u64 {
        self.made().load(ordering)
    }

    pub(crate) fn store(&self, value: u64, ordering: Ordering) {
        self.made().store(value, ordering);
    }

    pub(crate) fn swap(&self, value: u64, ordering: Ordering) -> u64 {
        self.made().swap(value, ordering)
    }

    pub(crate) fn fetch_add(&self, value: u64, ordering: Ordering) -> u64 {
        self.made().fetch_add(value, ordering)
    }

    pub(crate) fn fetch_max(&self, value: u64, ordering: Ordering) -> u64 {
        self.made().fetch_max(value, ordering)
    }

    pub(crate) fn compare_exchange(&self, old: u64, new: u64, set: Ordering, fetch: Ordering) -> Result<u64, u64> {
        self.made().compare_exchange(old, new, set, fetch)
    }
}

impl Default for AtomicU64 {
    fn default() -> Self {
        Self { first: 0, made: Number::new(0).into() }
    }
}

impl fmt::Debug for AtomicU64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtomicU64")
    }
}

/// Swapped as a whole. Every access of crossbeam's that is used is a swap, which always meets the last value, as a lock does.
pub(crate) struct AtomicCell<T>(Mutex<T>);

impl<T: Default> Default for AtomicCell<T> {
    fn default() -> Self {
        Self(Mutex::new(T::default()))
    }
}

impl<T: Default> AtomicCell<T> {
    /// For the file's own test, which is compiled here and not run.
    pub(crate) const fn is_lock_free() -> bool {
        false
    }

    pub(crate) fn swap(&self, value: T) -> T {
        std::mem::replace(&mut *self.0.lock().expect("nobody panics with it"), value)
    }

    pub(crate) fn take(&self) -> T {
        self.swap(T::default())
    }
}

/// Set once; who comes too early waits.
pub(crate) struct OnceLock<T> {
    value: plain::OnceLock<T>,
    is_set: AtomicBool,
    setting: Mutex<()>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { value: plain::OnceLock::new(), is_set: AtomicBool::new(false), setting: Mutex::new(()) }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.is_set.load(Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let _guard = self.setting.lock().expect("nobody panics with it");
        if self.value.get().is_none() {
            let _ = self.value.set(make());
            self.is_set.store(true, Release);
        }
        self.value.get().expect("it is set now")
    }
}

impl<T> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnceLock")
    }
}

/// A pointer that is replaced: who loads it may still see the one before, unless something makes the new one visible.
#[derive(Debug)]
pub(crate) struct ArcSwap<T> {
    all: plain::Mutex<Vec<Arc<T>>>,
    current: AtomicUsize,
}

impl<T> ArcSwap<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self { all: plain::Mutex::new(vec![value]), current: AtomicUsize::new(0) }
    }

    pub(crate) fn load_full(&self) -> Arc<T> {
        let current = self.current.load(Acquire);
        self.all.lock().expect("never contended")[current].clone()
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        let mut all = self.all.lock().expect("never contended");
        all.push(value);
        let last = all.len() - 1;
        drop(all);
        self.current.store(last, Release);
    }
}

const EMPTY: u8 = 0;
const BUSY: u8 = 1;
const FULL: u8 = 2;

/// A queue without an order, and without a fence of its own.
pub(crate) struct ArrayQueue<T>(Box<[(AtomicU8, plain::Mutex<Option<T>>)]>);

impl<T> ArrayQueue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self((0..capacity).map(|_| (AtomicU8::new(EMPTY), plain::Mutex::new(None))).collect())
    }

    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        for (state, spot) in &self.0 {
            if state.compare_exchange(EMPTY, BUSY, Acquire, Relaxed).is_ok() {
                *spot.lock().expect("never contended") = Some(value);
                state.store(FULL, Release);
                return Ok(());
            }
        }
        Err(value)
    }

    pub(crate) fn pop(&self) -> Option<T> {
        for (state, spot) in &self.0 {
            if state.compare_exchange(FULL, BUSY, Acquire, Relaxed).is_ok() {
                let value = spot.lock().expect("never contended").take();
                state.store(EMPTY, Release);
                return value;
            }
        }
        None
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().filter(|(state, _)| state.load(Relaxed) == FULL).count()
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl<T> fmt::Debug for ArrayQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArrayQueue")
    }
}

/// A queue that is never full within a model.
#[derive(Debug)]
pub(crate) struct SegQueue<T>(ArrayQueue<T>);

impl<T> Default for SegQueue<T> {
    fn default() -> Self {
        Self(ArrayQueue::new(4))
    }
}

impl<T> SegQueue<T> {
    pub(crate) fn push(&self, value: T) {
        assert!(self.0.push(value).is_ok(), "a model puts no more than 4");
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.0.pop()
    }
}
