//! Idle upstream connections that every worker of a node may take: a few spots per endpoint, without a lock.
//!
//! A connection is put into the first spot and moves what stood there one further, so that the one used last is taken first
//! and those that are too many grow old behind it. Whoever holds a connection here owns it: a spot is one pointer, and
//! putting and taking are swaps of it. Which ones are too old is the business of those who park.
//!
//! Bounds: [`PARKED_MAX`] connections per endpoint, and [`BLOCKS`] times [`BLOCK_PLACES`] endpoints; those of others are not
//! parked. Its interleavings are tried by `tests/loom`.

use super::{
    limits::{PARKED_MAX, PARKED_SHARE, PARKING_BLOCK_PLACES as BLOCK_PLACES, PARKING_BLOCKS as BLOCKS},
    sync::{Arc, AtomicCell, AtomicUsize, OnceLock, Ordering::Relaxed},
};
use std::iter;
use tollgate_io::Instant;
use tollgate_tls::Session;

/// The parking places of a node, by number of endpoint. They are made when they are first used.
pub struct Parking<D> {
    blocks: Box<[OnceLock<Block<D>>]>,
    workers: usize,
}

/// Places that are made together.
type Block<D> = Box<[Place<D>]>;

struct Place<D> {
    /// At least as many as stand here; one more for a moment, never fewer.
    count: AtomicUsize,
    spots: OnceLock<Box<[Spot<D>]>>,
}

type Spot<D> = AtomicCell<Option<Box<Parked<D>>>>;

/// Whose place it is. The number may have belonged to another endpoint before, the identity never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndpointId {
    pub(crate) number: u32,
    pub(crate) identity: u64,
}

/// An idle connection that no worker has.
#[derive(Debug)]
pub(crate) struct Parked<D> {
    pub(crate) stream: D,
    /// The TLS session over it.
    pub(crate) session: Option<Box<Session>>,
    pub(crate) opened: Instant,
    pub(crate) exchanges: u64,
    pub(crate) endpoint: EndpointId,
    /// Where its upstream is counted.
    pub(crate) figures: u32,
    /// When it was used last.
    pub(crate) since: Instant,
}

impl<D> Parking<D> {
    /// For a node of `workers` workers. One alone parks nothing.
    #[must_use]
    pub fn new(workers: usize) -> Arc<Self> {
        let blocks = if workers > 1 { BLOCKS } else { 0 };
        Arc::new(Self { blocks: iter::repeat_with(OnceLock::new).take(blocks).collect(), workers })
    }

    /// How many connections to an endpoint may stand here, and how many a worker may then keep for itself, so that there are
    /// never more on the node than `idle_max` for each worker.
    pub(crate) fn split(&self, idle_max: usize) -> (usize, usize) {
        if self.workers < 2 {
            return (0, idle_max);
        }
        let share = (idle_max / 2).min(PARKED_SHARE);
        let parked = (self.workers * share).min(PARKED_MAX);
        (parked, idle_max - parked.div_ceil(self.workers))
    }

    fn place(&self, number: u32) -> Option<&Place<D>> {
        let block = self.blocks.get(number as usize / BLOCK_PLACES)?.get()?;
        block.get(number as usize % BLOCK_PLACES)
    }

    /// Whether another connection to the endpoint with this number can be parked, with `room` spots for it.
    pub(crate) fn has_room(&self, number: u32, room: usize) -> bool {
        (number as usize / BLOCK_PLACES) < self.blocks.len()
            && self.place(number).map_or(0, |place| place.count.load(Relaxed)) < room
    }

    /// Lets every worker take a connection. If there is no room for it after all, since another worker parks at this moment,
    /// one of those to its endpoint comes back to be closed: this one or one that was used before.
    pub(crate) fn park(&self, parked: Parked<D>, room: usize) -> Option<Box<Parked<D>>> {
        let number = parked.endpoint.number as usize;
        let Some(block) = self.blocks.get(number / BLOCK_PLACES) else { return Some(Box::new(parked)) };
        let block = block.get_or_init(|| iter::repeat_with(Place::new).take(BLOCK_PLACES).collect());
        block[number % BLOCK_PLACES].put(Box::new(parked), 0, room)
    }

