//! A lock that nobody waits for: who does not get it goes on.

use super::sync::{AtomicBool, Ordering};

#[derive(Debug, Default)]
pub(crate) struct TryLock(AtomicBool);

/// The lock, held until it is dropped.
pub(crate) struct TryGuard<'l>(&'l AtomicBool);

impl TryLock {
    /// The lock, unless somebody has it. Whoever had it before has done what it did before.
    pub(crate) fn try_lock(&self) -> Option<TryGuard<'_>> {
        (!self.0.swap(true, Ordering::Acquire)).then(|| TryGuard(&self.0))
    }
}

impl Drop for TryGuard<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
