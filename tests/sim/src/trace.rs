//! The running hash of all that happens: equal hashes mean equal runs. Optionally each event is a line on stderr.
//!
//! SipHash with fixed keys; not meant to be compared across compiler versions.

use crate::Fault;
use std::{
    cell::RefCell,
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Most bytes of a transfer that are printed.
const SHOWN_BYTES: usize = 600;

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

thread_local! {
    /// The last events of this thread's runs, and how many are kept: none, unless somebody wants to see how a run ended.
    static LAST: RefCell<(usize, VecDeque<String>)> = const { RefCell::new((0, VecDeque::new())) };
}

/// What `run` returns, and the last `events` events that happened in it.
pub(crate) fn last_events<T>(events: usize, run: impl FnOnce() -> T) -> (T, Vec<String>) {
    LAST.replace((events, VecDeque::new()));
    let result = run();
    (result, LAST.take().1.into())
}

impl Trace {
    pub(crate) fn new(print: bool) -> Self {
        Self { hash: RefCell::default(), print }
    }

    pub(crate) fn record(&self, now: u64, task: u64, event: Event) {
        (now, task, event).hash(&mut *self.hash.borrow_mut());
        let line = || format!("{now:>14} ns  task {task:<5} {event:?}");
        if self.print {
            eprintln!("{}", line());
        }
        LAST.with_borrow_mut(|(most, last)| {
            if *most > 0 {
                last.push_back(line());
                last.drain(..last.len().saturating_sub(*most));
            }
        });
    }

    /// Prints the beginning of what is put on a link, if events are printed.
    pub(crate) fn show(&self, bytes: &[u8]) {
        if self.print {
            let text: String = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_BYTES)]).escape_debug().collect();
            eprintln!("{:>40}\"{text}\"", "");
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.borrow().finish()
    }
}