    /// The connection to an endpoint that was used last.
    pub(crate) fn take(&self, endpoint: EndpointId, mut discard: impl FnMut(Parked<D>)) -> Option<Parked<D>> {
        let place = self.place(endpoint.number)?;
        for at in 0..place.spots().len() {
            match place.take(at) {
                Some(parked) if parked.endpoint == endpoint => return Some(*parked),
                // The endpoint that had this number before is gone.
                Some(stale) => discard(*stale),
                None if place.is_empty() => return None,
                None => {}
            }
        }
        None
    }

    /// Takes out what `is_over` says is of no use any more. Says since when the oldest that is left has been idle.
    pub(crate) fn sweep(
        &self,
        number: u32,
        is_over: impl Fn(&Parked<D>) -> bool,
        mut discard: impl FnMut(Parked<D>),
    ) -> Option<Instant> {
        let place = self.place(number)?;
        let mut oldest: Option<Instant> = None;
        for at in 0..place.spots().len() {
            match place.take(at) {
                Some(parked) if is_over(&parked) => discard(*parked),
                Some(parked) => {
                    oldest = Some(oldest.map_or(parked.since, |oldest| oldest.min(parked.since)));
                    // Another may stand there by now.
                    place.put(parked, at, PARKED_MAX).into_iter().for_each(|surplus| discard(*surplus));
                }
                None => {}
            }
        }
        oldest
    }

    /// Takes out everything.
    pub(crate) fn clear(&self, mut discard: impl FnMut(Parked<D>)) {
        for place in self.blocks.iter().filter_map(OnceLock::get).flatten() {
            for at in 0..place.spots().len() {
                place.take(at).into_iter().for_each(|parked| discard(*parked));
            }
        }
    }
}

impl<D> Place<D> {
    fn new() -> Self {
        Self { count: AtomicUsize::new(0), spots: OnceLock::new() }
    }

    fn is_empty(&self) -> bool {
        self.count.load(Relaxed) == 0
    }

    /// None before the first is parked, nor while nothing stands here.
    fn spots(&self) -> &[Spot<D>] {
        if self.is_empty() { &[] } else { self.spots.get().map_or(&[], |spots| spots) }
    }

    fn take(&self, at: usize) -> Option<Box<Parked<D>>> {
        let taken = self.spots.get()?[at].take();
        if taken.is_some() {
            self.count.fetch_sub(1, Relaxed);
        }
        taken
    }

