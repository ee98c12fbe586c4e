//! A bucket against an exact one, with clocks that go anywhere, tables too small for their keys and requests given
//! back.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use tollgate_limit::{Leases, Rate, Throttle};

#[derive(Debug, Clone)]
struct Step {
    key: u64,
    worker: usize,
    units: u64,
    now_ns: u64,
    give_back: bool,
}

fn steps(keys: u64) -> impl Strategy<Value = Vec<Step>> {
    // A few keys are asked for again and again, a few times come again and again.
    let key = prop_oneof![3 => 0..keys.min(2), 1 => 0..keys];
    let now_ns = prop_oneof![0..20_000_000_000_u64, (0..40_u64).prop_map(|half| half * 500_000_000)];
    let step = (key, 0..3_usize, 1..4_u64, now_ns, prop::bool::weighted(0.3));
    let any_order = prop::collection::vec(step, 1..200);
    (any_order, any::<bool>()).prop_map(|(mut steps, forward)| {
        if forward {
            steps.sort_by_key(|step| step.3);
        }
        let step = |(key, worker, units, now_ns, give_back)| Step { key, worker, units, now_ns, give_back };
        steps.into_iter().map(step).collect()
    })
}

/// An exact bucket: its theoretical arrival time in units of 1/limit ns.
struct Exact {
    limit: u128,
    per: u128,
    burst: u128,
    full: u128,
}

impl Exact {
    fn take(&mut self, units: u64, now_ns: u64) -> bool {
        let now = u128::from(now_ns) * self.limit;
        let end = self.full.max(now) + u128::from(units) * self.per;
        let admitted = end - now <= self.burst * self.per;
        if admitted {
            self.full = end;
        }
        admitted
    }
}

/// No stretch of time, told by the clocks the requests came with, has more than its rate.
fn within_bound(admitted: &[(u64, u64)], limit: u64, per_ns: u64, burst: u64) -> bool {
    let mut times: Vec<u64> = admitted.iter().map(|(now, _)| *now).collect();
    times.sort_unstable();
    let stretches = times.iter().flat_map(|from| times.iter().map(move |to| (*from, *to)));
    stretches.filter(|(from, to)| from <= to).all(|(from, to)| {
        let inside = admitted.iter().filter(|(now, _)| (from..=to).contains(now));
        let units: u128 = inside.map(|(_, units)| u128::from(*units)).sum();
        units * u128::from(per_ns) <= u128::from(limit) * u128::from(to - from) + u128::from(burst) * u128::from(per_ns)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where an interval is a whole number of ticks, every single decision is the exact one.
    #[test]
    fn decides_as_an_exact_bucket_does(
        steps in steps(1),
        limit in prop::sample::select(vec![1_u64, 2, 4, 5, 10, 1000, 1_000_000]),
        burst in 1..10_u64,
    ) {
        let rate = Rate::new(limit, Duration::from_secs(1), burst).unwrap();
        let throttle = Throttle::new(1);
        let mut leases = Leases::new(1);
        let mut exact = Exact { limit: limit.into(), per: 1_000_000_000, burst: burst.into(), full: 0 };
        for Step { units, now_ns, .. } in steps {
            let peeked = throttle.peek(&rate, 77, units, now_ns, &leases).admitted;
            let verdict = throttle.take(&rate, 77, units, now_ns, &mut leases);
            prop_assert_eq!(verdict.admitted, exact.take(units, now_ns));
            prop_assert_eq!(verdict.admitted, peeked);
            if let Some(wait) = rate.retry_after_ns(&verdict).filter(|wait| *wait > 0) {
                prop_assert!(throttle.peek(&rate, 77, units, now_ns + wait, &leases).admitted);
                prop_assert!(!throttle.peek(&rate, 77, units, now_ns + wait - 1, &leases).admitted);
            }
        }
    }

    /// Any rate, any clocks, three workers, entries that are forgotten, keys without room, requests given back.
    #[test]
    fn never_admits_more_than_the_bound(
        steps in steps(40),
        limit in prop_oneof![1..5_000_u64, 100_000_000..3_000_000_000_u64],
        per_ms in prop::sample::select(vec![1_u64, 1_000, 7_000, 60_000]),
        burst in 1..6_u64,
    ) {
        let Ok(rate) = Rate::new(limit, Duration::from_millis(per_ms), burst) else { return Ok(()) };
        let throttle = Throttle::new(1);
        let mut workers: Vec<Leases> = (0..3).map(|_| Leases::new(3)).collect();
        let mut admitted: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
        for Step { key, worker, units, now_ns, give_back } in steps {
            let hash = (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let leases = &mut workers[worker];
            let verdict = throttle.take(&rate, hash, units, now_ns, leases);
            match (verdict.admitted, give_back) {
                (true, true) => { throttle.give_back(hash, &verdict, now_ns, leases); }
                (true, false) => admitted.entry(key).or_default().push((now_ns, units)),
                _ => {}
            }
        }
        for admitted in admitted.values() {
            prop_assert!(within_bound(admitted, limit, per_ms * 1_000_000, burst), "{:?}", admitted);
        }
    }
}
