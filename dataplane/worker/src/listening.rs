//! A listening socket of a worker, and what its connections need to know of the listener behind it.
//!
//! A listener may be gone from the configuration, or have another socket, while connections of it are still open: they keep
//! this. They end with their next exchange.

use crate::{Program, state::Worker};
use std::{cell::Cell, rc::Rc};
use tollgate_io::{Io, Listener};

/// One listener of one worker.
pub(crate) struct Listening<L> {
    pub(crate) listener: L,
    /// In the snapshots that have it.
    pub(crate) slot: u32,
    /// Where it is counted.
    pub(crate) figures: u32,
    pub(crate) name: String,
    closed: Cell<bool>,
}

impl<L: Listener> Listening<L> {
    fn new<I: Io>(worker: &Worker<I>, program: &Program, slot: u32, listener: L) -> Self {
        let name = program.snapshot.listeners.get(slot).map(|listener| listener.name.clone()).unwrap_or_default();
        Self { listener, slot, figures: program.listener_figures(slot), name, closed: Cell::new(worker.is_draining()) }
    }

    /// Whether it takes no connections any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub(crate) fn close(&self) {
        if !self.closed.replace(true) {
            self.listener.close();
        }
    }
}

impl<I: Io> Worker<I> {
    /// Takes connections from these sockets as well, in the place of those with the same slot.
    pub(crate) fn listen(self: &Rc<Self>, sockets: Vec<(u32, I::Listener)>) {
        let program = self.program();
        for (slot, listener) in sockets {
            self.close_listeners(|listening| listening.slot == slot);
            let listening = Rc::new(Listening::new(self, &program, slot, listener));
            self.listeners.borrow_mut().push(listening.clone());
            self.io.spawn(crate::accept::accept(self.clone(), listening));
        }
    }

    /// The listener of this name, if it takes connections.
    pub(crate) fn listening(&self, name: &str) -> Option<Rc<Listening<I::Listener>>> {
        self.listeners.borrow().iter().find(|listening| listening.name == name).cloned()
    }

    /// Closes some listening sockets; connections that the kernel has completed for them are still served.
    pub(crate) fn close_listeners(&self, which: impl Fn(&Listening<I::Listener>) -> bool) {
        self.listeners.borrow_mut().retain(|listening| {
            if which(listening) {
                listening.close();
            }
            !listening.is_closed()
        });
    }
}
