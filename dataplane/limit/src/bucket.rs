//! One token bucket that stands by itself, shared by all workers of a node: a rate and one word.
//!
//! What a [`Throttle`](super::Throttle) keeps of a key, where there is one key and it is known from the start: no table and
//! no leases. The word is the theoretical arrival time in ticks. At most `limit` x time + `burst` is drawn in any stretch of
//! time, whatever the clocks of the workers say; what is given back is counted as if it had never been drawn, or is spent.

use super::{
    rate::{Rate, Verdict, ticks},
    sync::{
        AtomicU64,
        Ordering::{AcqRel, Acquire},
    },
};

/// A bucket.
#[derive(Debug)]
#[repr(align(64))]
pub struct Bucket {
    rate: Rate,
    /// When it will be full, in ticks; 0 if nothing was ever drawn.
    full: AtomicU64,
}

/// A unit that was drawn, for giving it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The word before, and after.
    before: u64,
    end: u64,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, full: AtomicU64::new(0) }
    }

    /// One of another rate in the place of `before`: what that owes, in time, is owed still, but no more than the whole of it.
    #[must_use]
    pub fn succeed(rate: Rate, before: &Self, now_ns: u64) -> Self {
        let full = before.full.load(Acquire).min(ticks(now_ns) + rate.fill());
        Self { rate, full: AtomicU64::new(full) }
    }

    /// What flows into it.
    #[must_use]
    pub const fn rate(&self) -> &Rate {
        &self.rate
    }

    /// Draws a unit.
    ///
    /// # Errors
    /// There is none; nanoseconds until there is, if nobody else draws.
    pub fn draw(&self, now_ns: u64) -> Result<Drawn, u64> {
        let (now, cost) = (ticks(now_ns), self.rate.cost(1));
        let mut before = self.full.load(Acquire);
        loop {
            let Some(end) = self.rate.place(before, now, cost) else {
                let verdict = Verdict { admitted: false, lead: before.saturating_sub(now), cost, end: 0 };
                return Err(self.rate.retry_after_ns(&verdict).unwrap_or(0));
            };
            match self.full.compare_exchange(before, end, AcqRel, Acquire) {
                Ok(_) => return Ok(Drawn { before, end }),
                Err(changed) => before = changed,
            }
        }
    }

    /// Gives a unit back that was of no use. It is spent if another was drawn since: who drew that did so later, so that its
    /// interval cannot be moved to where this one was.
    pub fn give_back(&self, drawn: Drawn) -> bool {
        self.full.compare_exchange(drawn.end, drawn.before, AcqRel, Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, proptest};
    use std::{sync::atomic::Ordering, thread, time::Duration};

    const SECOND: Duration = Duration::from_secs(1);
    const NS: u64 = 1_000_000_000;

    fn bucket(limit: u64, burst: u64) -> Bucket {
        Bucket::new(Rate::new(limit, SECOND, burst).unwrap())
    }

    #[test]
    fn it_holds_its_burst_and_gains_its_limit() {
        let bucket = bucket(10, 3);
        let drawn = |now: u64, times: usize| (0..times).filter(|_| bucket.draw(now).is_ok()).count();
        assert_eq!(drawn(NS, 5), 3);
        assert_eq!(bucket.draw(NS), Err(NS / 10));
        assert_eq!(drawn(NS + NS / 10, 5), 1);
        assert_eq!(drawn(60 * NS, 5), 3);
    }

    #[test]
    fn what_is_given_back_can_be_drawn_again_unless_somebody_has_drawn_since() {
        let bucket = bucket(1, 2);
        let first = bucket.draw(NS).unwrap();
        assert!(bucket.give_back(first) && !bucket.give_back(first));
        let (first, second) = (bucket.draw(NS).unwrap(), bucket.draw(NS).unwrap());
        assert!(!bucket.give_back(first), "the second was drawn since");
        assert!(bucket.give_back(second));
        assert_eq!((bucket.draw(NS).is_ok(), bucket.draw(NS).is_ok()), (true, false));
    }

    #[test]
    fn another_rate_takes_over_what_is_owed_and_no_more_than_all_of_it() {
        let before = bucket(1, 1000);
        assert_eq!((0..1001).filter(|_| before.draw(NS).is_ok()).count(), 1000);
        let after = Bucket::succeed(Rate::new(10, SECOND, 5).unwrap(), &before, NS);
        assert_eq!(after.draw(NS), Err(NS / 10));
        let untouched = Bucket::succeed(Rate::new(10, SECOND, 5).unwrap(), &bucket(1, 1), NS);
        assert_eq!((0..9).filter(|_| untouched.draw(NS).is_ok()).count(), 5);
    }

    #[test]
    fn threads_never_draw_more_than_there_is() {
        let (bucket, count) = (bucket(1000, 500), AtomicU64::new(0));
        thread::scope(|scope| {
            for thread in 0..4 {
                let (bucket, count) = (&bucket, &count);
                scope.spawn(move || {
                    // A second in steps of a millisecond, each thread with a clock of its own.
                    for step in 0..=1000 {
                        for _ in 0..4 {
                            let drawn = bucket.draw(NS + (step + thread * 7 % 5) % 1001 * 1_000_000);
                            count.fetch_add(u64::from(drawn.is_ok()), Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let count = count.into_inner();
        assert!((1400..=1501).contains(&count), "{count}");
    }

    proptest! {
        /// In any stretch of time between two of them, what was drawn and not given back is within the bound.
        #[test]
        fn no_stretch_of_time_has_more(
            limit in 1..50_u64,
            burst in 1..20_u64,
            steps in prop::collection::vec((0..300_000_000_u64, 0..4_u8), 1..80),
        ) {
            let bucket = bucket(limit, burst);
            let (mut now, mut drawn): (u64, Vec<u64>) = (NS, Vec::new());
            for (pause, what) in steps {
                now += pause;
                if let Ok(unit) = bucket.draw(now)
                    && (what != 0 || !bucket.give_back(unit))
                {
                    drawn.push(now);
                }
                for (index, from) in drawn.iter().enumerate() {
                    let count = (drawn.len() - index) as u64;
                    let most = limit * (now - from) / NS + burst;
                    assert!(count <= most, "{count} since {from}, at most {most}");
                }
            }
        }
    }
}
