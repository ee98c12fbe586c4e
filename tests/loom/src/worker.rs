//! What workers share with each other: parked connections, and the board of their loads.
//!
//! Two workers, two connections, two spots: limits are as small as they can be. What is too old to stand in a place, and how
//! large a load is too large, is decided by one thread and tested where it is decided.

use crate::sync;
use loom::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
};
use tollgate_io::Instant;

#[path = "../../../dataplane/worker/src/load.rs"]
mod load;
#[path = "../../../dataplane/worker/src/parking.rs"]
mod parking;

/// As a worker's, and smaller.
mod limits {
    pub(super) const HANDOVER_MARGIN: u32 = 4;
    pub(super) const HANDOVER_SHARE: u64 = 8;
    pub(super) const PARKED_MAX: usize = 2;
    pub(super) const PARKED_SHARE: usize = 1;
    pub(super) const PARKING_BLOCK_PLACES: usize = 2;
    pub(super) const PARKING_BLOCKS: usize = 1;
}

use load::Loads;
use parking::{EndpointId, Parked, Parking};

const HERE: EndpointId = EndpointId { number: 0, identity: 5 };

/// A connection whose bytes only the place makes visible.
struct Connection {
    number: u32,
    content: Arc<AtomicU32>,
}

fn parked(number: u32) -> Parked<Connection> {
    let content = Arc::new(AtomicU32::new(0));
    content.store(number, Relaxed);
    let (stream, since) = (Connection { number, content }, Instant::from_nanos(u64::from(number)));
    Parked { stream, session: None, opened: since, exchanges: 1, endpoint: HERE, figures: 0, since }
}

fn number(parked: &Parked<Connection>) -> u32 {
    assert_eq!(parked.stream.content.load(Relaxed), parked.stream.number);
    parked.stream.number
}

fn take(parking: &Parking<Connection>) -> Option<u32> {
    parking.take(HERE, |_| panic!("of another endpoint")).as_ref().map(number)
}

/// All that is anywhere at the end: in hands, and standing.
fn all(parking: &Parking<Connection>, hands: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut all: Vec<u32> = hands.into_iter().collect();
    parking.clear(|parked| all.push(number(&parked)));
    assert!(parking.has_room(HERE.number, 1), "nothing stands here, and nothing is counted");
    all.sort_unstable();
    all
}

/// Two workers park where there is one spot, and take: each connection is in one place.
pub fn a_parked_connection_is_in_one_place() {
    let parking = Parking::new(2);
    let other = parking.clone();
    let other = thread::spawn(move || {
        let surplus = other.park(parked(1), 1).map(|surplus| number(&surplus));
        [surplus, take(&other)]
    });
    let surplus = parking.park(parked(2), 1).map(|surplus| number(&surplus));
    let taken = take(&parking);
    let others = other.join().expect("it does not panic");
    assert_eq!(all(&parking, [surplus, taken].into_iter().chain(others).flatten()), [1, 2]);
}

/// One worker sweeps while another takes and parks.
pub fn a_sweep_loses_none() {
    let parking = Parking::new(2);
    assert!(parking.park(parked(1), 2).is_none() && parking.park(parked(2), 2).is_none());
    let other = parking.clone();
    let other = thread::spawn(move || {
        let taken = take(&other);
        let surplus = other.park(parked(3), 2).map(|surplus| number(&surplus));
        [taken, surplus]
    });
    let mut discarded = Vec::new();
    parking.sweep(HERE.number, |parked| number(parked) == 1, |parked| discarded.push(number(&parked)));
    let others = other.join().expect("it does not panic");
    assert_eq!(all(&parking, discarded.into_iter().chain(others.into_iter().flatten())), [1, 2, 3]);
}

/// A worker that hands a connection over has promised it before: the other's redemption never makes less than nothing of
/// it, which would read as a load beyond all.
pub fn a_promise_is_kept_once() {
    let loads = Loads::new(2);
    loads.publish(0, 10);
    let mailbox = Arc::new(sync::ArrayQueue::new(1));
    let (receiver, letters) = (loads.clone(), mailbox.clone());
    let receiver = thread::spawn(move || {
        let came = letters.pop().is_some();
        if came {
            receiver.redeem(1);
            receiver.publish(1, 1);
        }
        came
    });
    assert_eq!(loads.lighter(0, 1000), Some(1));
    loads.promise(1);
    assert!(mailbox.push(()).is_ok());
    assert_eq!(loads.lighter(0, 1000), Some(1));
    if !receiver.join().expect("it does not panic") {
        loads.redeem(1);
    }
    assert_eq!(loads.lighter(0, 1000), Some(1));
    loads.leave(1);
    assert_eq!(loads.lighter(0, 1000), None);
}
