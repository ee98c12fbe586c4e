//! What a worker knows of the others of its node: their loads, and where to leave a connection for each.
//!
//! The only way from one worker to another. A mailbox holds at most as many connections as the gateway made it for; a full
//! one gives them back. A worker that drains shows itself as away, and nothing more is sent to it.

use crate::load::Loads;
use std::{cell::RefCell, net::SocketAddr, sync::Arc};
use tollgate_io::Post;

/// A fresh connection that one worker has accepted for another.
#[derive(Debug)]
pub struct Handed<D> {
    /// The connection; no byte of it has been received.
    pub(crate) stream: D,
    /// The name of the listener it came from ...
    pub(crate) listener: String,
    /// ... and its address, which stays when it gets another name ...
    pub(crate) address: SocketAddr,
    /// ... in this generation, which the other worker may not have taken yet.
    pub(crate) generation: u64,
}

/// The workers of a node as one of them sees them.
pub struct Peers<D> {
    index: usize,
    loads: Arc<Loads>,
    /// By worker. Empty once this one has ended: the last sender ends a mailbox.
    posts: RefCell<Vec<Box<dyn Post<Handed<D>>>>>,
}

impl<D: Send + 'static> Peers<D> {
    /// For worker number `index`, with a way to every worker's mailbox in the order of `loads`.
    #[must_use]
    pub fn new(index: usize, loads: Arc<Loads>, posts: Vec<Box<dyn Post<Handed<D>>>>) -> Self {
        Self { index, loads, posts: RefCell::new(posts) }
    }

    /// For the only worker of a node.
    #[must_use]
    pub fn none() -> Self {
        Self::new(0, Loads::new(1), Vec::new())
    }

    /// The number of this worker.
    pub(crate) const fn index(&self) -> usize {
        self.index
    }

    /// How many workers the node has.
    pub(crate) fn workers(&self) -> usize {
        self.loads.workers()
    }

    /// Tells the others how many connections this worker has.
    pub(crate) fn publish(&self, connections: usize) {
        self.loads.publish(self.index, connections);
    }

    /// How many of the node's connections this worker may have.
    pub(crate) fn part(&self, connections_max: usize) -> usize {
        self.loads.part(self.index, connections_max)
    }

    /// Who should have the next connection instead of this worker.
    pub(crate) fn lighter(&self, connections_max: usize) -> Option<usize> {
        self.loads.lighter(self.index, connections_max)
    }

    /// Leaves a connection for worker number `to`, or gives one back.
    pub(crate) fn hand_over(&self, to: usize, handed: Handed<D>) -> Result<(), Handed<D>> {
        self.loads.promise(to);
        let posted = match self.posts.borrow().get(to) {
            Some(post) => post.post(handed),
            None => Err(handed),
        };
        if posted.is_err() {
            self.loads.redeem(to);
        }
        posted
    }

    /// A connection that was handed to this worker has come.
    pub(crate) fn note_arrival(&self) {
        self.loads.redeem(self.index);
    }

    /// Takes no more connections from now on.
    pub(crate) fn leave(&self) {
        self.loads.leave(self.index);
    }

    /// Sends no more.
    pub(crate) fn end(&self) {
        drop(self.posts.take());
    }
}
