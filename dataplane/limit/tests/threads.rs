//! Eight threads on one key and on 100,000: never above `limit` x time + `burst` in any stretch of time, and hardly
//! below what was possible.
//!
//! No clock is read: the threads draw their times from one counter, so a thread that was interrupted comes with a time
//! that others have left behind.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use tollgate_limit::{Leases, Rate, Throttle};

const THREADS: usize = 8;
const SECOND: u64 = 1_000_000_000;

struct Case {
    limit: u64,
    burst: u64,
    keys: u64,
    step_ns: u64,
    steps: u64,
}

/// One request: its key, its time, whether it was admitted.
type Request = (u64, u64, bool);

impl Case {
    fn run(&self, throttle: &Throttle) -> Vec<Request> {
        let rate = Rate::new(self.limit, Duration::from_secs(1), self.burst).expect("a valid rate");
        let step = AtomicU64::new(0);
        let mut requests: Vec<Request> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| self.thread(throttle, &rate, &step))).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("it does not panic")).collect()
        });
        requests.sort_unstable();
        requests
    }

    fn thread(&self, throttle: &Throttle, rate: &Rate, step: &AtomicU64) -> Vec<Request> {
        let mut leases = Leases::new(THREADS);
        let mut requests = Vec::new();
        loop {
            let step = step.fetch_add(1, Relaxed);
            if step >= self.steps {
                return requests;
            }
            let (key, now) = (mix(step) % self.keys, step * self.step_ns);
            let admitted = throttle.take(rate, mix(!key), 1, now, &mut leases).admitted;
            requests.push((key, now, admitted));
        }
    }

    /// Panics if some stretch of time of a key saw more than its rate; returns (admitted, what was possible) over all
    /// keys.
    fn judge(&self, requests: &[Request]) -> (u64, u64) {
        let mut sums = (0, 0);
        for requests in requests.chunk_by(|one, other| one.0 == other.0) {
            let (admitted, possible) = (self.bound(requests), self.possible(requests));
            sums = (sums.0 + admitted, sums.1 + possible);
        }
        sums
    }

    /// admitted(t1..=t2) * SECOND <= limit * (t2 - t1) + burst * SECOND, for the t1 that is worst for each t2.
    fn bound(&self, requests: &[Request]) -> u64 {
        let (mut admitted, mut worst) = (0_u64, i128::MAX);
        for (_, now, _) in requests.iter().filter(|request| request.2) {
            let earned = i128::from(self.limit) * i128::from(*now);
            worst = worst.min(i128::from(admitted) * i128::from(SECOND) - earned);
            admitted += 1;
            let over = i128::from(admitted) * i128::from(SECOND) - earned - worst;
            assert!(over <= i128::from(self.burst * SECOND), "{over} units x ns in a stretch up to {now} ns");
        }
        admitted
    }

    /// What an exact bucket admits, asked in the order of time.
    fn possible(&self, requests: &[Request]) -> u64 {
        let (mut admitted, mut full) = (0, 0_u128);
        for (_, now, _) in requests {
            let now = u128::from(*now) * u128::from(self.limit);
            let end = full.max(now) + u128::from(SECOND);
            if end - now <= u128::from(self.burst * SECOND) {
                full = end;
                admitted += 1;
            }
        }
        admitted
    }
}

/// A hash as good as the ones callers make (splitmix64).
fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn one_key_is_admitted_all_of_its_rate_and_no_more() {
    for (limit, burst) in [(100_000, 100_000), (100_000, 50), (1_000_000, 1_000_000), (70_003, 7), (999_983, 200_000)] {
        // Twice the limit, and time enough to use up the burst.
        let case = Case { limit, burst, keys: 1, step_ns: SECOND / limit / 2, steps: 4 * burst + 500_000 };
        let (admitted, possible) = case.judge(&case.run(&Throttle::new(1)));
        eprintln!("{limit}/s, burst {burst}: {admitted} of {possible}");
        assert!(admitted as f64 >= possible as f64 * 0.999, "{limit}/s, burst {burst}: {admitted} of {possible}");
    }
}

#[test]
fn every_one_of_a_hundred_thousand_keys_is_admitted_its_rate() {
    let case = Case { limit: 10, burst: 5, keys: 100_000, step_ns: SECOND / 4_000_000, steps: 4_000_000 };
    let throttle = Throttle::new(100_000);
    let (admitted, possible) = case.judge(&case.run(&throttle));
    assert!(throttle.overflows() < case.steps / 10_000, "{} without an entry", throttle.overflows());
    eprintln!("{admitted} of {possible}");
    assert!(admitted as f64 >= possible as f64 * 0.999, "{admitted} of {possible}");
}

/// A table for 1,000 keys, asked for 30,000: entries come and go, and most keys share.
#[test]
fn a_flood_of_keys_is_never_admitted_more() {
    let case = Case { limit: 40, burst: 2, keys: 30_000, step_ns: 4_000, steps: 2_000_000 };
    let throttle = Throttle::new(1_000);
    case.judge(&case.run(&throttle));
    assert!(throttle.overflows() > 0);
}
