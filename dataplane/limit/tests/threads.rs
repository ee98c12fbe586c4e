//! Eight threads on one key and on 100,000: never above `limit` x time + `burst`, and hardly below it.
//!
//! Threads take a time of their own from one counter, so that each run meets other interleavings; no clock is read.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use tollgate_limit::{Leases, Rate, Throttle};

const THREADS: usize = 8;
const SECOND: u64 = 1_000_000_000;

/// Runs the threads over virtual time; what each key was admitted.
fn hammer(rate: &Rate, keys: u64, step_ns: u64, until_ns: u64, throttle: &Throttle) -> Vec<u64> {
    let clock = AtomicU64::new(0);
    let admitted: Vec<AtomicU64> = (0..keys).map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let (clock, admitted) = (&clock, &admitted);
            scope.spawn(move || {
                let mut leases = Leases::new(THREADS);
                let mut turn = thread;
                loop {
                    let now = clock.fetch_add(step_ns, Relaxed);
                    if now > until_ns {
                        return;
                    }
                    turn += 1;
                    let key = if keys == 1 { 0 } else { mix(turn * THREADS as u64 + thread) % keys };
                    let (verdict, _) = throttle.take(rate, mix(key), 1, now, &mut leases);
                    admitted[key as usize].fetch_add(u64::from(verdict.admitted), Relaxed);
                }
            });
        }
    });
    admitted.into_iter().map(AtomicU64::into_inner).collect()
}

fn mix(number: u64) -> u64 {
    let z = (number ^ 0x1234_5678).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (z >> 32)
}

#[test]
fn one_key_is_admitted_all_of_its_rate_and_no_more() {
    for (limit, burst) in [(100_000, 100_000), (100_000, 1), (1_000_000, 1_000_000), (7, 7), (999_983, 100_000)] {
        let rate = Rate::new(limit, Duration::from_secs(1), burst).unwrap();
        let throttle = Throttle::new(1);
        let step = SECOND / limit / 2 + 1;
        let until = (step * 3_000_000).min(10 * SECOND);
        let step = step.min(until / 2_000_000);
        let admitted = hammer(&rate, 1, step, until, &throttle)[0];
        let exact = limit as f64 * until as f64 / SECOND as f64 + burst as f64;
        let demand = until / step;
        assert!(admitted as f64 <= exact, "{limit}/s burst {burst}: {admitted} of {exact}");
        let possible = exact.min(demand as f64);
        assert!(admitted as f64 >= possible * 0.999 - 1.0, "{limit}/s burst {burst}: {admitted} of {possible}");
    }
}

#[test]
fn every_one_of_a_hundred_thousand_keys_is_admitted_its_rate() {
    let (keys, limit, burst) = (100_000, 10, 5);
    let rate = Rate::new(limit, Duration::from_secs(1), burst).unwrap();
    let throttle = Throttle::new(keys as usize);
    // Each key is asked for about 40 times in a second, which is more than its rate.
    let admitted = hammer(&rate, keys, SECOND / (keys * 40), SECOND, &throttle);
    assert_eq!(throttle.overflows(), 0);
    assert!(admitted.iter().all(|admitted| *admitted <= limit + burst), "{:?}", admitted.iter().max());
    let sum: u64 = admitted.iter().sum();
    assert!(sum as f64 >= (keys * (limit + burst)) as f64 * 0.93, "{sum}");
}
