//! Quotas: exact in their window under threads, operators' commands, and what is written down and read back.

use std::thread;

use proptest::prelude::*;
use tollgate_limit::{Quotas, Usage, Window};

const HOUR: i64 = 3600;
const NOON: i64 = 1_795_176_000;

fn hour(number: i64) -> Window {
    Window { start_s: NOON + number * HOUR, end_s: NOON + (number + 1) * HOUR }
}

#[test]
fn eight_threads_use_a_quota_up_exactly() {
    let quotas = Quotas::new(100);
    for number in 0..3 {
        let window = hour(number);
        let take = |key| quotas.take(10_000, key, 1, &window, window.start_s).admitted;
        let admitted: Vec<usize> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|thread| scope.spawn(move || (0..20_000).filter(|turn| take(1 + (turn + thread) % 2)).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(admitted.iter().sum::<usize>(), 20_000);
    }
}

#[test]
fn a_clock_that_is_behind_counts_into_the_window_that_has_begun() {
    let quotas = Quotas::new(10);
    let take = |number: i64| quotas.take(3, 7, 1, &hour(number), hour(number).start_s).admitted;
    assert_eq!([take(0), take(1), take(0), take(0), take(0), take(1)], [true, true, true, true, false, false]);
    assert!(take(2));
}

#[test]
fn operators_show_grant_reset_and_block() {
    let quotas = Quotas::new(10);
    let (window, now) = (hour(0), NOON);
    let take = |units| quotas.take(5, 7, units, &window, now);
    assert_eq!(quotas.show(7), None);
    assert!(take(4).admitted);
    assert_eq!(quotas.show(7), Some(Usage { used: 4, end_s: window.end_s }));
    let refused = take(2);
    assert_eq!((refused.admitted, refused.remaining, refused.end_s), (false, 1, window.end_s));
    assert!(quotas.grant(7, 10, &window, now));
    assert_eq!((take(11).admitted, take(1).admitted), (true, false));
    assert!(quotas.reset(7, &window, now));
    assert!(take(5).admitted);
    assert!(quotas.block(7, &window, now));
    let later = quotas.take(5, 7, 1, &hour(1), hour(1).start_s);
    assert_eq!((later.admitted, later.remaining, later.end_s), (false, 0, i64::MAX));
    assert!(quotas.show(7).unwrap().is_blocked());
    assert!(quotas.reset(7, &hour(1), hour(1).start_s));
    assert!(quotas.take(5, 7, 1, &hour(1), hour(1).start_s).admitted);
}

#[test]
fn what_was_given_back_can_be_used_again_in_its_window_only() {
    let quotas = Quotas::new(10);
    let taken = quotas.take(2, 7, 2, &hour(0), NOON);
    quotas.give_back(7, 2, &taken);
    assert!(quotas.peek(2, 7, 2, &hour(0)).admitted);
    assert!(quotas.take(2, 7, 2, &hour(1), NOON + HOUR).admitted);
    quotas.give_back(7, 2, &taken);
    assert!(!quotas.peek(2, 7, 1, &hour(1)).admitted);
}

#[test]
fn what_changed_is_written_down_once_and_read_back() {
    let key = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let quotas = Quotas::new(1_000);
    for number in 1..=300 {
        quotas.take(1_000, key(number), number, &hour(0), NOON);
    }
    quotas.block(key(5), &hour(0), NOON);
    quotas.grant(key(6), 100, &hour(0), NOON);
    let written: Vec<(u64, Usage)> = quotas.changed().collect();
    assert_eq!((written.len(), quotas.changed().count(), quotas.all().count()), (300, 0, 300));
    quotas.take(1_000, key(9), 1, &hour(0), NOON);
    assert_eq!(quotas.changed().map(|(key, usage)| (key, usage.used)).collect::<Vec<_>>(), [(key(9), 10)]);
    let again = Quotas::new(1_000);
    assert!(again.take(1_000, key(300), 999, &hour(0), NOON).admitted);
    assert!(written.iter().all(|(key, usage)| again.restore(*key, *usage, NOON)));
    assert_eq!(again.show(key(299)).unwrap().used, 299);
    assert_eq!(again.show(key(300)).unwrap().used, 999, "more was known");
    assert!(again.show(key(5)).unwrap().is_blocked());
    assert_eq!(again.show(key(6)).unwrap().used, 6 - 100, "what was granted is");
    let late = Quotas::new(1_000);
    written.iter().for_each(|(key, usage)| assert!(late.restore(*key, *usage, NOON + HOUR)));
    assert_eq!(late.all().count(), 1, "all windows are over, one key is blocked");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Tables far too small, clocks that go anywhere: in no window a key is admitted more than its limit.
    #[test]
    fn never_more_than_the_limit_in_a_window(
        steps in prop::collection::vec((0..60_u64, 1..4_u64, 0..5_i64, 0..HOUR), 1..300),
        limit in 1..10_u64,
    ) {
        let quotas = Quotas::new(1);
        let mut used = std::collections::BTreeMap::new();
        for (key, units, number, second) in steps {
            let hash = (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let verdict = quotas.take(limit, hash, units, &hour(number), hour(number).start_s + second);
            if verdict.admitted {
                let sum = used.entry((key, verdict.end_s)).or_insert(0);
                *sum += units;
                prop_assert!(*sum <= limit);
            }
        }
    }
}
