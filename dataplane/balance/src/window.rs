//! A window of time that slides: requests, failures and slow requests in tenths of it, each tenth in one word.
//!
//! A tenth begins when the first request of its time is counted, in the same exchange of the word, so no count is ever
//! lost or kept too long. Of a tenth at most 65,535 requests are counted: the shares are those of its first ones then.
//! `now` is an argument and may go back a little: a request is then counted where the latest were.

use super::breaker::Shown;
use super::sync::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const SLOTS: u64 = 10;

/// What was counted in the window that ends now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) requests: u32,
    pub(crate) failures: u32,
    pub(crate) slow: u32,
}

/// Each word: the round of its time 16 bits, then 16 bits each of requests, failures and slow requests.
#[derive(Debug, Default)]
pub(crate) struct Window {
    slots: [AtomicU64; SLOTS as usize],
}

/// The place and the round of the tenth that `now` is in.
const fn place(now: u64, slot: Duration) -> (u64, u64) {
    let nanos = slot.as_nanos() as u64;
    let tenth = now / if nanos == 0 { 1 } else { nanos };
    (tenth % SLOTS, tenth / SLOTS)
}

/// Whether a word is of the round, or of the next one. Rounds come again after 65,536 windows.
const fn is_current(word: u64, round: u64) -> bool {
    ((word >> 48) as u16).wrapping_sub(round as u16) < 2
}

impl Window {
    /// Tenths.
    pub(crate) const SLOTS: u32 = SLOTS as u32;

    /// Counts a request in the tenth of length `slot` that `now` is in.
    pub(crate) fn count(&self, now: u64, slot: Duration, shown: Shown) {
        let (place, round) = place(now, slot);
        let word = &self.slots[place as usize];
        let one = 1 << 32 | u64::from(shown.failed) << 16 | u64::from(shown.slow);
        let mut old = word.load(Relaxed);
        loop {
            let is_empty = old & 0xffff_ffff_ffff == 0;
            let before = if !is_empty && is_current(old, round) { old } else { (round & 0xffff) << 48 };
            if before >> 32 & 0xffff == 0xffff {
                return;
            }
            match word.compare_exchange(old, before + one, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(now) => old = now,
            }
        }
    }

    /// What was counted in this tenth and in those before it.
    pub(crate) fn totals(&self, now: u64, slot: Duration) -> Totals {
        let (last, round) = place(now, slot);
        let mut totals = Totals::default();
        for (place, word) in (0..).zip(&self.slots) {
            // Behind the last one lie those of the round before.
            let round = if place <= last { round } else { round.wrapping_sub(1) };
            let word = word.load(Relaxed);
            if is_current(word, round) {
                totals.requests += (word >> 32 & 0xffff) as u32;
                totals.failures += (word >> 16 & 0xffff) as u32;
                totals.slow += (word & 0xffff) as u32;
            }
        }
        totals
    }

    /// Forgets all.
    pub(crate) fn clear(&self) {
        self.slots.iter().for_each(|slot| slot.store(0, Relaxed));
    }
}
