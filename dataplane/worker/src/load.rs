//! How many connections each worker of a node has, for the others to see, and who should have the next one.
//!
//! A worker publishes its own number with one relaxed store whenever it changes, in a cache line nobody else writes while
//! connections are spread evenly. The others read it when they accept. What they read may be old: the worst of that is a
//! connection on a worker that has a few more by now.
//!
//! Exchanges in progress are not counted in: they come and go by the millisecond, and a connection stays.

use super::{
    limits::{HANDOVER_MARGIN, HANDOVER_SHARE},
    sync::{Arc, AtomicU32, CachePadded, Ordering::Relaxed},
};

/// The load of every worker of a node.
#[derive(Debug)]
pub struct Loads(Box<[CachePadded<Load>]>);

#[derive(Debug, Default)]
struct Load {
    /// Connections open, or [`AWAY`]. Written by the worker alone.
    open: AtomicU32,
    /// Connections on their way to it.
    promised: AtomicU32,
}

/// Drains or has ended: takes no connection.
const AWAY: u32 = u32::MAX;

impl Load {
    fn value(&self) -> Option<u32> {
        let open = self.open.load(Relaxed);
        (open != AWAY).then(|| open.saturating_add(self.promised.load(Relaxed)))
    }
}

impl Loads {
    /// Of `workers` workers without a connection.
    #[must_use]
    pub fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self((0..workers).map(|_| CachePadded::default()).collect()))
    }

    /// How many workers there are.
    pub(crate) const fn workers(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn publish(&self, worker: usize, open: usize) {
        self.0[worker].open.store(u32::try_from(open).unwrap_or(AWAY).min(AWAY - 1), Relaxed);
    }

    pub(crate) fn leave(&self, worker: usize) {
        self.0[worker].open.store(AWAY, Relaxed);
    }

    pub(crate) fn promise(&self, worker: usize) {
        self.0[worker].promised.fetch_add(1, Relaxed);
    }

    /// What was promised has come, or will not.
    pub(crate) fn redeem(&self, worker: usize) {
        self.0[worker].promised.fetch_sub(1, Relaxed);
    }

    /// How many of the node's `connections_max` connections `worker` may have. Together they have as many, so that a node
    /// with fewer connections than workers leaves some of these without any.
    pub(crate) fn part(&self, worker: usize, connections_max: usize) -> usize {
        let workers = self.0.len();
        connections_max / workers + usize::from(worker < connections_max % workers)
    }

    /// Who should have the next connection instead of `worker`: the one with the fewest that may have more, if `worker` is
    /// above its fair share by a margin, or has as many as it may.
    pub(crate) fn lighter(&self, worker: usize, connections_max: usize) -> Option<usize> {
        let own = self.0[worker].value()?;
        let is_full = own as usize >= self.part(worker, connections_max);
        if own < HANDOVER_MARGIN && !is_full {
            return None;
        }
        let (mut workers, mut sum, mut least) = (0, 0_u64, None);
        for (other, load) in self.0.iter().enumerate().filter_map(|(other, load)| Some((other, load.value()?))) {
            workers += 1;
            sum += u64::from(load);
            let has_room = (load as usize) < self.part(other, connections_max);
            least = least.into_iter().chain(has_room.then_some((load, other))).min();
        }
        let (least, lightest) = least?;
        let fair = sum.div_ceil(workers);
        let margin = u64::from(HANDOVER_MARGIN).max(fair / HANDOVER_SHARE);
        let is_above = u64::from(own) >= fair + margin && least < own;
        (is_full || is_above).then_some(lightest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads<const N: usize>(open: [usize; N]) -> Arc<Loads> {
        let loads = Loads::new(N);
        open.into_iter().enumerate().for_each(|(worker, open)| loads.publish(worker, open));
        loads
    }

    #[test]
    fn a_few_connections_never_move() {
        for open in 0..2 * HANDOVER_MARGIN as usize {
            assert_eq!(loads([open, 0]).lighter(0, 1000), None, "{open}");
        }
        assert_eq!(loads([2 * HANDOVER_MARGIN as usize, 0]).lighter(0, 1000), Some(1));
    }

    #[test]
    fn the_margin_grows_with_the_share() {
        assert_eq!(loads([1060, 940, 1000]).lighter(0, 10_000), None);
        assert_eq!(loads([1200, 900, 900]).lighter(0, 10_000), Some(1));
        assert_eq!(loads([1200, 900, 900]).lighter(1, 10_000), None, "who has few keeps what comes");
    }

    #[test]
    fn who_is_away_takes_nothing_and_does_not_count() {
        let loads = loads([30, 0, 29]);
        loads.leave(1);
        assert_eq!(loads.lighter(0, 1000), None);
        assert_eq!(loads.lighter(1, 1000), None);
        loads.publish(2, 0);
        assert_eq!(loads.lighter(0, 1000), Some(2));
    }

    #[test]
    fn what_is_promised_counts() {
        let loads = loads([20, 0]);
        (0..13).for_each(|_| loads.promise(1));
        assert_eq!(loads.lighter(0, 1000), None);
        (0..13).for_each(|_| loads.redeem(1));
        assert_eq!(loads.lighter(0, 1000), Some(1));
    }

    #[test]
    fn a_full_worker_looks_for_room() {
        assert_eq!(loads([2, 1]).lighter(0, 4), Some(1));
        assert_eq!(loads([2, 2]).lighter(0, 4), None);
        assert_eq!(loads([2]).lighter(0, 2), None);
    }

    #[test]
    fn the_parts_make_the_whole() {
        for max in 0..20 {
            let loads = loads([0; 6]);
            assert_eq!((0..6).map(|worker| loads.part(worker, max)).sum::<usize>(), max);
        }
    }

    #[test]
    fn who_may_have_none_looks_for_room() {
        assert_eq!(loads([0, 0, 0]).lighter(2, 2), Some(0));
        assert_eq!(loads([1, 0, 0]).lighter(2, 2), Some(1), "not to one that may have none itself");
        assert_eq!(loads([1, 1, 0]).lighter(2, 2), None);
        assert_eq!(loads([3, 2, 2]).lighter(1, 7), None, "the part that is larger by one is taken");
        assert_eq!(loads([2, 2, 2]).lighter(1, 7), Some(0));
    }
}
