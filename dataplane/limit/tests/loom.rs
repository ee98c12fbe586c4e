//! Every interleaving of the compare-and-swaps of the table, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p tollgate-limit --test loom`. Without that it is empty.
//!
//! A group has two entries here. A bucket of one unit that never refills makes every mistake visible: two entries for one
//! key, a charge to another key's entry or a unit leased twice would admit two.
#![cfg(loom)]

use std::time::Duration;

use loom::{sync::Arc, thread};
use tollgate_limit::{Leases, Rate, Throttle};

const HOUR: Duration = Duration::from_secs(3600);

fn take(throttle: &Throttle, rate: &Rate, key: u64, now_ns: u64) -> u64 {
    u64::from(throttle.take(rate, key, 1, now_ns, &mut Leases::new(1)).0.admitted)
}

fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Two threads bring the same new key.
#[test]
fn a_key_gets_one_entry() {
    explore(4, || {
        let rate = Rate::new(1, HOUR, 1).unwrap();
        let throttle = Arc::new(Throttle::new(1));
        let other = Arc::clone(&throttle);
        let thread = thread::spawn(move || take(&other, &rate, 7, 1000));
        let mine = take(&throttle, &rate, 7, 1000);
        assert_eq!(mine + thread.join().unwrap(), 1);
    });
}

/// Two threads bring the same two new keys in opposite order, to a group of two entries.
#[test]
fn new_keys_do_not_take_each_others_entry() {
    explore(2, || {
        let rate = Rate::new(1, HOUR, 1).unwrap();
        let throttle = Arc::new(Throttle::new(1));
        let other = Arc::clone(&throttle);
        let thread = thread::spawn(move || [8, 7].map(|key| take(&other, &rate, key, 1000)));
        let mine = [7, 8].map(|key| take(&throttle, &rate, key, 1000));
        let theirs = thread.join().unwrap();
        // Less than one where a key found no entry free: then it shares with the other, and may be charged in vain.
        assert!(mine[0] + theirs[1] <= 1 && mine[1] + theirs[0] <= 1, "{mine:?} {theirs:?}");
    });
}

/// Both entries are full again and are taken for two new keys, while an old key comes back with an older clock.
#[test]
fn a_forgotten_key_is_not_admitted_twice() {
    explore(3, || {
        let rate = Rate::new(1, Duration::from_nanos(100), 1).unwrap();
        let throttle = Arc::new(Throttle::new(1));
        assert_eq!(take(&throttle, &rate, 7, 0) + take(&throttle, &rate, 8, 0), 2);
        let other = Arc::clone(&throttle);
        let thread = thread::spawn(move || (take(&other, &rate, 9, 100), take(&other, &rate, 10, 100)));
        // Full again at 100 only, whichever entry says so.
        let early = take(&throttle, &rate, 7, 99);
        assert_eq!(early, 0);
        let late = take(&throttle, &rate, 7, 100);
        thread.join().unwrap();
        assert!(late <= 1);
        assert_eq!(late * take(&throttle, &rate, 7, 199), 0);
    });
}

/// No room: keys share a bucket, and one of them gets an entry when another's is full again.
#[test]
fn keys_without_an_entry_share_one_bucket() {
    explore(3, || {
        let rate = Rate::new(1, Duration::from_nanos(100), 1).unwrap();
        let throttle = Arc::new(Throttle::new(1));
        assert_eq!(take(&throttle, &rate, 7, 0) + take(&throttle, &rate, 8, 0), 2);
        let other = Arc::clone(&throttle);
        // By the clock of this thread there is no room for 9, by that of the other there is.
        let thread = thread::spawn(move || take(&other, &rate, 9, 100));
        let mine = take(&throttle, &rate, 9, 99);
        assert!(mine + thread.join().unwrap() <= 1);
    });
}

/// A worker that loses a swap leases what others then do not get.
#[test]
fn a_lease_is_nobody_elses() {
    explore(3, || {
        let rate = Rate::new(4096, HOUR, 4096).unwrap();
        let throttle = Arc::new(Throttle::new(1));
        let mut leases = Leases::new(1);
        // All but four units: a lease is four.
        assert!(throttle.take(&rate, 7, 4090, 0, &mut leases).0.admitted);
        let all = move |throttle: &Throttle| {
            let mut leases = Leases::new(1);
            (0..4).filter(|_| throttle.take(&rate, 7, 1, 0, &mut leases).0.admitted).count()
        };
        let other = Arc::clone(&throttle);
        let thread = thread::spawn(move || all(&other));
        let mine = all(&throttle);
        assert!(mine + thread.join().unwrap() <= 6);
    });
}
