//! The ring: registrations, one timeout, and the one system call of a turn.
//!
//! What the kernel is given of ours is one timespec, which lives as long as the ring. Entries that find the submission
//! queue full wait for the next turn, in order.

use super::{
    source::{EVENTS, Readiness},
    timers::Timers,
};
use crate::{clock::Clock, preflight::uring_support};
use io_uring::{
    IoUring, cqueue, opcode,
    squeue::Entry,
    types::{Fd, Timespec},
};
use slab::Slab;
use std::{
    cell::{Cell, RefCell, RefMut},
    collections::VecDeque,
    io,
    os::fd::RawFd,
    rc::Rc,
};
use tollgate_io::Instant;

/// Submission queue entries; a longer batch waits for the next turn.
const ENTRIES: u32 = 1024;

/// Completion queue entries. When they are full the kernel ends registrations, which are then made again.
const COMPLETIONS: u32 = 16 * ENTRIES;

/// User data of what needs no answer; others are the keys of registrations.
const NOTHING: u64 = u64::MAX;
const TIMEOUT: u64 = u64::MAX - 1;

/// `IORING_ENTER_GETEVENTS`: run what completed, and wait for as many completions as asked.
const GETEVENTS: u32 = 1;

pub(super) struct Reactor {
    ring: RefCell<IoUring>,
    /// What the kernel reads when a timeout is submitted.
    timeout: Box<Cell<Timespec>>,
    /// When the nearest timeout the kernel has will fire.
    timeout_at: Cell<Instant>,
    timers: RefCell<Timers>,
    registrations: RefCell<Slab<Registration>>,
    /// Entries that found no room.
    waiting: RefCell<VecDeque<Entry>>,
}

struct Registration {
    fd: RawFd,
    /// `None` once its owner is gone; the entry stays until the kernel has let go of it.
    readiness: Option<Rc<Readiness>>,
    /// Whether the kernel has it.
    is_armed: bool,
}

impl Reactor {
    /// # Errors
    /// io_uring is refused, or older than Linux 5.13.
    pub(super) fn new() -> io::Result<Self> {
        let ring = uring_support()?.build(ENTRIES, COMPLETIONS)?;
        // Multishot polls came with Linux 5.13, and so did this feature, which can be asked for.
        if !ring.params().is_feature_resource_tagging() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "io_uring without multishot polls (Linux 5.13)"));
        }
        Ok(Self {
            ring: RefCell::new(ring),
            timeout: Box::new(Cell::new(Timespec::new())),
            timeout_at: Cell::new(Instant::NEVER),
            timers: RefCell::default(),
            registrations: RefCell::default(),
            waiting: RefCell::default(),
        })
    }

    pub(super) fn timers(&self) -> RefMut<'_, Timers> {
        self.timers.borrow_mut()
    }

    /// Has the kernel report every change of `fd` until it is deregistered; returns its key.
    pub(super) fn register(&self, fd: RawFd, readiness: Rc<Readiness>) -> usize {
        let key =
            self.registrations.borrow_mut().insert(Registration { fd, readiness: Some(readiness), is_armed: true });
        self.push(poll(fd, key as u64));
        key
    }

    /// Ends the reports. The kernel holds on to the open file until the next turn.
    pub(super) fn deregister(&self, key: usize) {
        let mut registrations = self.registrations.borrow_mut();
        if registrations[key].is_armed {
            registrations[key].readiness = None;
            // Not a poll removal, which fails while an event of the poll is on its way.
            self.push(opcode::AsyncCancel::new(key as u64).build().user_data(NOTHING));
        } else {
            registrations.remove(key);
        }
    }

    /// Submits what is queued, waits for an event if `wait`, and wakes the tasks of all events there are.
    pub(super) fn turn(&self, wait: bool, clock: &Clock) -> io::Result<()> {
        self.arm_timeout(clock);
        self.enter(wait && self.waiting.borrow().is_empty())?;
        self.submit_waiting();
        self.reap(clock);
        Ok(())
    }

    fn enter(&self, wait: bool) -> io::Result<()> {
        let mut ring = self.ring.borrow_mut();
        let count = ring.submission().len() as u32;
        // SAFETY: every submitted entry was judged by `push`, and no argument is passed.
        match unsafe { ring.submitter().enter::<libc::sigset_t>(count, wait.into(), GETEVENTS, None) } {
            Ok(_) => Ok(()),
            // Interrupted, or completions have to be taken first: the next turn goes on.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EBUSY | libc::EAGAIN)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn arm_timeout(&self, clock: &Clock) {
        let next = self.timers.borrow().next();
        if next >= self.timeout_at.get() {
            return;
        }
        let wait = next.since(clock.now());
        // An entry that was not submitted yet then reads the nearer time: it fires early, which is harmless.
        self.timeout.set(Timespec::from(wait));
        self.timeout_at.set(next);
        self.push(opcode::Timeout::new(self.timeout.as_ptr()).build().user_data(TIMEOUT));
    }

    fn push(&self, entry: Entry) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.is_empty() || !self.try_push(&entry) {
            waiting.push_back(entry);
        }
    }

    fn try_push(&self, entry: &Entry) -> bool {
        // SAFETY: polls and their removal carry no memory; the timeout's timespec is on the heap, owned by `self`, and
        // read by the kernel during `enter` at the latest.
        unsafe { self.ring.borrow_mut().submission().push(entry) }.is_ok()
    }

    fn submit_waiting(&self) {
        let mut waiting = self.waiting.borrow_mut();
        while waiting.front().is_some_and(|entry| self.try_push(entry)) {
            waiting.pop_front();
        }
    }

    fn reap(&self, clock: &Clock) {
        let mut again = VecDeque::new();
        let mut ring = self.ring.borrow_mut();
        let mut registrations = self.registrations.borrow_mut();
        for completion in ring.completion() {
            match completion.user_data() {
                NOTHING => {}
                TIMEOUT => self.wake_due(clock.now()),
                key => {
                    let has_ended = !cqueue::more(completion.flags());
                    again.extend(note(&mut registrations, key as usize, completion.result(), has_ended));
                }
            }
        }
        drop(ring);
        again.into_iter().for_each(|entry| self.push(entry));
    }

    fn wake_due(&self, now: Instant) {
        // A timeout that a nearer one has overtaken fires for nothing.
        if self.timeout_at.get() <= now {
            self.timeout_at.set(Instant::NEVER);
        }
        self.timers.borrow_mut().wake_due(now);
    }
}

/// Notes one completion of a registration. Gives the entry to register it again, if it ended and is still wanted.
fn note(registrations: &mut Slab<Registration>, key: usize, result: i32, has_ended: bool) -> Option<Entry> {
    let registration = &mut registrations[key];
    let Some(readiness) = &registration.readiness else {
        if has_ended {
            registrations.remove(key);
        }
        return None;
    };
    match u32::try_from(result) {
        Ok(events) => readiness.note(events),
        Err(_) => readiness.fail(-result),
    }
    registration.is_armed = !has_ended || result >= 0;
    (has_ended && result >= 0).then(|| poll(registration.fd, key as u64))
}

fn poll(fd: RawFd, key: u64) -> Entry {
    opcode::PollAdd::new(Fd(fd), EVENTS).multi(true).build().user_data(key)
}
