//! Which endpoint is chosen: shares by weight, consistency of keys, backups, slow start, what was tried.

use crate::upstreams::{Chooser, publish, snapshot, upstream, weighted};
use proptest::prelude::*;
use std::net::IpAddr;
use tollgate_balance::{Registry, Tried, hash};

const ALGORITHMS: [&str; 4] = ["round_robin", "least_requests", "power_of_two", "{ consistent_hash: { key: path } }"];

fn with(balance: &str) -> String {
    format!(", balance: {balance}")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    /// In turn the shares are exact; by load they follow the weights as closely as whole requests can.
    #[test]
    fn shares_follow_the_weights(weights in prop::collection::vec(1_u32..20, 1..8)) {
        let sum: u32 = weights.iter().sum();
        for (balance, slack) in [("round_robin", 0), ("least_requests", 1)] {
            let chooser = Chooser::new(&upstream(&weighted(&weights), &with(balance)));
            let shares = chooser.shares(sum as usize * 10, 0);
            for (share, weight) in shares.iter().zip(&weights) {
                prop_assert!(share.abs_diff(*weight as usize * 10) <= slack, "{balance}: {shares:?} for {weights:?}");
            }
        }
    }

    /// Whatever is out, the others keep their shares of what is left.
    #[test]
    fn what_is_left_is_shared_by_weight(weights in prop::collection::vec(1_u32..10, 2..6), out in any::<prop::sample::Index>()) {
        let chooser = Chooser::new(&upstream(&weighted(&weights), ""));
        let out = out.index(weights.len());
        chooser.list().members()[out].endpoint.judge(false, 1);
        let rest: u32 = weights.iter().sum::<u32>() - weights[out];
        let shares = chooser.shares(rest as usize * 10, 1);
        for (position, (share, weight)) in shares.iter().zip(&weights).enumerate() {
            prop_assert_eq!(*share, if position == out { 0 } else { *weight as usize * 10 });
        }
    }

    /// Taking an endpoint away moves its own keys and no others; back in, it has them again.
    #[test]
    fn only_the_keys_of_what_is_gone_move(count in 2_usize..12, gone in any::<prop::sample::Index>(), seed in any::<u64>()) {
        let chooser = Chooser::new(&upstream(&weighted(&vec![1; count]), &with(ALGORITHMS[3])));
        let owner = |key: u64| chooser.choose(1, Some(hash(&(seed ^ key).to_le_bytes())), &Tried::default()).unwrap();
        let before: Vec<u32> = (0..500).map(owner).collect();
        let gone = gone.index(count) as u32;
        let list = chooser.list();
        list.members()[gone as usize].endpoint.judge(false, 1);
        for (key, &was) in before.iter().enumerate() {
            let now = owner(key as u64);
            prop_assert!(now != gone && (was == gone || now == was));
        }
        list.members()[gone as usize].endpoint.judge(true, 1);
        prop_assert_eq!((0..500).map(owner).collect::<Vec<_>>(), before);
    }

    /// A retry goes elsewhere as long as there is an elsewhere, to backups at last, and no endpoint is tried twice.
    #[test]
    fn what_was_tried_is_not_chosen(primaries in 1_usize..5, backups in 0_usize..4, algorithm in 0_usize..4) {
        let count = primaries + backups;
        let backup = (1..=backups).map(|port| format!(", {{ address: 127.0.0.2:{port}, backup: true }}"));
        let endpoints = weighted(&vec![3; primaries]) + &backup.collect::<String>();
        let chooser = Chooser::new(&upstream(&endpoints, &with(ALGORITHMS[algorithm])));
        let (list, mut tried, mut seen) = (chooser.list(), Tried::default(), Vec::new());
        while let Some(position) = chooser.choose(1, Some(7), &tried) {
            prop_assert!(!seen.contains(&position));
            prop_assert_eq!((position as usize) < primaries, seen.len() < primaries);
            seen.push(position);
            tried.add(list.members()[position as usize].endpoint.id());
        }
        prop_assert_eq!(seen.len(), count);
    }
}

#[test]
fn two_draws_keep_endpoints_level() {
    let chooser = Chooser::new(&upstream(&weighted(&[1; 8]), &with("power_of_two")));
    let shares = chooser.shares(8_000, 0);
    // One draw would be some 200 off (Mitzenmacher, 2001).
    assert!(shares.iter().all(|share| share.abs_diff(1_000) < 20), "{shares:?}");
}

#[test]
fn the_fewest_requests_win() {
    let chooser = Chooser::new(&upstream(&weighted(&[1, 1, 1]), &with("least_requests")));
    let list = chooser.list();
    for _ in 0..5 {
        chooser.upstream.begin(&list.members()[0].endpoint);
        chooser.upstream.begin(&list.members()[2].endpoint);
    }
    assert_eq!(chooser.shares(5, 0), [0, 5, 0]);
    (0..5).for_each(|_| chooser.upstream.end(&list.members()[2].endpoint));
    assert_eq!(chooser.shares(5, 0), [0, 0, 5]);
}

