//! What workers, checks and the resolver of names share of endpoints and upstreams.
//!
//! The choice among endpoints reads these and writes nothing but requests in progress: it is tested without threads.

use crate::sync;
use loom::{sync::Arc, thread};

#[path = "../../../dataplane/balance/src/adaptive.rs"]
mod adaptive;
#[path = "../../../dataplane/balance/src/breaker.rs"]
mod breaker;
#[path = "../../../dataplane/balance/src/current.rs"]
mod current;
#[path = "../../../dataplane/balance/src/endpoint.rs"]
mod endpoint;
#[path = "../../../dataplane/balance/src/try_lock.rs"]
mod try_lock;
#[path = "../../../dataplane/balance/src/window.rs"]
mod window;

use adaptive::{AdaptiveLimit, Bounds};
use breaker::{Breaker, BreakerState, Rules, Shown};
use current::Current;
use endpoint::{Endpoint, Numbers, Place};
use std::time::Duration;
use try_lock::TryLock;
use window::Window;

fn endpoint(numbers: &Arc<Numbers>) -> Endpoint {
    let endpoint = Endpoint::new(Place::Unix(std::path::Path::new("/a").into()), numbers.clone(), 0);
    assert_eq!(endpoint.since(), 0);
    endpoint
}

/// Endpoints come and go on two threads: two that are there have two slots, and no two ever the same id.
pub fn two_endpoints_never_share_a_number() {
    let numbers = Arc::new(Numbers::default());
    let other = numbers.clone();
    let other = thread::spawn(move || {
        drop(endpoint(&other));
        endpoint(&other)
    });
    drop(endpoint(&numbers));
    let one = endpoint(&numbers);
    let other = other.join().expect("it does not panic");
    assert_ne!((one.slot(), one.id()), (other.slot(), other.id()));
    assert!(one.slot() != other.slot() && one.id() != other.id());
    assert!(one.slot() < 4 && other.slot() < 4, "what is free is used again");
}

/// Within a window nothing is lost.
pub fn a_window_counts_what_is_in_it() {
    let numbers = Arc::new(Numbers::default());
    let one = Arc::new(endpoint(&numbers));
    let other = one.clone();
    let other = thread::spawn(move || {
        other.begin();
        other.count(true, 10, 5);
        other.note_failure();
        other.end();
    });
    one.count(false, 10, 5);
    one.note_failure();
    other.join().expect("it does not panic");
    assert_eq!((one.count(false, 10, 5), one.note_failure(), one.in_flight()), ((3, 1), 3, 0));
}

/// As a window changes, nobody is told of failures without their exchanges, who changes it is counted, and nothing of the
/// one before is left.
pub fn a_window_changes_as_a_whole() {
    let numbers = Arc::new(Numbers::default());
    let one = Arc::new(endpoint(&numbers));
    assert_eq!([(); 3].map(|()| one.count(true, 10, 5)), [(1, 1), (2, 2), (3, 3)]);
    let other = one.clone();
    let other = thread::spawn(move || other.count(true, 10, 15));
    let told = [one.count(false, 10, 15), other.join().expect("it does not panic")];
    assert!(told.iter().all(|(exchanges, failures)| failures <= exchanges), "{told:?}");
    let (exchanges, failures) = one.count(false, 10, 15);
    assert!((2..=3).contains(&exchanges) && failures <= 1, "{exchanges} {failures}");
}

/// Two workers find two endpoints at fault at one time, of which one must stay, as `Upstream::eject` does it.
pub fn the_last_endpoint_is_not_ejected() {
    let numbers = Arc::new(Numbers::default());
    let shared = Arc::new((TryLock::default(), [endpoint(&numbers), endpoint(&numbers)]));
    let eject = |shared: &(TryLock, [Endpoint; 2]), own: usize| {
        let Some(_guard) = shared.0.try_lock() else { return };
        if !shared.1[own].is_ejected(5) && shared.1[1 - own].is_available(5) {
            shared.1[own].eject(10, 1);
        }
    };
    let other = shared.clone();
    let other = thread::spawn(move || eject(&other, 1));
    eject(&shared, 0);
    other.join().expect("it does not panic");
    assert_eq!(shared.1.iter().filter(|endpoint| endpoint.is_available(5)).count(), 1);
}

/// Whoever sees a version gets the list of that version, or a later one.
pub fn a_version_is_never_ahead_of_its_list() {
    let current = Arc::new(Current::new(Arc::new(1_u64), 1));
    assert_eq!(current.version(), 1);
    let writer = current.clone();
    let writer = thread::spawn(move || {
        for version in [2, 3] {
            writer.replace(Arc::new(version), version);
        }
    });
    let mut last = 0;
    for _ in 0..2 {
        let version = current.version();
        let list = *current.value();
        assert!(last <= version && version <= list, "{last} {version} {list}");
        last = version;
    }
    writer.join().expect("it does not panic");
    assert_eq!((current.version(), *current.value()), (3, 3));
}

const SECOND: u64 = 1_000_000_000;
const BAD: Shown = Shown { failed: true, slow: false };
const GOOD: Shown = Shown { failed: false, slow: false };

