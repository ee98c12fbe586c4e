//! Costs that are known only afterwards: charged into debt, never forgotten, and no number is too large.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use tollgate_limit::{Answer, Ask, InFlight, Leases, Now, Quotas, Rate, Rule, Throttle, Window, decide};

const SECOND_NS: u64 = 1_000_000_000;
const WINDOW: Window = Window { start_s: 0, end_s: 3600 };

/// Asks for nothing that is known yet, of a bucket and a quota of 10.
fn is_let_in(of: Rule<'_>, key: u64, now: Now) -> bool {
    let mut answers = [Answer::None];
    decide(&[Ask { of, key, units: 0, shadow: false }], now, &mut Leases::new(1), &mut answers).is_admitted()
}

fn hash(key: u64) -> u64 {
    (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[test]
fn a_request_of_unknown_cost_takes_nothing_and_is_let_in_while_anything_is_left() {
    let (throttle, quotas, in_flight) = (Throttle::new(10), Quotas::new(10), InFlight::new(10));
    let rate = Rate::new(10, Duration::from_secs(1), 10).unwrap();
    let now = Now { monotonic_ns: 5 * SECOND_NS, unix_s: 100 };
    for of in [Rule::Throttle(&throttle, &rate), Rule::Quota(&quotas, 10, &WINDOW)] {
        assert!((0..100).all(|_| is_let_in(of, 7, now)), "nothing is taken");
        let ask = Ask { of, key: 7, units: 0, shadow: false };
        ask.charge(9, now);
        assert!(is_let_in(of, 7, now), "one is left");
        ask.charge(1, now);
        assert!(!is_let_in(of, 7, now), "none is left");
        ask.charge(25, now);
        assert!(is_let_in(of, 8, now), "another key");
    }
    let later = |ms: u64| Now { monotonic_ns: now.monotonic_ns + ms * 1_000_000, ..now };
    let of = Rule::Throttle(&throttle, &rate);
    assert!(!is_let_in(of, 7, later(2599)) && is_let_in(of, 7, later(2600)), "25 of debt, then one unit");
    assert_eq!(quotas.show(7).unwrap().used, 35);
    Ask { of: Rule::InFlight(&in_flight, 1), key: 7, units: 0, shadow: false }.charge(5, now);
    assert_eq!(in_flight.show(7), 0);
}

#[test]
fn a_debt_ends_after_some_years_whatever_it_was() {
    let throttle = Throttle::new(10);
    let rate = Rate::new(1, Duration::from_secs(3600), 1).unwrap();
    throttle.charge(&rate, 7, u64::MAX, 0);
    throttle.charge(&rate, 7, u64::MAX, u64::MAX);
    throttle.charge(&rate, 7, u64::MAX, 0);
    let quotas = Quotas::new(10);
    quotas.charge(7, u64::MAX, &WINDOW, 0);
    quotas.charge(7, u64::MAX, &WINDOW, 0);
    assert!(!quotas.show(7).unwrap().is_blocked());
    assert!(!quotas.peek(u64::MAX, 7, 1, &WINDOW).admitted);
    assert!(quotas.take(1, 7, 1, &Window { start_s: 3600, end_s: 7200 }, 3600).admitted, "a new window");
    quotas.block(8, &WINDOW, 0);
    quotas.charge(8, 1, &WINDOW, 0);
    assert!(quotas.show(8).unwrap().is_blocked());
    let years = |years: u64| years * 365 * 24 * 3600 * SECOND_NS;
    let throttle = Throttle::new(10);
    throttle.charge(&rate, 7, u64::MAX, 0);
    let leases = Leases::new(1);
    assert!(!throttle.peek(&rate, 7, 1, years(4), &leases).admitted);
    assert!(throttle.peek(&rate, 7, 1, years(5), &leases).admitted);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Takes and charges in any order, clocks that go anywhere, tables far too small: no key is ever admitted what an
    /// exact bucket of its own would not.
    #[test]
    fn what_was_charged_is_never_forgotten(
        steps in prop::collection::vec((0..40_u64, 1..30_u64, 0..20 * SECOND_NS, any::<bool>()), 1..300),
        burst in 1..8_u64,
    ) {
        let rate = Rate::new(5, Duration::from_secs(1), burst).unwrap();
        let (throttle, mut leases) = (Throttle::new(1), Leases::new(1));
        let mut full: BTreeMap<u64, u64> = BTreeMap::new();
        for (key, units, now, is_charge) in steps {
            let full = full.entry(key).or_default();
            let unit = SECOND_NS / 5;
            if is_charge {
                throttle.charge(&rate, hash(key), units, now);
                *full = (*full).max(now) + units * unit;
            } else if throttle.take(&rate, hash(key), 1, now, &mut leases).admitted {
                *full = (*full).max(now) + unit;
                prop_assert!(*full <= now + burst * unit);
            }
        }
    }

    /// The same of counters: in a window a key is admitted nothing once it was charged its limit.
    #[test]
    fn what_was_charged_counts_in_its_window(
        steps in prop::collection::vec((0..40_u64, 0..1_000_u64, 0..5_i64, any::<bool>()), 1..300),
        limit in 1..2_000_u64,
    ) {
        let quotas = Quotas::new(1);
        let mut used: BTreeMap<(u64, i64), u64> = BTreeMap::new();
        // A key that begins in a window counts no earlier one: others may have moved on.
        let mut begun = 0;
        for (key, units, hour, is_charge) in steps {
            begun = begun.max(hour);
            let window = Window { start_s: begun * 3600, end_s: begun * 3600 + 3600 };
            let used = used.entry((key, begun)).or_default();
            if is_charge {
                quotas.charge(hash(key), units, &window, window.start_s);
                *used += units;
            } else if quotas.take(limit, hash(key), 1, &window, window.start_s).admitted {
                *used += 1;
                prop_assert!(*used <= limit);
            }
        }
    }
}
