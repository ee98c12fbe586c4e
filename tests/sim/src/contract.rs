//! The worker's side of the seam's contract, asserted: one operation of a kind at a time, none dropped in flight.
//!
//! On a ring a breach loses bytes or frees memory the kernel still writes to; here it is a panic that names it.

use crate::World;
use std::{cell::Cell, thread};

/// An operation the driver has been given and has not completed. An operation begins with the first poll.
#[derive(Debug)]
pub(crate) struct InFlight<'a> {
    world: World,
    busy: &'a Cell<bool>,
    what: &'static str,
    completed: bool,
}

impl<'a> InFlight<'a> {
    pub(crate) fn begin(world: &World, busy: &'a Cell<bool>, what: &'static str) -> Self {
        assert!(!busy.replace(true), "two of {what} in flight at once");
        Self { world: world.clone(), busy, what, completed: false }
    }

    pub(crate) fn complete(mut self) {
        self.completed = true;
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.busy.set(false);
        if !self.completed && !self.world.ending() && !thread::panicking() {
            panic!("dropped {} in flight", self.what);
        }
    }
}
