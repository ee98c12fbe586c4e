//! io_uring: registrations are multishot polls, and a turn is one `io_uring_enter`.
//!
//! What the kernel is given of ours is one timespec, which lives as long as the ring. Entries that find the submission
//! queue full wait for the next turn, in order.

use super::{EVENTS, Event};
use crate::{clock::Clock, preflight::uring_support};
use io_uring::{
    IoUring, cqueue, opcode,
    squeue::Entry,
    types::{Fd, Timespec},
};
use std::{collections::VecDeque, io, os::fd::RawFd};
use tollgate_io::Instant;

/// Completion queue entries for each submission queue entry. When they are full the kernel ends registrations, which are then
/// made again.
const COMPLETIONS: u32 = 16;

/// User data of what needs no answer; others are the keys of registrations.
const NOTHING: u64 = u64::MAX;
const TIMEOUT: u64 = u64::MAX - 1;

/// `IORING_ENTER_GETEVENTS`: run what completed, and wait for as many completions as asked.
const GETEVENTS: u32 = 1;

pub(crate) struct UringPoller {
    ring: IoUring,
    /// What the kernel reads when a timeout is submitted.
    timespec: Box<Timespec>,
    /// When the nearest timeout the kernel has will fire.
    timeout_at: Instant,
    /// Entries that found no room.
    waiting: VecDeque<Entry>,
}

impl UringPoller {
    /// With so many submission queue entries; a longer batch waits for the next turn.
    pub(super) fn new(entries: u32) -> io::Result<Self> {
        let ring = uring_support()?.build(entries, COMPLETIONS * entries)?;
        Ok(Self { ring, timespec: Box::default(), timeout_at: Instant::NEVER, waiting: VecDeque::new() })
    }

    pub(super) fn register(&mut self, fd: RawFd, key: usize) {
        self.push(opcode::PollAdd::new(Fd(fd), EVENTS).multi(true).build().user_data(key as u64));
    }

    pub(super) fn deregister(&mut self, key: usize) {
        // Not a poll removal, which fails while an event of the poll is on its way.
        self.push(opcode::AsyncCancel::new(key as u64).build().user_data(NOTHING));
    }

    pub(super) fn poll(
        &mut self,
        wait: bool,
        until: Instant,
        clock: &Clock,
        note: impl FnMut(Event),
    ) -> io::Result<bool> {
        if until < self.timeout_at {
            self.arm_timeout(until, clock);
        }
        self.enter(wait && self.waiting.is_empty())?;
        while self.waiting.front().is_some_and(|entry| try_push(&mut self.ring, entry)) {
            self.waiting.pop_front();
        }
        let is_due = self.reap(note);
        // A timeout that a nearer one has overtaken fires for nothing.
        if is_due && self.timeout_at <= clock.now() {
            self.timeout_at = Instant::NEVER;
        }
        Ok(is_due)
    }

    /// One timeout serves many waits: setting one for each would cost more than the wait.
    fn arm_timeout(&mut self, at: Instant, clock: &Clock) {
        // An entry not submitted yet then reads the nearer time: it fires early, which is harmless.
        *self.timespec = Timespec::from(at.since(clock.now()));
        self.timeout_at = at;
        self.push(opcode::Timeout::new(&raw const *self.timespec).build().user_data(TIMEOUT));
    }

    fn enter(&mut self, wait: bool) -> io::Result<()> {
        let count = self.ring.submission().len() as u32;
        // SAFETY: every submitted entry was judged by `try_push`, and no argument is passed.
        match unsafe { self.ring.submitter().enter::<libc::sigset_t>(count, wait.into(), GETEVENTS, None) } {
            Ok(_) => Ok(()),
            // Interrupted, or completions have to be taken first: the next turn goes on.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EBUSY | libc::EAGAIN)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn push(&mut self, entry: Entry) {
        if !self.waiting.is_empty() || !try_push(&mut self.ring, &entry) {
            self.waiting.push_back(entry);
        }
    }

    /// Says whether a timeout was among the completions.
    fn reap(&mut self, mut note: impl FnMut(Event)) -> bool {
        let mut is_due = false;
        for completion in self.ring.completion() {
            match completion.user_data() {
                NOTHING => {}
                TIMEOUT => is_due = true,
                key => note(Event {
                    key: key as usize,
                    events: u32::try_from(completion.result()).map_err(|_| -completion.result()),
                    has_ended: !cqueue::more(completion.flags()),
                }),
            }
        }
        is_due
    }
}

fn try_push(ring: &mut IoUring, entry: &Entry) -> bool {
    // SAFETY: polls and cancellations carry no memory; a timeout's timespec is on the heap, owned beside the ring, and
    // read by the kernel during `enter` at the latest.
    unsafe { ring.submission().push(entry) }.is_ok()
}