    /// Puts into spot `from`; what stands in the way moves on by one, to the last of `room` spots and then out.
    fn put(&self, parked: Box<Parked<D>>, from: usize, room: usize) -> Option<Box<Parked<D>>> {
        let spots = self.spots.get_or_init(|| iter::repeat_with(Spot::default).take(PARKED_MAX).collect());
        self.count.fetch_add(1, Relaxed);
        let mut held = Some(parked);
        for spot in &spots[from.min(room)..room.min(PARKED_MAX)] {
            held = spot.swap(held);
            held.as_ref()?;
        }
        self.count.fetch_sub(1, Relaxed);
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const HERE: EndpointId = EndpointId { number: 70, identity: 5 };

    fn parked(stream: u64) -> Parked<u64> {
        let since = Instant::from_nanos(stream);
        Parked { stream, session: None, opened: since, exchanges: 1, endpoint: HERE, figures: 0, since }
    }

    fn take(parking: &Parking<u64>) -> Option<u64> {
        parking.take(HERE, |stale| panic!("{stale:?}")).map(|parked| parked.stream)
    }

    #[test]
    fn a_spot_is_one_pointer_and_needs_no_lock() {
        assert!(Spot::<u64>::is_lock_free());
        assert_eq!(size_of::<Spot<u64>>(), size_of::<usize>());
    }

    #[test]
    fn the_one_used_last_is_taken_first_and_the_one_too_many_falls_out() {
        let parking = Parking::new(2);
        assert_eq!(take(&parking), None);
        for stream in 0..4 {
            assert!(parking.park(parked(stream), 4).is_none());
        }
        assert_eq!(parking.park(parked(4), 4).map(|surplus| surplus.stream), Some(0));
        assert_eq!([(); 5].map(|()| take(&parking)), [Some(4), Some(3), Some(2), Some(1), None]);
    }

    #[test]
    fn another_endpoint_with_the_same_number_finds_nothing() {
        let parking = Parking::new(2);
        assert!(parking.park(parked(1), 4).is_none());
        let mut discarded = Vec::new();
        let other = EndpointId { identity: 6, ..HERE };
        assert!(parking.take(other, |stale| discarded.push(stale.stream)).is_none());
        assert_eq!((discarded, take(&parking)), (vec![1], None));
    }

    #[test]
    fn a_sweep_takes_out_what_is_over_and_tells_of_the_oldest() {
        let parking = Parking::new(2);
        for stream in [3, 4, 9] {
            assert!(parking.park(parked(stream), 4).is_none());
        }
        let mut discarded = Vec::new();
        let is_over = |parked: &Parked<u64>| parked.stream < 4;
        let oldest = parking.sweep(HERE.number, is_over, |parked| discarded.push(parked.stream));
        assert_eq!((oldest, discarded), (Some(Instant::from_nanos(4)), vec![3]));
        assert_eq!([(); 3].map(|()| take(&parking)), [Some(9), Some(4), None]);
        assert_eq!(parking.sweep(HERE.number, is_over, |_| {}), None);
    }

    #[test]
    fn a_node_keeps_no_more_than_its_workers_may() {
        for (workers, idle_max) in [(1, 256), (2, 256), (2, 1), (2, 3), (64, 256), (64, 2), (3, 0)] {
            let (parked, own) = Parking::<u64>::new(workers).split(idle_max);
            assert!(workers * own + parked <= workers * idle_max, "{workers} workers, {idle_max}: {own}, {parked}");
            assert!(own * 2 >= idle_max && (parked > 0) == (workers > 1 && idle_max > 1));
        }
    }

    #[test]
    fn room_is_where_there_are_others_and_a_spot() {
        let parking = Parking::new(2);
        assert!(!parking.has_room(HERE.number, 0) && parking.has_room(HERE.number, 1));
        assert!(parking.park(parked(1), 1).is_none());
        assert!(!parking.has_room(HERE.number, 1) && parking.has_room(HERE.number + 1, 1));
        let alone = Parking::new(1);
        assert!(!alone.has_room(HERE.number, 1) && alone.park(parked(1), 1).is_some());
        let far = EndpointId { number: (BLOCKS * BLOCK_PLACES) as u32, ..HERE };
        assert!(!parking.has_room(far.number, 1) && parking.park(Parked { endpoint: far, ..parked(1) }, 1).is_some());
    }

    /// Every connection is in one place at every time, whoever parks, takes and sweeps.
    #[test]
    fn many_threads_lose_none_and_double_none() {
        let parking = Parking::new(4);
        let rounds: u64 = 20_000;
        let hand = |thread: u64| {
            let parking = parking.clone();
            move || {
                let mut held: Vec<u64> = (thread * 8..thread * 8 + 8).collect();
                for round in 0..rounds {
                    if (round + thread).is_multiple_of(3) {
                        held.extend(take(&parking));
                    } else if let Some(stream) = held.pop() {
                        held.extend(parking.park(parked(stream), 16).map(|surplus| surplus.stream));
                    }
                    if round.is_multiple_of(64) {
                        parking.sweep(HERE.number, |_| false, |surplus| held.push(surplus.stream));
                    }
                }
                held
            }
        };
        let threads: Vec<_> = (0..4).map(|thread| thread::spawn(hand(thread))).collect();
        let mut all: Vec<u64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        parking.clear(|parked| all.push(parked.stream));
        all.sort_unstable();
        assert_eq!(all, (0..32).collect::<Vec<_>>());
    }
}
