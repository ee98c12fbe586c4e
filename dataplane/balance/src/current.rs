//! What is current of something immutable that is replaced as a whole, with a number that says whether one has the current
//! one: reading the number writes to nothing that threads share.

use super::sync::{Arc, ArcSwap, AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Current<T> {
    value: ArcSwap<T>,
    /// Never of a value that is not there yet.
    version: AtomicU64,
}

impl<T> Current<T> {
    pub(crate) fn new(value: Arc<T>, version: u64) -> Self {
        Self { value: ArcSwap::new(value), version: AtomicU64::new(version) }
    }

    /// Whoever has the value of this version, or of a later one, has what was current when it asked.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn value(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Takes the place of what is current. One thread at a time.
    pub(crate) fn replace(&self, value: Arc<T>, version: u64) {
        self.value.store(value);
        self.version.store(version, Ordering::Release);
    }
}
