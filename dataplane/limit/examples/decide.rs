//! What a decision costs, beside the `governor` crate: `cargo run --release -p tollgate-limit --example decide`.
//!
//! One thread; rounds of both take turns, and the fastest round is shown in nanoseconds per decision: what disturbs a
//! machine only adds. *Warm* asks for one key again and again, *live* for keys in random order of which all have an
//! entry. Hashing is the caller's: governor's keyed limiter hashes its key and reads its clock (a fixed one here, so
//! that only the decision is measured), ours gets a hash.

use std::{hint::black_box, time::Duration, time::Instant};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, FakeRelativeClock},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tollgate_limit::{Leases, Rate, Throttle};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 15;
const DECISIONS: usize = 2_000_000;

fn main() {
    println!("{:>12} {:>10} {:>10} {:>14} {:>12}", "keys", "ours, ns", "refused", "governor, ns", "allocations");
    for keys in [1, 1_000, 100_000, 1_000_000] {
        measure(keys);
    }
}

fn measure(keys: u64) {
    let rate = Rate::new(1_000_000, Duration::from_secs(1), 1_000_000_000).expect("a valid rate");
    let tight = Rate::new(1, Duration::from_secs(3600), 1).expect("a valid rate");
    let throttle = Throttle::new(keys as usize);
    let mut leases = Leases::new(2);
    let clock = FakeRelativeClock::default();
    let per_second = Quota::per_second(1_000_000.try_into().expect("not 0"));
    let quota = per_second.allow_burst(u32::MAX.try_into().expect("not 0"));
    let governor = RateLimiter::<u64, _, _, _>::dashmap_with_clock(quota, clock.clone());
    let order: Vec<u64> = (0..DECISIONS as u64).map(|n| mix(mix(n) % keys)).collect();
    for key in (0..keys).map(mix) {
        throttle.take(&rate, key, 1, 1_000_000_000, &mut leases);
        let _ = governor.check_key(&key);
    }
    let (mut ours, mut refused, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let region = Region::new(ALLOCATOR);
    let before = region.change().allocations;
    for _ in 0..ROUNDS {
        ours.push(time(&order, |key| throttle.take(&rate, key, 1, 1_000_000_000, &mut leases).admitted));
        refused.push(time(&order, |key| !throttle.take(&tight, key, 1, 1_000_000_000, &mut leases).admitted));
        theirs.push(time(&order, |key| governor.check_key(&key).is_ok()));
    }
    // The three lists of times grow too.
    let allocations = (region.change().allocations - before).saturating_sub(9);
    println!(
        "{keys:>12} {:>10.1} {:>10.1} {:>14.1} {allocations:>12}   {} bytes per key, {} without an entry",
        fastest(&ours),
        fastest(&refused),
        fastest(&theirs),
        throttle.bytes() / keys as usize,
        throttle.overflows(),
    );
    black_box(clock.now());
}

fn time(order: &[u64], mut decide: impl FnMut(u64) -> bool) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "an example that measures owns its time")]
    let begun = Instant::now();
    let passed = order.iter().filter(|key| decide(**key)).count();
    let spent = begun.elapsed();
    assert_eq!(passed, order.len(), "every decision goes the way that is measured");
    spent.as_nanos() as f64 / order.len() as f64
}

fn fastest(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

/// A hash as good as the ones callers make (splitmix64).
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
