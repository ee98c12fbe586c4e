//! Passive ejection: when, for how long, and never too many.

use crate::upstreams::{Chooser, upstream, weighted};
use proptest::prelude::*;
use std::sync::Arc;
use tollgate_balance::{Outcome, Upstream};

const SECOND: u64 = 1_000_000_000;

fn fail(upstream: &Arc<Upstream>, position: u32, times: u32, now: u64) {
    (0..times).for_each(|_| upstream.report(&upstream.endpoints(), position, Outcome::Failure, now));
}

fn is_ejected(upstream: &Upstream, position: usize, now: u64) -> bool {
    upstream.endpoints().members()[position].endpoint.is_ejected(now)
}

#[test]
fn failures_in_a_row_eject_and_one_success_forgives() {
    let upstream = upstream(&weighted(&[1, 1, 1]), ", outliers: { consecutive: 3, ejection: 10s }");
    fail(&upstream, 0, 2, SECOND);
    upstream.report(&upstream.endpoints(), 0, Outcome::Success, SECOND);
    fail(&upstream, 0, 2, SECOND);
    assert!(!is_ejected(&upstream, 0, SECOND));
    fail(&upstream, 0, 1, SECOND);
    assert!(is_ejected(&upstream, 0, SECOND));
    let chooser = Chooser::new(&upstream);
    assert_eq!(chooser.shares(30, 2 * SECOND), [0, 15, 15]);
    assert_eq!(chooser.shares(30, 11 * SECOND), [10, 10, 10], "back after its time");
}

#[test]
fn each_ejection_in_a_row_lasts_longer() {
    let rest = ", outliers: { consecutive: 1, ejection: 10s, ejection_max: 35s }";
    let upstream = upstream(&weighted(&[1, 1]), rest);
    let mut now = SECOND;
    for seconds in [10, 20, 35, 35] {
        fail(&upstream, 0, 1, now);
        now += seconds * SECOND;
        assert!(is_ejected(&upstream, 0, now - 1) && !is_ejected(&upstream, 0, now), "{seconds}");
    }
    now += 35 * SECOND;
    fail(&upstream, 0, 1, now);
    assert!(!is_ejected(&upstream, 0, now + 10 * SECOND), "well for long enough, it begins anew");
}

#[test]
fn a_share_of_failures_ejects_once_there_are_enough_exchanges() {
    let rest = ", outliers: { consecutive: off, failures: 50%, requests_min: 10, window: 10s }";
    let upstream = upstream(&weighted(&[1, 1]), rest);
    let exchange = |failed, now| {
        let outcome = if failed { Outcome::Failure } else { Outcome::Success };
        upstream.report(&upstream.endpoints(), 0, outcome, now);
    };
    (0..9).for_each(|_| exchange(true, 20 * SECOND));
    assert!(!is_ejected(&upstream, 0, 20 * SECOND), "too few to tell");
    // Another window: what was before does not count.
    (0..6).for_each(|_| exchange(false, 31 * SECOND));
    (0..5).for_each(|_| exchange(true, 31 * SECOND));
    assert!(!is_ejected(&upstream, 0, 31 * SECOND), "5 of 11");
    exchange(true, 31 * SECOND);
    assert!(is_ejected(&upstream, 0, 31 * SECOND), "6 of 12");
}

#[test]
fn a_backup_lets_the_only_other_endpoint_go() {
    let endpoints = "{ address: 127.0.0.1:1 }, { address: 127.0.0.1:2, backup: true }";
    let upstream = upstream(endpoints, ", outliers: { consecutive: 1 }");
    fail(&upstream, 0, 1, SECOND);
    assert_eq!(Chooser::new(&upstream).next(SECOND), Some(1));
    fail(&upstream, 1, 9, SECOND);
    assert_eq!(Chooser::new(&upstream).next(SECOND), Some(1), "the last one stays");
}

/// An ejection leaves others, but they may be found unhealthy, or leave the list, after it.
#[test]
fn an_ejected_endpoint_is_used_when_nothing_else_is_left() {
    let upstream = upstream(&weighted(&[1, 1, 1]), ", outliers: { consecutive: 1, ejection: 10s, ejected_max: 100% }");
    fail(&upstream, 1, 1, SECOND);
    fail(&upstream, 0, 1, 2 * SECOND);
    let (chooser, list) = (Chooser::new(&upstream), upstream.endpoints());
    assert_eq!(chooser.shares(30, 3 * SECOND), [0, 0, 30]);
    list.members()[2].endpoint.judge(false, 3 * SECOND);
    assert_eq!(chooser.shares(30, 4 * SECOND), [0, 30, 0], "the one that is back first");
    list.members()[1].endpoint.judge(false, 4 * SECOND);
    assert_eq!(chooser.shares(30, 5 * SECOND), [30, 0, 0]);
}

#[test]
fn without_outliers_nothing_is_ejected() {
    let upstream = upstream(&weighted(&[1, 1]), "");
    fail(&upstream, 0, 1000, SECOND);
    assert!(!is_ejected(&upstream, 0, SECOND));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    /// Never more than the bound, and never the last that is available, whatever checks and exchanges say.
    #[test]
    fn no_more_are_ejected_than_may_be(
        count in 1_usize..8, percent in 1_usize..=100, steps in prop::collection::vec((0_usize..8, 0_u8..8), 0..200),
    ) {
        let rest = format!(", outliers: {{ consecutive: 2, ejection: 5s, ejection_max: 20s, ejected_max: {percent}% }}");
        let upstream = upstream(&weighted(&vec![1; count]), &rest);
        let (list, mut now) = (upstream.endpoints(), SECOND);
        for (position, what) in steps {
            let position = position % count;
            let left = |now| list.members().iter().filter(|member| member.endpoint.is_available(now)).count();
            let before = left(now);
            match what {
                0 => list.members()[position].endpoint.judge(false, now),
                1 => list.members()[position].endpoint.judge(true, now),
                2 => upstream.report(&list, position as u32, Outcome::Success, now),
                3 => now += SECOND,
                _ => {
                    upstream.report(&list, position as u32, Outcome::Failure, now);
                    prop_assert!(before == 0 || left(now) > 0, "the last one was ejected");
                }
            }
            let ejected = list.members().iter().filter(|member| member.endpoint.is_ejected(now)).count();
            prop_assert!(ejected <= (count * percent / 100).max(1), "{ejected} of {count}");
        }
    }
}

#[test]
fn workers_that_eject_at_one_time_keep_the_bound() {
    let upstream = upstream(&weighted(&[1; 8]), ", outliers: { consecutive: 1, ejected_max: 25% }");
    std::thread::scope(|scope| {
        for position in 0..8 {
            let upstream = &upstream;
            scope.spawn(move || fail(upstream, position, 1000, SECOND));
        }
    });
    let ejected = (0..8).filter(|&position| is_ejected(&upstream, position, SECOND)).count();
    assert_eq!(ejected, 2);
}
