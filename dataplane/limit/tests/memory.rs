//! Memory is taken when a table is made, at most 64 bytes for each key it has room for, and never again.

use std::{alloc::System, time::Duration};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tollgate_limit::{InFlight, Leases, Quotas, Rate, Throttle, Window};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test, so that nothing else allocates meanwhile.
#[test]
fn a_flood_of_keys_takes_no_memory() {
    const KEYS: usize = 100_000;
    let region = Region::new(ALLOCATOR);
    let throttle = Throttle::new(KEYS);
    let bytes = region.change().bytes_allocated;
    assert!(bytes <= 64 * KEYS, "{} bytes per key", bytes as f64 / KEYS as f64);
    let (quotas, in_flight, mut leases) = (Quotas::new(KEYS), InFlight::new(KEYS), Leases::new(2));
    let rate = Rate::new(1, Duration::from_secs(3600), 1).unwrap();
    let window = Window { start_s: 0, end_s: 3600 };
    let (mut admitted, mut entered) = (0, 0);
    let region = Region::new(ALLOCATOR);
    for number in 1..=5 * KEYS as u64 {
        let key = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        admitted += u64::from(throttle.take(&rate, key, 1, number, &mut leases).admitted);
        quotas.take(1, key, 1, &window, 0);
        entered += u64::from(in_flight.enter(1, key).is_some());
    }
    assert_eq!(region.change().allocations, 0);
    // All entries are used before keys share: three and a half per key of the table's size.
    assert!(admitted > 3 * KEYS as u64 && admitted < 4 * KEYS as u64, "{admitted}");
    assert!(entered > 3 * KEYS as u64);
    assert!(throttle.overflows() > KEYS as u64);
}
