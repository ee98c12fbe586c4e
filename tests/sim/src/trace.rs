//! The running hash of all that happens: equal hashes mean equal runs. Optionally each event is a line on stderr.
//!
//! SipHash with fixed keys; not meant to be compared across compiler versions.

use crate::Fault;
use std::{
    cell::RefCell,
    hash::{DefaultHasher, Hash, Hasher},
};

/// One thing that happened. The first number is the link, the last an amount of bytes.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Event {
    Opened(u64),
    Closed(u64, usize),
    Put(u64, usize, usize),
    Taken(u64, usize, usize),
    Finished(u64, usize),
    Aborted(u64, usize),
    Reset(u64),
    Fault(Fault),
    Entropy(u64),
    Slept(u64),
}

#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: RefCell<DefaultHasher>,
    print: bool,
}

impl Trace {
    pub(crate) fn new(print: bool) -> Self {
        Self { hash: RefCell::default(), print }
    }

    pub(crate) fn record(&self, now: u64, task: u64, event: Event) {
        (now, task, event).hash(&mut *self.hash.borrow_mut());
        if self.print {
            eprintln!("{now:>14} ns  task {task:<5} {event:?}");
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.borrow().finish()
    }
}
