//! The ledger against the scripts: cases by hand, and random batches beside a few lines that say what a script says.

use super::*;
use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
};

const END_S: i64 = 10_000;

fn quota(key: u64, units: i64, limit: u64) -> ShareAsk {
    ShareAsk { key, units, of: ShareOf::Quota { limit, end_s: END_S, debit: false } }
}

fn debit(key: u64, units: i64, limit: u64) -> ShareAsk {
    ShareAsk { key, units, of: ShareOf::Quota { limit, end_s: END_S, debit: true } }
}

/// Of 10 units that come back in 100 us each.
fn bucket(key: u64, units: i64, spare: u64, drained_us: u64) -> ShareAsk {
    ShareAsk { key, units, of: ShareOf::Bucket { unit_us: 100.0, fill_us: 1000.0, spare, drained_us } }
}

fn request(asks: Vec<ShareAsk>) -> ShareRequest {
    ShareRequest { protocol: 1, cluster: "tollgate".to_owned(), probe: 7, asks }
}

fn at(us: u64) -> Now {
    Now { us, unix_s: 0 }
}

fn one(ledger: &mut Ledger, ask: ShareAsk, us: u64) -> (i64, i64) {
    ledger.answer(&request(vec![ask]), at(us)).expect("it is sound")[0]
}

#[test]
fn a_count_lends_up_to_its_limit_and_takes_back() {
    let mut ledger = Ledger::default();
    for (ask, answer) in [
        (quota(1, 60, 100), (60, 40)),
        (quota(1, 60, 100), (40, 0)),
        (quota(1, 1, 100), (0, 0)),
        (quota(2, 1, 100), (1, 99)),
        (quota(1, -30, 100), (-30, 30)),
        (debit(1, 50, 100), (50, -20)),
        (quota(1, 5, 100), (0, -20)),
        // A rule whose limit was raised.
        (quota(1, 50, 150), (30, 0)),
        (quota(3, 5, u64::MAX), (5, i64::MAX - 5)),
    ] {
        assert_eq!(one(&mut ledger, ask, 0), answer, "{ask:?}");
    }
    let next = ShareAsk { of: ShareOf::Quota { limit: 100, end_s: END_S + 1, debit: false }, ..quota(1, 70, 100) };
    assert_eq!(one(&mut ledger, next, 0), (70, 30), "another window");
}

#[test]
fn a_bucket_lends_what_has_come_back() {
    let mut ledger = Ledger::default();
    for (us, ask, answer) in [
        (0, bucket(1, 4, 20, 0), (4, 6)),
        (0, bucket(1, 20, 20, 0), (6, 0)),
        (99, bucket(1, 1, 20, 0), (0, 0)),
        (100, bucket(1, 2, 20, 0), (1, 0)),
        (100_000, bucket(1, 20, 20, 0), (10, 0)),
        // More than the spare is for one that takes long enough to be full.
        (200_000, bucket(2, 9, 2, 500), (2, 8)),
        (200_000, bucket(2, 3, 2, 500), (2, 6)),
        (200_000, bucket(2, 9, 2, 500), (2, 4)),
        (200_000, bucket(2, 9, 2, 500), (4, 0)),
    ] {
        assert_eq!(one(&mut ledger, ask, us), answer, "{us}: {ask:?}");
    }
}

/// What the scripts say, in their words: a count is a number, a bucket when it is full, both 0 if there is nothing.
#[derive(Default)]
struct Scripts(BTreeMap<(u64, i64), f64>);

impl Scripts {
    fn answer(&mut self, ask: &ShareAsk, now: f64) -> (i64, i64) {
        let units = ask.units as f64;
        match ask.of {
            ShareOf::Quota { limit, end_s, debit } => {
                let used = self.0.entry((ask.key, end_s)).or_default();
                let mut given = units;
                if units > 0.0 && !debit {
                    given = 0.0_f64.max(units.min(limit as f64 - *used));
                }
                *used += given;
                (given as i64, (limit as f64 - *used) as i64)
            }
            ShareOf::Bucket { unit_us, fill_us, spare, drained_us } => {
                let kept = self.0.entry((ask.key, 0)).or_default();
                let full = now.max(*kept);
                let units = if full - now < drained_us as f64 { units.min(spare as f64) } else { units };
                let room = 0.0_f64.max(((now + fill_us - full) / unit_us).floor());
                let given = units.min(room);
                if given > 0.0 {
                    *kept = (full + given * unit_us).ceil();
                }
                (given as i64, (room - given) as i64)
            }
        }
    }
}