#[test]
fn keys_are_spread_by_weight() {
    let chooser = Chooser::new(&upstream(&weighted(&[1, 1, 2]), &with(ALGORITHMS[3])));
    let mut shares = [0_usize; 3];
    for key in 0..40_000_u64 {
        shares[chooser.choose(0, Some(hash(&key.to_le_bytes())), &Tried::default()).unwrap() as usize] += 1;
    }
    for (share, fair) in shares.iter().zip([10_000, 10_000, 20_000]) {
        assert!(share.abs_diff(fair) < fair / 4, "{shares:?}");
    }
}

#[test]
fn the_hash_of_a_key_is_known() {
    // Nodes of different versions have to agree: XXH3 (64 bits), as published.
    assert_eq!(hash(b""), 0x2d06_8005_38d3_94c2);
    assert_eq!(hash(b"\0"), 0xc44b_dff4_074e_ecdb);
    assert_eq!(hash(b"a"), 0xe6c6_32b6_1e96_4e1f);
    assert_eq!(hash(b"abc"), 0x78af_5f94_892f_3950);
}

#[test]
fn a_bounded_load_passes_over_what_is_too_busy() {
    let chooser =
        Chooser::new(&upstream(&weighted(&[1; 4]), ", balance: { consistent_hash: { key: path, load_max: 125% } }"));
    let list = chooser.list();
    for _ in 0..400 {
        // One key for all of them: without a bound, one endpoint would have every request.
        let position = chooser.choose(0, Some(42), &Tried::default()).unwrap();
        chooser.upstream.begin(&list.members()[position as usize].endpoint);
        let loads: Vec<u32> = list.members().iter().map(|member| member.endpoint.in_flight()).collect();
        let total: u32 = loads.iter().sum();
        assert!(loads.iter().all(|&load| load <= (total * 125).div_ceil(400)), "{loads:?}");
    }
}

#[test]
fn a_backup_is_for_when_nothing_else_is_available() {
    for balance in ALGORITHMS {
        let endpoints = "{ address: 127.0.0.1:1 }, { address: 127.0.0.1:2, backup: true }, { address: 127.0.0.1:3 }";
        let chooser = Chooser::new(&upstream(endpoints, &with(balance)));
        let list = chooser.list();
        let judge = |position: usize, is_healthy| list.members()[position].endpoint.judge(is_healthy, 1);
        assert!((0..50).all(|_| chooser.next(1) != Some(1)), "{balance}");
        judge(0, false);
        assert!((0..50).all(|_| chooser.next(1) == Some(2)), "{balance}");
        judge(2, false);
        assert!((0..50).all(|_| chooser.next(1) == Some(1)), "{balance}");
        judge(1, false);
        assert_eq!(chooser.next(1), None, "{balance}");
        judge(0, true);
        assert_eq!(chooser.next(1), Some(0), "{balance}");
    }
}

#[test]
fn an_endpoint_that_is_back_gets_its_share_step_by_step() {
    const SECOND: u64 = 1_000_000_000;
    for balance in ["round_robin", "least_requests"] {
        let rest = format!(", slow_start: 10s, balance: {balance}");
        let chooser = Chooser::new(&upstream(&weighted(&[1, 1]), &rest));
        let list = chooser.list();
        assert!(chooser.shares(200, SECOND)[1] >= 99, "{balance}: there from the start");
        for member in list.members() {
            (0..member.endpoint.in_flight()).for_each(|_| chooser.upstream.end(&member.endpoint));
        }
        list.members()[1].endpoint.judge(false, SECOND);
        list.members()[1].endpoint.judge(true, 100 * SECOND);
        let mut last = 0;
        for (passed, least, most) in [(0, 40, 160), (5, 280, 440), (10, 499, 500)] {
            let shares = chooser.shares(1_000, (100 + passed) * SECOND);
            assert!(shares[1] >= least && shares[1] <= most && shares[1] > last, "{balance}, {passed} s: {shares:?}");
            last = shares[1];
            for member in list.members() {
                (0..member.endpoint.in_flight()).for_each(|_| chooser.upstream.end(&member.endpoint));
            }
        }
    }
}

#[test]
fn a_new_address_of_a_name_starts_slowly_and_the_first_ones_do_not() {
    let mut registry = Registry::default();
    let snapshot = snapshot("{ address: 'a.test:80' }", ", slow_start: 10s");
    let upstream = publish(&mut registry, &snapshot, 5);
    let [one, two]: [IpAddr; 2] = ["127.0.0.1", "127.0.0.2"].map(|ip| ip.parse().unwrap());
    assert_eq!(Chooser::new(&upstream).next(5), None, "no address yet");
    assert!(upstream.set_addresses(0, &[one], 5));
    assert!(upstream.set_addresses(0, &[two, one], 7));
    let shares = Chooser::new(&upstream).shares(1_000, 7);
    assert!(shares[1] > 0 && shares[1] < 200, "{shares:?}");
}
