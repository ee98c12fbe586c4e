//! The registered descriptors and sleepers of one thread, and whom an event wakes.
//!
//! Between [`crate::poller`], which tells of events, and [`crate::source`], which tries transfers on their word. A
//! registration outlives its owner until the kernel has let go of it, so that its key names nothing else meanwhile.

use crate::{
    clock::Clock,
    poller::{Driver, Event, Poller},
    source::Readiness,
    timers::Timers,
};
use slab::Slab;
use std::{
    cell::{Cell, RefCell, RefMut},
    io,
    os::fd::RawFd,
};

pub(crate) struct Reactor {
    /// How often the kernel was asked.
    turns: Cell<u32>,
    poller: RefCell<Poller>,
    timers: RefCell<Timers>,
    registrations: RefCell<Slab<Registration>>,
}

#[repr(align(32))]
struct Registration {
    readiness: Readiness,
    fd: RawFd,
    /// Whether the kernel has it.
    is_armed: bool,
    /// Not once its owner is gone; the entry stays until the kernel has let go of it.
    is_owned: bool,
}

const _: () = assert!(size_of::<Option<Registration>>() == 32, "an event touches half a cache line of ours");

impl Reactor {
    /// # Errors
    /// The driver is refused.
    pub(crate) fn new(driver: Driver, ring_entries: u32) -> io::Result<Self> {
        Ok(Self {
            // So that what is told first of a descriptor is of no turn behind a read.
            turns: Cell::new(1),
            poller: RefCell::new(Poller::new(driver, ring_entries)?),
            timers: RefCell::default(),
            registrations: RefCell::default(),
        })
    }

    pub(crate) fn timers(&self) -> RefMut<'_, Timers> {
        self.timers.borrow_mut()
    }

    /// The number of this turn.
    pub(crate) const fn turns(&self) -> u32 {
        self.turns.get()
    }

    /// Has every change of `fd` noted until it is deregistered; returns its key.
    pub(crate) fn register(&self, fd: RawFd) -> io::Result<u32> {
        let mut registrations = self.registrations.borrow_mut();
        let entry = registrations.vacant_entry();
        self.poller.borrow_mut().register(fd, entry.key())?;
        // There is no more of them than of descriptors.
        let key = entry.key() as u32;
        entry.insert(Registration { readiness: Readiness::NOTHING, fd, is_armed: true, is_owned: true });
        Ok(key)
    }

    /// What is known of a registered descriptor.
    pub(crate) fn readiness(&self, key: u32) -> RefMut<'_, Readiness> {
        RefMut::map(self.registrations.borrow_mut(), |registrations| &mut registrations[key as usize].readiness)
    }

    /// Ends that. With io_uring the kernel holds on to the open file until the next turn.
    pub(crate) fn deregister(&self, key: u32) {
        let key = key as usize;
        let mut registrations = self.registrations.borrow_mut();
        let registration = &mut registrations[key];
        registration.is_owned = false;
        if !registration.is_armed || self.poller.borrow_mut().deregister(registration.fd, key) {
            registrations.remove(key);
        }
    }

    /// Waits for an event if `wait`, and wakes the tasks of all events there are.
    pub(crate) fn turn(&self, wait: bool, clock: &Clock) -> io::Result<()> {
        let turn = self.turns.get().wrapping_add(1);
        self.turns.set(turn);
        let until = self.timers.borrow().next();
        let mut again = Vec::new();
        let mut registrations = self.registrations.borrow_mut();
        let mut poller = self.poller.borrow_mut();
        let is_due = poller.poll(wait, until, clock, |event| again.extend(note(&mut registrations, &event, turn)))?;
        for (fd, key) in again {
            poller.register(fd, key)?;
        }
        if is_due {
            self.timers.borrow_mut().wake_due(clock.now());
        }
        Ok(())
    }
}

/// Notes one event. Gives the registration that has to be made again, if it ended and is still wanted.
fn note(registrations: &mut Slab<Registration>, event: &Event, turn: u32) -> Option<(RawFd, usize)> {
    let registration = &mut registrations[event.key];
    if !registration.is_owned {
        if event.has_ended {
            registrations.remove(event.key);
        }
        return None;
    }
    match event.events {
        Ok(events) => registration.readiness.note(events, turn),
        Err(error) => registration.readiness.fail(error),
    }
    registration.is_armed = !event.has_ended || event.events.is_ok();
    (event.has_ended && registration.is_armed).then_some((registration.fd, event.key))
}
