//! Buckets and quotas: insertion, forgetting, sharing, leasing and the change of a window, in a table whose groups have two
//! entries.
//!
//! A bucket of one unit makes every mistake visible: two entries for one key, a charge to another key's entry or a unit
//! leased twice would admit two.

use loom::{sync::Arc, thread};
use std::time::Duration;

use self::{
    bucket::Bucket, in_flight::InFlight, lease::Leases, quota::Quotas, rate::Rate, throttle::Throttle, window::Window,
};

#[path = "../../../dataplane/limit/src/bucket.rs"]
mod bucket;
#[path = "../../../dataplane/limit/src/in_flight.rs"]
mod in_flight;
#[path = "../../../dataplane/limit/src/lease.rs"]
mod lease;
#[path = "../../../dataplane/limit/src/limits.rs"]
mod limits;
#[path = "../../../dataplane/limit/src/quota.rs"]
mod quota;
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

/// As a calendar gives it.
mod window {
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Window {
        pub start_s: i64,
        pub end_s: i64,
    }
}

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

/// The two windows of a quota's models, and a moment in each.
const OLD: (Window, i64) = (Window { start_s: 0, end_s: 900 }, 899);
const NEW: (Window, i64) = (Window { start_s: 900, end_s: 1800 }, 900);

const HOUR: Duration = Duration::from_secs(3600);