#[test]
fn random_batches_are_answered_as_the_scripts_would() {
    let seed = RandomState::new().build_hasher().finish();
    let mut state = seed | 1;
    let mut chance = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let (mut ledger, mut scripts, mut us) = (Ledger::default(), Scripts::default(), 0);
    for turn in 0..20_000 {
        us += chance(300);
        let key = chance(5);
        let ask = match chance(4) {
            0 => quota(key, chance(200).cast_signed(), 2_000),
            1 => quota(key, -chance(150).cast_signed(), 2_000),
            2 => debit(key, chance(20).cast_signed(), 2_000),
            _ => bucket(10 + key, 1 + chance(12).cast_signed(), chance(5), chance(600)),
        };
        assert_eq!(one(&mut ledger, ask, us), scripts.answer(&ask, us as f64), "seed {seed}, turn {turn}: {ask:?}");
    }
}

#[test]
fn what_is_over_is_forgotten() {
    let mut ledger = Ledger::default();
    let _ = ledger.answer(&request(vec![quota(1, 1, 9), bucket(2, 9, 20, 0)]), at(0));
    assert_eq!(ledger.clusters["tollgate"].len(), 2);
    let none = request(Vec::new());
    let later = |unix_s| Now { us: SWEEP_US, unix_s };
    let _ = ledger.answer(&none, later(END_S + KEPT_S - 1));
    assert_eq!((ledger.clusters["tollgate"].len(), ledger.clusters["tollgate"].quotas.len()), (1, 1));
    let _ = ledger.answer(&none, Now { us: 2 * SWEEP_US, unix_s: END_S + KEPT_S });
    assert_eq!(ledger.clusters["tollgate"].len(), 0);
    let other = ShareRequest { cluster: "other".to_owned(), ..none };
    let _ = ledger.answer(&other, at(2 * SWEEP_US + PROBE_US));
    assert_eq!(ledger.clusters.keys().collect::<Vec<_>>(), ["other"]);
}

#[test]
fn there_is_no_room_without_bound_and_nothing_is_half_done() {
    let mut ledger = Ledger::default();
    let keys = SHARE_KEYS_MAX as u64;
    for first in (0..keys).step_by(ASKS_MAX) {
        let asks = (first..first + ASKS_MAX as u64).map(|key| quota(key, 1, 9)).collect();
        assert!(ledger.answer(&request(asks), at(0)).is_ok());
    }
    let more = request(vec![quota(0, 1, 9), quota(keys, 1, 9)]);
    assert_eq!(ledger.answer(&more, at(0)), Err(ShareRefusal::Full));
    assert_eq!(one(&mut ledger, quota(0, 1, 9), 0), (1, 7), "a key that is there, and was not counted");
    // Their windows are over.
    let over = Now { us: SWEEP_FULL_US, unix_s: END_S + KEPT_S };
    assert_eq!(ledger.answer(&more, over), Ok(vec![(1, 8), (1, 8)]));
    for cluster in 0..CLUSTERS_MAX - 1 {
        assert!(ledger.answer(&ShareRequest { cluster: cluster.to_string(), ..request(Vec::new()) }, over).is_ok());
    }
    let another = ShareRequest { cluster: "another".to_owned(), ..request(Vec::new()) };
    assert_eq!(ledger.answer(&another, over), Err(ShareRefusal::Full));
}

#[test]
fn nodes_with_another_secret_get_nothing_until_the_others_are_gone() {
    let mut ledger = Ledger::default();
    assert_eq!(one(&mut ledger, quota(1, 5, 9), 0), (5, 4));
    let other = ShareRequest { probe: 8, ..request(vec![quota(1, 1, 9)]) };
    assert_eq!(ledger.answer(&other, at(PROBE_US - 1)), Err(ShareRefusal::OtherSecret));
    // Of another cluster it is none of their business.
    assert!(ledger.answer(&ShareRequest { cluster: "other".to_owned(), ..other.clone() }, at(0)).is_ok());
    assert!(ledger.answer(&other, at(PROBE_US)).is_ok());
    assert_eq!(ledger.answer(&request(Vec::new()), at(PROBE_US)), Err(ShareRefusal::OtherSecret));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let mut ledger = Ledger::default();
    let many = request(vec![quota(1, 1, 9); ASKS_MAX + 1]);
    assert_eq!(ledger.answer(&many, at(0)), Err(ShareRefusal::TooMany(ASKS_MAX + 1)));
    for (unit_us, fill_us) in [(0.0, 1.0), (-1.0, 1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY), (1.0, -1.0)] {
        let of = ShareOf::Bucket { unit_us, fill_us, spare: 1, drained_us: 0 };
        let asks = vec![quota(1, 1, 9), ShareAsk { key: 1, units: 1, of }];
        assert!(matches!(ledger.answer(&request(asks), at(0)), Err(ShareRefusal::Malformed(_))));
    }
    let long = ShareRequest { cluster: "x".repeat(CLUSTER_CHARS_MAX + 1), ..request(Vec::new()) };
    assert!(matches!(ledger.answer(&long, at(0)), Err(ShareRefusal::Malformed(_))));
    assert!(ledger.clusters.is_empty());
}
