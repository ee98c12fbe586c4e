//! Decisions on limits.

use crate::{Step, fixed::Numbers, step::InTurn};
use std::{hint::black_box, rc::Rc, time::Duration};
use tollgate_limit::{Answer, Ask, Calendar, InFlight, Leases, Now, Period, Quotas, Rate, Rule, Throttle, decide};

const NOW: Now = Now { monotonic_ns: 1_000_000_000, unix_s: 1_795_176_000 };
const KEYS: usize = 10_000;
const PLENTY: u64 = 1_000_000_000;

/// The hashes of 64 out of 10,000 keys.
fn keys() -> InTurn<u64, 64> {
    let mut numbers = Numbers::new();
    InTurn::new(|_| numbers.next())
}

fn every_key(mut used: impl FnMut(u64)) {
    let mut numbers = Numbers::new();
    (0..KEYS).for_each(|_| used(numbers.next()));
}

fn bucket_of(limit: u64, per: Duration, burst: u64, is_admitted: bool) -> Step {
    let rate = Rate::new(limit, per, burst).expect("the rate is valid");
    let (throttle, mut leases, mut keys) = (Throttle::new(KEYS), Leases::new(2), keys());
    every_key(|key| {
        throttle.take(&rate, key, 1, NOW.monotonic_ns, &mut leases);
    });
    Step::new(move || {
        let verdict = throttle.take(&rate, black_box(*keys.next()), 1, NOW.monotonic_ns, &mut leases);
        assert_eq!(verdict.admitted, is_admitted);
        verdict
    })
}

/// A token bucket that has enough.
pub(crate) fn bucket() -> Step {
    bucket_of(1_000_000, Duration::from_secs(1), PLENTY, true)
}

/// One that is empty.
pub(crate) fn bucket_refused() -> Step {
    bucket_of(1, Duration::from_secs(3600), 1, false)
}

/// Counts a request in its month.
pub(crate) fn quota() -> Step {
    let (quotas, window) = (Quotas::new(KEYS), Calendar::utc(Period::Month).window(NOW.unix_s));
    every_key(|key| {
        quotas.take(PLENTY, key, 1, &window, NOW.unix_s);
    });
    let mut keys = keys();
    Step::new(move || {
        let verdict = quotas.take(PLENTY, black_box(*keys.next()), 1, &window, NOW.unix_s);
        assert!(verdict.admitted);
        verdict
    })
}

/// A request enters and leaves.
pub(crate) fn in_flight() -> Step {
    let (in_flight, mut keys) = (InFlight::new(KEYS), keys());
    Step::new(move || {
        let entered = in_flight.enter(100, black_box(*keys.next())).expect("there is room");
        in_flight.leave(entered);
    })
}

/// All three at once, as a plan has them.
pub(crate) fn rules() -> Step {
    let rate = Rate::new(1_000_000, Duration::from_secs(1), PLENTY).expect("the rate is valid");
    let (throttle, quotas, in_flight) = (Throttle::new(KEYS), Quotas::new(KEYS), Rc::new(InFlight::new(KEYS)));
    let (window, mut leases, mut keys) = (Calendar::utc(Period::Month).window(NOW.unix_s), Leases::new(2), keys());
    Step::new(move || {
        let key = black_box(*keys.next());
        let of =
            [Rule::Throttle(&throttle, &rate), Rule::Quota(&quotas, PLENTY, &window), Rule::InFlight(&in_flight, 100)];
        let asks = of.map(|of| Ask { of, key, units: 1, shadow: false });
        let mut answers = [Answer::None, Answer::None, Answer::None];
        assert!(decide(&asks, NOW, &mut leases, &mut answers).is_admitted());
        for answer in answers {
            if let Answer::Entered(entered) = answer {
                in_flight.leave(entered);
            }
        }
    })
}