fn take(throttle: &Throttle, rate: &Rate, key: u64, now_ns: u64) -> u64 {
    u64::from(throttle.take(rate, key, 1, now_ns, &mut Leases::new(1)).admitted)
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

/// An entry is full again and taken for a new key, while its old key comes back with an older clock.
pub fn a_forgotten_key_is_not_admitted_twice() {
    let rate = Rate::new(1, Duration::from_nanos(100), 1).expect("a valid rate");
    let throttle = Arc::new(Throttle::new(1));
    assert_eq!(take(&throttle, &rate, 7, 0) + take(&throttle, &rate, 8, 0), 2);
    let other = Arc::clone(&throttle);
    let thread = thread::spawn(move || (take(&other, &rate, 7, 99), take(&other, &rate, 7, 100)));
    take(&throttle, &rate, 9, 101);
    let (early, late) = thread.join().expect("it does not panic");
    // Full again at 100 and not before, whichever entry says so; forgotten behind that.
    assert_eq!(early, 0);
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
    let thread = thread::spawn(move || take(&other, &rate, 9, 101));
    let mine = take(&throttle, &rate, 9, 100);
    assert!(mine + thread.join().expect("it does not panic") <= 1);
}

/// A worker that loses a swap leases what others then do not get.
pub fn a_lease_is_nobody_elses() {
    let rate = Rate::new(4096, HOUR, 4096).expect("a valid rate");
    let throttle = Arc::new(Throttle::new(1));
    let mut leases = Leases::new(1);
    // All but four units: a lease is four.
    assert!(throttle.take(&rate, 7, 4090, 0, &mut leases).admitted);
    let all = move |throttle: &Throttle| {
        let mut leases = Leases::new(1);
        (0..4).filter(|_| throttle.take(&rate, 7, 1, 0, &mut leases).admitted).count()
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

fn count(quotas: &Quotas, limit: u64, key: u64, (window, now_s): (Window, i64)) -> u64 {
    u64::from(quotas.take(limit, key, 1, &window, now_s).admitted)
}

/// What a key has used, and in which window.
fn used(quotas: &Quotas, key: u64) -> (i64, i64) {
    quotas.show(key).map_or((0, 0), |usage| (usage.used, usage.end_s))
}

/// One worker's clock has passed the end of a window that is used up, the other's has not: the new window admits its limit,
/// and knows of all that it has admitted.
pub fn a_quota_is_kept_as_its_window_changes() {
    let quotas = Arc::new(Quotas::new(1));
    assert_eq!(count(&quotas, 2, 7, OLD) + count(&quotas, 2, 7, OLD) + count(&quotas, 2, 7, OLD), 2);
    let other = Arc::clone(&quotas);
    let thread = thread::spawn(move || count(&other, 2, 7, OLD) + count(&other, 2, 7, NEW));
    let mine = count(&quotas, 2, 7, NEW) + count(&quotas, 2, 7, NEW);
    let admitted = mine + thread.join().expect("it does not panic");
    assert_eq!((admitted, used(&quotas, 7)), (2, (2, 1800)));
}

/// What was taken in a window is given back while another worker begins the next: that is charged what it admits.
pub fn what_is_given_back_is_of_its_own_window() {
    let quotas = Arc::new(Quotas::new(1));
    let taken = quotas.take(1, 7, 1, &OLD.0, OLD.1);
    assert!(taken.admitted);
    let other = Arc::clone(&quotas);
    let thread = thread::spawn(move || count(&other, 1, 7, NEW));
    quotas.give_back(7, 1, &taken);
    let mine = count(&quotas, 1, 7, NEW);
    assert_eq!(mine + thread.join().expect("it does not panic"), 1);
    assert_eq!(used(&quotas, 7), (1, 1800));
}

/// Two workers take, and one gives back: never more than the limit are out, and what is used is what is out.
pub fn what_is_given_back_can_be_taken_again() {
    let quotas = Arc::new(Quotas::new(1));
    let other = Arc::clone(&quotas);
    let thread = thread::spawn(move || count(&other, 1, 7, NEW));
    let taken = quotas.take(1, 7, 1, &NEW.0, NEW.1);
    if taken.admitted {
        quotas.give_back(7, 1, &taken);
    }
    let admitted = thread.join().expect("it does not panic");
    assert!(taken.admitted || admitted == 1);
    assert_eq!(used(&quotas, 7).0, admitted as i64);
    assert_eq!(count(&quotas, 1, 7, NEW), 1 - admitted);
}

/// No room for a third key until the window changes, when it gets the entry of one whose own clock is behind. That one is
/// never admitted what it had used up.
pub fn a_key_is_forgotten_with_its_window() {
    let quotas = Arc::new(Quotas::new(1));
    assert_eq!(count(&quotas, 1, 7, OLD) + count(&quotas, 1, 8, OLD), 2);
    let other = Arc::clone(&quotas);
    let thread = thread::spawn(move || (count(&other, 1, 7, OLD), count(&other, 1, 7, NEW)));
    let mine = count(&quotas, 1, 9, NEW);
    let (early, late) = thread.join().expect("it does not panic");
    assert_eq!(early, 0);
    assert!(mine + count(&quotas, 1, 9, NEW) <= 1);
    assert!(late + count(&quotas, 1, 7, NEW) <= 1);
}

/// What is counted while another writes down what has changed is written down now or the next time.
pub fn a_change_is_written_down() {
    let quotas = Arc::new(Quotas::new(1));
    assert_eq!(count(&quotas, 9, 7, OLD), 1);
    let other = Arc::clone(&quotas);
    let thread = thread::spawn(move || count(&other, 9, 7, NEW));
    let written = quotas.changed().last();
    assert_eq!(thread.join().expect("it does not panic"), 1);
    let last = quotas.changed().last().or(written).map(|(key, usage)| (key, usage.used, usage.end_s));
    assert_eq!(last, Some((7, 1, 1800)));
    assert_eq!(quotas.changed().count(), 0);
}

/// Two workers draw the only unit of an upstream's bucket, and one of them gives back what it got: nobody is ever given a
/// second, and what came back is there for the next.
pub fn a_bucket_has_each_unit_once() {
    let bucket = Arc::new(Bucket::new(Rate::new(1, HOUR, 1).expect("a valid rate")));
    let other = Arc::clone(&bucket);
    let thread = thread::spawn(move || u64::from(other.draw(1000).is_ok()));
    let mine = bucket.draw(1000);
    let given_back = mine.is_ok_and(|unit| bucket.give_back(unit));
    let theirs = thread.join().expect("it does not panic");
    let next = u64::from(bucket.draw(1000).is_ok());
    assert_eq!(given_back, mine.is_ok(), "nobody can have drawn since");
    assert_eq!(theirs + next, 1);
}
