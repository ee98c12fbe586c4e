//! Buckets: insertion, forgetting, sharing and leasing, in a table whose groups have two entries.
//!
//! A bucket of one unit makes every mistake visible: two entries for one key, a charge to another key's entry or a unit
//! leased twice would admit two.

use loom::{sync::Arc, thread};
use std::time::Duration;

use self::{in_flight::InFlight, lease::Leases, rate::Rate, throttle::Throttle};

#[path = "../../../dataplane/limit/src/in_flight.rs"]
mod in_flight;
#[path = "../../../dataplane/limit/src/lease.rs"]
mod lease;
#[path = "../../../dataplane/limit/src/limits.rs"]
mod limits;
#[path = "../../../dataplane/limit/src/rate.rs"]
mod rate;
#[expect(clippy::modulo_one, reason = "a line has one entry here")]
#[path = "../../../dataplane/limit/src/table.rs"]
mod table;
#[path = "../../../dataplane/limit/src/throttle.rs"]
mod throttle;

mod shape {
    pub(crate) const LINE_ENTRIES: usize = 1;
    pub(crate) const GROUP_LINES: usize = 2;
}

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

const HOUR: Duration = Duration::from_secs(3600);

fn take(throttle: &Throttle, rate: &Rate, key: u64, now_ns: u64) -> u64 {
    u64::from(throttle.take(rate, key, 1, now_ns, &mut Leases::new(1)).0.admitted)
}

/// Two threads bring the same new key.
pub fn a_key_gets_one_entry() {
    let rate = Rate::new(1, HOUR, 1).expect("a valid rate");
    let throttle = Arc::new(Throttle::new(1));
    let other = Arc::clone(&throttle);
    let thread = thread::spawn(move || take(&other, &rate, 7, 1000));
    let mine = take(&throttle, &rate, 7, 1000);
    assert_eq!(mine + thread.join().expect("it does not panic"), 1);
}

/// Two threads bring the same new key for the one entry that is left.
pub fn a_key_gets_the_last_entry() {
    let rate = Rate::new(1, HOUR, 1).expect("a valid rate");
    let throttle = Arc::new(Throttle::new(1));
    assert_eq!(take(&throttle, &rate, 7, 1000), 1);
    let other = Arc::clone(&throttle);
    let thread = thread::spawn(move || take(&other, &rate, 8, 1000));
    let mine = take(&throttle, &rate, 8, 1000);
    // None where one found the entry claimed and was charged, in vain, to what keys without an entry share.
    assert!(mine + thread.join().expect("it does not panic") <= 1);
    assert_eq!(take(&throttle, &rate, 8, 1000), 0);
}

/// Both entries are full again and are taken for two new keys, while an old key comes back with an older clock.
pub fn a_forgotten_key_is_not_admitted_twice() {
    let rate = Rate::new(1, Duration::from_nanos(100), 1).expect("a valid rate");
    let throttle = Arc::new(Throttle::new(1));
    assert_eq!(take(&throttle, &rate, 7, 0) + take(&throttle, &rate, 8, 0), 2);
    let other = Arc::clone(&throttle);
    let thread = thread::spawn(move || (take(&other, &rate, 9, 100), take(&other, &rate, 10, 100)));
    // Full again at 100 only, whichever entry says so.
    let early = take(&throttle, &rate, 7, 99);
    assert_eq!(early, 0);
    let late = take(&throttle, &rate, 7, 100);
    thread.join().expect("it does not panic");
    assert!(late <= 1);
    assert_eq!(late * take(&throttle, &rate, 7, 199), 0);
}

/// No room: keys share a bucket, and one of them gets an entry when another's is full again.
pub fn keys_without_an_entry_share_one_bucket() {
    let rate = Rate::new(1, Duration::from_nanos(100), 1).expect("a valid rate");
    let throttle = Arc::new(Throttle::new(1));
    assert_eq!(take(&throttle, &rate, 7, 0) + take(&throttle, &rate, 8, 0), 2);
    let other = Arc::clone(&throttle);
    // By the clock of this thread there is no room for 9, by that of the other there is.
    let thread = thread::spawn(move || take(&other, &rate, 9, 100));
    let mine = take(&throttle, &rate, 9, 99);
    assert!(mine + thread.join().expect("it does not panic") <= 1);
}

/// A worker that loses a swap leases what others then do not get.
pub fn a_lease_is_nobody_elses() {
    let rate = Rate::new(4096, HOUR, 4096).expect("a valid rate");
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
    assert!(mine + thread.join().expect("it does not panic") <= 6);
}

/// Two threads enter and leave with the same new key: never both where one may, and nothing is left.
pub fn who_entered_leaves() {
    let in_flight = Arc::new(InFlight::new(1));
    let inside = Arc::new(loom::sync::atomic::AtomicU64::new(0));
    let visit = |in_flight: &InFlight, inside: &loom::sync::atomic::AtomicU64| {
        if let Some(entered) = in_flight.enter(1, 7) {
            assert_eq!(inside.fetch_add(1, sync::Ordering::AcqRel), 0);
            inside.fetch_sub(1, sync::Ordering::AcqRel);
            in_flight.leave(entered);
        }
    };
    let other = (Arc::clone(&in_flight), Arc::clone(&inside));
    let thread = thread::spawn(move || visit(&other.0, &other.1));
    visit(&in_flight, &inside);
    thread.join().expect("it does not panic");
    assert_eq!(in_flight.show(7), 0);
    assert!(in_flight.enter(1, 7).is_some());
}
