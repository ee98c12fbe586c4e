//! The running hash of all that happens: equal hashes mean equal runs. Optionally each event is a line on stderr.
//!
//! The hash mixes words by a multiplication and a shift, which is enough to tell runs apart; not meant to be compared across
//! compiler versions.

use crate::Fault;
use std::{
    cell::RefCell,
    collections::VecDeque,
    hash::{Hash, Hasher},
};

/// Most bytes of a transfer that are printed; bodies are not.
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
    Lost(u64),
    Fault(Fault),
    Entropy(u64),
    Slept(u64),
}

#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: RefCell<Mixer>,
    print: bool,
}

/// A hash of what happens tens of times in every exchange.
#[derive(Debug, Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }
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
            let text = bytes.iter().take_while(|byte| byte.is_ascii()).take(SHOWN_BYTES);
            let text: String = text.copied().map(char::from).flat_map(char::escape_debug).collect();
            eprintln!("{:>40}\"{text}\"", "");
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.borrow().finish()
    }
}
