//! What a worker holds of hot buckets for itself: intervals it took from the shared word and has not used yet.
//!
//! A worker that loses a compare-and-swap takes more than the request needs, so that the next requests for the key
//! touch no shared line. A lease is an interval of the bucket's time like any other: whoever was admitted into it owns
//! it alone, so nothing of the bound changes. It expires by itself: what lies before now is no use to anybody. A
//! request that took from a bucket and was refused by another rule puts its interval back here, never into the shared
//! word.
//!
//! Unused leases are lost to the other workers. All workers together hold at most a `LEASED_SHARE`th of a burst by
//! their own taking, for at most the time a burst takes to refill. Small bursts are never leased.

use super::{
    limits::{LEASED_SHARE, LEASES, WANT_PAUSE_NS},
    rate::Rate,
};

/// An interval of a key's time, in ticks.
#[derive(Debug, Clone, Copy, Default)]
struct Lease {
    key: u64,
    next: u64,
    end: u64,
}

/// The leases of one worker, by key; fixed memory.
#[derive(Debug)]
pub struct Leases {
    leases: Box<[Lease; LEASES]>,
    /// Keys that a lender was told of, and when.
    wants: Box<[(u64, u64); LEASES]>,
    /// Workers of the node, times `LEASED_SHARE`.
    share: u64,
}

impl Leases {
    /// For one of `workers` workers.
    pub fn new(workers: usize) -> Self {
        let (leases, wants) = (Box::new([Lease::default(); LEASES]), Box::new([(0, 0); LEASES]));
        Self { leases, wants, share: workers.max(1) as u64 * LEASED_SHARE }
    }

    /// Whether a lender is to be told of a key: not again within [`WANT_PAUSE_NS`].
    pub(crate) fn may_want(&mut self, key: u64, now_ns: u64) -> bool {
        let told = &mut self.wants[index(key)];
        let is_new = told.0 != key || now_ns.abs_diff(told.1) >= WANT_PAUSE_NS;
        if is_new {
            *told = (key, now_ns);
        }
        is_new
    }

    /// Whether the key is leased here, or was until the lease was used up.
    #[inline]
    pub(crate) fn is_hot(&self, key: u64) -> bool {
        self.leases[index(key)].key == key
    }

    /// Where the unused part of the lease begins.
    #[inline]
    pub(crate) fn next(&self, key: u64) -> u64 {
        self.leases[index(key)].next
    }

    /// Takes `cost` ticks out of the lease of a key; the end of the lease.
    #[inline]
    pub(crate) fn take(&mut self, rate: &Rate, key: u64, now: u64, cost: u64) -> Option<u64> {
        let lease = &mut self.leases[index(key)];
        if lease.key != key {
            return None;
        }
        let next = rate.place(lease.next, now, cost).filter(|next| *next <= lease.end);
        if let Some(next) = next {
            lease.next = next;
        } else if lease.next < lease.end && lease.end <= now {
            // It expired before it was used: the key is not hot here.
            *lease = Lease::default();
        }
        next.map(|_| lease.end)
    }

    /// Whether `take` would find `cost` ticks.
    pub(crate) fn has(&self, rate: &Rate, key: u64, now: u64, cost: u64) -> bool {
        let lease = &self.leases[index(key)];
        lease.key == key && rate.place(lease.next, now, cost).is_some_and(|next| next <= lease.end)
    }

    /// Ticks to take beyond what a request needs; 0 if there is no place to keep them or the burst is too small to
    /// share.
    #[cold]
    pub(crate) fn room(&self, rate: &Rate, key: u64, now: u64) -> u64 {
        let lease = &self.leases[index(key)];
        if lease.next < lease.end && lease.end > now { 0 } else { rate.lease(self.share) }
    }

    /// Keeps the interval from `next` to `end` for further requests; whether there was a place for it.
    pub(crate) fn put(&mut self, key: u64, now: u64, next: u64, end: u64) -> bool {
        let lease = &mut self.leases[index(key)];
        if lease.key == key && lease.next == end {
            lease.next = next;
            return true;
        }
        let free = lease.next >= lease.end || lease.end <= now;
        if free {
            *lease = Lease { key, next, end };
        }
        free
    }
}

/// The upper half of a hash chooses a table's group, the lowest bits its line: these are between.
#[inline]
fn index(key: u64) -> usize {
    (key >> 8) as usize % LEASES
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_lease_is_used_up_or_expires_and_is_not_overwritten() {
        let rate = Rate::new(1_000_000_000, Duration::from_secs(1), 1_000_000).expect("a valid rate");
        let (key, colliding) = (1 << 8, (1 << 8) + ((LEASES as u64) << 8));
        let mut leases = Leases::new(1);
        assert_eq!(leases.room(&rate, key, 0), 1_000_000 / LEASED_SHARE * 16);
        assert!(leases.put(key, 0, 100, 140));
        assert!(!leases.put(colliding, 0, 200, 240));
        assert_eq!(leases.take(&rate, colliding, 0, 16), None);
        assert_eq!(leases.take(&rate, key, 0, 16), Some(140));
        assert!(leases.has(&rate, key, 124, 16) && !leases.has(&rate, key, 125, 16));
        assert_eq!(leases.take(&rate, key, 125, 16), None);
        assert!(leases.is_hot(key));
        assert_eq!(leases.take(&rate, key, 140, 16), None);
        assert!(!leases.is_hot(key), "it expired before it was used");
        assert!(leases.put(colliding, 141, 200, 240));
    }
}
