//! Requests in flight: never more than the limit at the same time, under threads and with a table too small.

use std::{
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    thread,
};

use tollgate_limit::InFlight;

#[test]
fn as_many_as_may_enter_and_again_when_one_leaves() {
    let in_flight = InFlight::new(10);
    let mut entered: Vec<_> = (0..3).filter_map(|_| in_flight.enter(3, 7)).collect();
    assert_eq!((entered.len(), in_flight.show(7), in_flight.enter(3, 7)), (3, 3, None));
    assert!(in_flight.enter(3, 8).is_some());
    in_flight.leave(entered.pop().unwrap());
    assert_eq!((in_flight.show(7), in_flight.enter(3, 7).is_some()), (2, true));
}

#[test]
fn eight_threads_and_more_keys_than_entries() {
    const LIMIT: u32 = 2;
    for keys in [1_u64, 50] {
        let in_flight = InFlight::new(1);
        let inside: Vec<AtomicU64> = (0..keys).map(|_| AtomicU64::new(0)).collect();
        thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (in_flight, inside) = (&in_flight, &inside);
                scope.spawn(move || {
                    for turn in 0..40_000 {
                        let key = (turn * 7 + thread * turn) % keys;
                        let hash = (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                        let Some(entered) = in_flight.enter(LIMIT, hash) else { continue };
                        let now = inside[key as usize].fetch_add(1, SeqCst) + 1;
                        assert!(now <= LIMIT.into(), "{now} of key {key}");
                        if turn % 64 == 0 {
                            thread::yield_now();
                        }
                        inside[key as usize].fetch_sub(1, SeqCst);
                        in_flight.leave(entered);
                    }
                });
            }
        });
        // Whoever entered has left: everything is free again.
        let all: Vec<_> = (0..LIMIT).map(|_| in_flight.enter(LIMIT, 0x9e37_79b9_7f4a_7c15)).collect();
        assert!(all.iter().all(Option::is_some));
    }
}
