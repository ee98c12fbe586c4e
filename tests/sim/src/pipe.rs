//! One direction of a link: bytes under way, bytes arrived, and how it ended.
//!
//! Bounded by the capacity its owner passes to [`Pipe::room`]: a writer that finds none waits, which is backpressure.
//! Knows nothing of time; the link calls [`Pipe::arrive`] when a segment's time has come.

use std::{collections::VecDeque, task::Waker};
use tollgate_io::Peek;

#[derive(Debug, Default)]
pub(crate) struct Pipe {
    arrived: VecDeque<u8>,
    under_way: usize,
    /// The writer has said that no more comes.
    pub(crate) closed: bool,
    /// The reader knows that no more comes.
    finished: bool,
    /// Reset: what was under way is lost, what had arrived can still be read.
    broken: bool,
    /// Nobody will read again.
    abandoned: bool,
    /// When the last segment arrives (nanoseconds); the next may not overtake it.
    pub(crate) arrives_last: u64,
    /// Readers and writers alike: each change wakes all of them.
    waiting: Vec<Waker>,
}

impl Pipe {
    /// What a reader finds.
    pub(crate) fn peek(&self) -> Peek {
        match (self.arrived.is_empty(), self.broken, self.finished) {
            (false, ..) => Peek::Bytes,
            (_, true, _) => Peek::Broken,
            (.., true) => Peek::Finished,
            _ => Peek::Silent,
        }
    }

    /// Arrived bytes.
    pub(crate) fn available(&self) -> usize {
        self.arrived.len()
    }

    /// Bytes sent and not received.
    pub(crate) fn queued(&self) -> usize {
        self.arrived.len() + self.under_way
    }

    /// How many bytes a writer may put now, of `capacity` at most; `None` if never again.
    pub(crate) fn room(&self, capacity: usize) -> Option<usize> {
        (!self.broken && !self.closed && !self.abandoned).then(|| capacity.saturating_sub(self.queued()))
    }

    /// Counts bytes that will [`Pipe::arrive`].
    pub(crate) fn depart(&mut self, count: usize) {
        self.under_way += count;
    }

    pub(crate) fn arrive(&mut self, bytes: &[u8]) {
        if !self.broken && !self.abandoned {
            self.under_way -= bytes.len();
            self.arrived.extend(bytes);
            self.wake();
        }
    }

    /// Moves the first arrived bytes into `to`, which there are enough to fill.
    pub(crate) fn take(&mut self, to: &mut [u8]) {
        let (front, back) = self.arrived.as_slices();
        let (to_front, to_back) = to.split_at_mut(front.len().min(to.len()));
        to_front.copy_from_slice(&front[..to_front.len()]);
        to_back.copy_from_slice(&back[..to_back.len()]);
        self.arrived.drain(..to.len());
        self.wake();
    }

    /// The reader learns that no more comes.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
        self.wake();
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.wake();
    }

    pub(crate) fn reset(&mut self) {
        self.broken = true;
        self.under_way = 0;
        self.wake();
    }

    /// The reader has gone.
    pub(crate) fn abandon(&mut self) {
        self.abandoned = true;
        self.under_way = 0;
        self.arrived.clear();
        self.wake();
    }

    pub(crate) fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|waiting| waiting.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    pub(crate) fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }
}
