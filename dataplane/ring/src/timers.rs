//! Sleepers of one thread, ordered by when they wake.

use crate::RingIo;
use std::{
    collections::BTreeMap,
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tollgate_io::{Instant, Io};

/// A handful at a time: a worker has one wheel and one sleep for it.
#[derive(Default)]
pub(crate) struct Timers {
    sleepers: BTreeMap<(Instant, u64), Waker>,
    count: u64,
}

impl Timers {
    pub(crate) fn next(&self) -> Instant {
        self.sleepers.first_key_value().map_or(Instant::NEVER, |((at, _), _)| *at)
    }

    /// Wakes who is due.
    pub(crate) fn wake_due(&mut self, now: Instant) {
        while let Some(first) = self.sleepers.first_entry().filter(|first| first.key().0 <= now) {
            first.remove().wake();
        }
    }
}

/// Completes at or after an instant.
pub(crate) struct Sleep {
    io: RingIo,
    at: Instant,
    /// Its key's second half, once it waits.
    id: Option<u64>,
}

impl Sleep {
    pub(crate) const fn new(io: RingIo, at: Instant) -> Self {
        Self { io, at, id: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.io.now() >= self.at {
            return Poll::Ready(());
        }
        let id = {
            let mut timers = self.io.reactor().timers();
            timers.count += 1;
            let id = self.id.unwrap_or(timers.count);
            timers.sleepers.insert((self.at, id), context.waker().clone());
            id
        };
        self.id = Some(id);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.io.reactor().timers().sleepers.remove(&(self.at, id));
        }
    }
}
