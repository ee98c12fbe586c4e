//! The connections of clients as the simulated cores of a gateway see them: how many are served at one time, and which were
//! closed without a look at them.
//!
//! A connection is *served* from the first operation on it until its stream is dropped. One whose stream is dropped before
//! that was *turned away*. What a worker counts plays no part in this, so that it can be held against it.

use crate::World;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
};

/// Connections of all clients of a run.
#[derive(Debug, Default)]
pub(crate) struct Downstream {
    serving: Cell<usize>,
    serving_max: Cell<usize>,
    /// Numbers of links.
    turned_away: RefCell<BTreeSet<u64>>,
    /// Fewest connections that a node had when it turned one away.
    held_min: Cell<Option<usize>>,
}

impl Downstream {
    /// Most that were served at one time.
    pub(crate) fn serving_max(&self) -> usize {
        self.serving_max.get()
    }

    /// Fewest connections that a node had when it turned another away, since this was last asked.
    pub(crate) fn take_held_min(&self) -> Option<usize> {
        self.held_min.take()
    }

    /// Whether the connection of this link was turned away.
    pub(crate) fn was_turned_away(&self, link: u64) -> bool {
        self.turned_away.borrow().contains(&link)
    }

    /// Connections that were turned away.
    pub(crate) fn turned_away(&self) -> u64 {
        self.turned_away.borrow().len() as u64
    }
}

/// An accepted stream of a node, from when the node gets it until it is dropped.
#[derive(Debug)]
pub(crate) struct Visit {
    world: World,
    /// The number of its link.
    link: u64,
    /// How many the node has.
    held: Rc<Cell<usize>>,
    is_served: Cell<bool>,
    moves: Cell<bool>,
}

impl Visit {
    /// Of a node that has `held` others.
    pub(crate) fn begin(world: &World, link: u64, held: &Rc<Cell<usize>>) -> Self {
        held.set(held.get() + 1);
        Self { world: world.clone(), link, held: held.clone(), is_served: Cell::default(), moves: Cell::default() }
    }

    /// The node does something with the stream.
    pub(crate) fn serve(&self) {
        let Downstream { serving, serving_max, .. } = self.world.downstream();
        if !self.is_served.replace(true) {
            serving.set(serving.get() + 1);
            serving_max.set(serving_max.get().max(serving.get()));
        }
    }

    /// Another node is to have the stream.
    pub(crate) fn moves(&self) {
        self.moves.set(true);
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Downstream { serving, turned_away, held_min, .. } = self.world.downstream();
        let held = self.held.get() - 1;
        self.held.set(held);
        if self.is_served.get() {
            serving.set(serving.get() - 1);
        } else if !self.moves.get() {
            turned_away.borrow_mut().insert(self.link);
            held_min.set(Some(held_min.get().map_or(held, |fewest| fewest.min(held))));
        }
    }
}
