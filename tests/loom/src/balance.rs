//! What workers, checks and the resolver of names share of endpoints.
//!
//! The choice among endpoints reads these and writes nothing but requests in progress: it is tested without threads.

use crate::sync;
use loom::{sync::Arc, thread};

#[path = "../../../dataplane/balance/src/current.rs"]
mod current;
#[path = "../../../dataplane/balance/src/endpoint.rs"]
mod endpoint;
#[path = "../../../dataplane/balance/src/try_lock.rs"]
mod try_lock;

use current::Current;
use endpoint::{Endpoint, Numbers, Place};
use try_lock::TryLock;

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
