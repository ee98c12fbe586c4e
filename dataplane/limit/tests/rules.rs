//! Several rules on one request: all or none, shadow rules aside.

use std::time::Duration;

use tollgate_limit::{Answer, Ask, Decision, InFlight, Leases, Now, Quotas, Rate, Rule, Throttle, Window, decide};

const NOW: Now = Now { monotonic_ns: 5_000_000_000, unix_s: 1_795_176_000 };
const WINDOW: Window = Window { start_s: NOW.unix_s, end_s: NOW.unix_s + 3600 };

struct Node {
    throttle: Throttle,
    quotas: Quotas,
    in_flight: InFlight,
    leases: Leases,
}

fn node() -> Node {
    Node {
        throttle: Throttle::new(100),
        quotas: Quotas::new(100),
        in_flight: InFlight::new(100),
        leases: Leases::new(2),
    }
}

/// A bucket of `burst`, a quota of 10 and 20 in flight, each a shadow or not.
fn ask(node: &mut Node, burst: u64, shadows: [bool; 3]) -> (Decision, Vec<Answer>) {
    let rate = Rate::new(1, Duration::from_secs(3600), burst).expect("a valid rate");
    let rules = [
        Rule::Throttle(&node.throttle, &rate),
        Rule::Quota(&node.quotas, 10, &WINDOW),
        Rule::InFlight(&node.in_flight, 20),
    ];
    let asks: Vec<Ask<'_>> =
        rules.into_iter().zip(shadows).map(|(of, shadow)| Ask { of, key: 7, units: 1, shadow }).collect();
    let mut answers: Vec<Answer> = (0..3).map(|_| Answer::None).collect();
    let decision = decide(&asks, NOW, &mut node.leases, &mut answers);
    (decision, answers)
}

#[test]
fn what_one_rule_refuses_costs_the_others_nothing() {
    let mut node = node();
    for _ in 0..5 {
        assert!(ask(&mut node, 5, [false; 3]).0.is_admitted());
    }
    let (decision, answers) = ask(&mut node, 5, [false; 3]);
    assert_eq!(decision, Decision { violated: 1, shadowed: 0 });
    assert!(matches!(answers[0], Answer::Throttle(verdict) if !verdict.admitted));
    assert_eq!((node.quotas.show(7).unwrap().used, node.in_flight.show(7)), (5, 5));
}

#[test]
fn a_shadow_rule_tells_and_does_not_refuse() {
    let mut node = node();
    let decisions: Vec<Decision> = (0..12).map(|_| ask(&mut node, 3, [true, false, false]).0).collect();
    assert_eq!(decisions[2], Decision::default());
    assert_eq!(decisions[3], Decision { violated: 0, shadowed: 1 });
    // The quota refuses now; the bucket is still asked.
    assert_eq!(decisions[10], Decision { violated: 2, shadowed: 1 });
    assert_eq!(node.in_flight.show(7), 10);
}

#[test]
fn every_violated_rule_is_named() {
    let mut node = node();
    for _ in 0..10 {
        assert!(ask(&mut node, 10, [false; 3]).0.is_admitted());
    }
    assert_eq!(ask(&mut node, 10, [false; 3]).0.violated, 3);
}

#[test]
fn keys_are_counted_while_something_is_counted_of_them() {
    let Node { throttle, quotas, in_flight, mut leases } = node();
    let rate = Rate::new(1, Duration::from_secs(1), 1).expect("a valid rate");
    let keys = || (1..=20_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let entered: Vec<_> = keys().take(5).filter_map(|key| in_flight.enter(1, key)).collect();
    for key in keys() {
        throttle.take(&rate, key, 1, NOW.monotonic_ns, &mut leases);
        quotas.take(1, key, 1, &WINDOW, NOW.unix_s);
    }
    assert_eq!((throttle.keys(NOW.monotonic_ns), quotas.keys(NOW.unix_s), in_flight.keys()), (20, 20, 5));
    entered.into_iter().for_each(|entered| in_flight.leave(entered));
    let later = NOW.monotonic_ns + 2_000_000_000;
    assert_eq!((throttle.keys(later), quotas.keys(WINDOW.end_s), in_flight.keys()), (0, 0, 0));
}

#[test]
fn many_keys_are_estimated() {
    let (throttle, rate) = (Throttle::new(300_000), Rate::new(1, Duration::from_secs(3600), 1).expect("a valid rate"));
    let mut leases = Leases::new(1);
    for number in 1..=100_000_u64 {
        let key = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        throttle.take(&rate, key, 1, NOW.monotonic_ns, &mut leases);
    }
    let keys = throttle.keys(NOW.monotonic_ns);
    assert!((98_000..=102_000).contains(&keys), "{keys}");
}