/// A breaker that opens for a second after so many failures in a row, and closes after so many probes.
fn breaker(consecutive: u32, probes: u32) -> Arc<Breaker> {
    let rules = Rules {
        failures: None,
        count: None,
        consecutive: Some(consecutive),
        slow: None,
        requests_min: 1,
        window: Duration::from_secs(10),
        open: Duration::from_secs(1),
        open_max: Duration::from_secs(1),
        probes,
    };
    let breaker = Breaker::new(rules);
    let states = [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen];
    assert_eq!((breaker.state(), states.map(|state| breaker.entered(state))), (BreakerState::Closed, [0; 3]));
    Arc::new(breaker)
}

/// Lets a request through that fails or not.
fn show(breaker: &Breaker, shown: Shown, now: u64) {
    breaker.report(breaker.admit(now).expect("it is let through"), shown, now);
}

/// Two failures at one time are the two that open it, once.
pub fn a_breaker_opens_once() {
    let breaker = breaker(2, 1);
    let permits = [breaker.admit(0), breaker.admit(0)].map(|permit| permit.expect("it is closed"));
    let other = breaker.clone();
    let thread = thread::spawn(move || other.report(permits[1], BAD, 0));
    breaker.report(permits[0], BAD, 0);
    thread.join().expect("it does not panic");
    assert_eq!((breaker.state(), breaker.entered(BreakerState::Open)), (BreakerState::Open, 1));
}

/// Its time is over and two ask: one may.
pub fn no_more_probes_than_allowed() {
    let breaker = breaker(1, 1);
    show(&breaker, BAD, 0);
    let other = breaker.clone();
    let thread = thread::spawn(move || other.admit(SECOND).is_ok());
    let mine = breaker.admit(SECOND).is_ok();
    assert!(mine ^ thread.join().expect("it does not panic"));
}

/// A probe fails while another goes well and a third is given up: it is open, and that once more.
pub fn one_failed_probe_is_enough() {
    let breaker = breaker(1, 2);
    show(&breaker, BAD, 0);
    let probes = [breaker.admit(SECOND), breaker.admit(SECOND)].map(|permit| permit.expect("two may"));
    let other = breaker.clone();
    let thread = thread::spawn(move || other.report(probes[1], GOOD, SECOND));
    breaker.report(probes[0], BAD, SECOND);
    thread.join().expect("it does not panic");
    assert_eq!((breaker.state(), breaker.entered(BreakerState::Open)), (BreakerState::Open, 2));
    assert!(breaker.admit(SECOND).is_err());
}

/// Both probes go well; a request that is let through by the closed breaker is counted and not forgotten with those before.
pub fn what_is_counted_after_closing_stays() {
    let breaker = breaker(2, 2);
    [BAD, BAD].into_iter().for_each(|shown| show(&breaker, shown, 0));
    let probes = [breaker.admit(SECOND), breaker.admit(SECOND)].map(|permit| permit.expect("two may"));
    let other = breaker.clone();
    let thread = thread::spawn(move || other.report(probes[1], GOOD, SECOND));
    breaker.report(probes[0], GOOD, SECOND);
    let was_closed = breaker.state() == BreakerState::Closed;
    if was_closed {
        show(&breaker, BAD, SECOND);
    }
    thread.join().expect("it does not panic");
    show(&breaker, BAD, SECOND);
    let expected = if was_closed { BreakerState::Open } else { BreakerState::Closed };
    assert_eq!((breaker.state(), breaker.entered(BreakerState::Closed)), (expected, 1));
}

/// Two count in a tenth that has just begun, whose word has what was there a window ago.
pub fn a_sliding_window_loses_nothing() {
    let (window, slot) = (Window::default(), Duration::from_nanos(10));
    window.count(5, slot, BAD);
    assert_eq!(window.totals(5, slot).failures, 1);
    let window = Arc::new(window);
    let other = window.clone();
    let thread = thread::spawn(move || other.count(105, slot, BAD));
    window.count(105, slot, GOOD);
    thread.join().expect("it does not panic");
    let totals = window.totals(105, slot);
    assert_eq!((totals.requests, totals.failures), (2, 1));
}

/// Two want the one place there is, and give it back.
pub fn an_adaptive_limit_holds() {
    let limit = Arc::new(AdaptiveLimit::new(Bounds { min: 1, max: 1, tolerance: 150 }, 0));
    let inside = Arc::new(sync::AtomicU32::new(0));
    let visit = |limit: &AdaptiveLimit, inside: &sync::AtomicU32| {
        if limit.enter() {
            assert_eq!(inside.fetch_add(1, sync::Ordering::AcqRel), 0);
            inside.fetch_sub(1, sync::Ordering::AcqRel);
            limit.leave();
        }
    };
    let other = (limit.clone(), inside.clone());
    let thread = thread::spawn(move || visit(&other.0, &other.1));
    visit(&limit, &inside);
    thread.join().expect("it does not panic");
    assert_eq!((limit.in_flight(), limit.enter()), (0, true));
}
