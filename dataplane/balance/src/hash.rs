//! Consistent hashing: a ring of points, of which each endpoint has a number by its weight.
//!
//! A key belongs to the first point behind it (Karger et al., 1997). An endpoint's points depend on its address alone, so
//! that all workers and nodes agree, and that taking one away moves only its own keys. At most [`POINTS_MAX`] points.

use crate::limits::{POINTS_MAX, POINTS_PER_ENDPOINT};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The hash of a key; the same on every node.
#[must_use]
pub fn hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// Points in order, each with the position of its endpoint.
#[derive(Debug, Default)]
pub(crate) struct Ring(Box<[(u64, u32)]>);

impl Ring {
    /// A ring of endpoints: position, label and weight of each.
    pub(crate) fn build<'e>(endpoints: impl Iterator<Item = (u32, &'e str, u32)> + Clone) -> Self {
        let (count, sum) =
            endpoints.clone().fold((0, 0), |(count, sum), (_, _, weight)| (count + 1, sum + weight as usize));
        let total = (count * POINTS_PER_ENDPOINT).min(POINTS_MAX);
        let mut points: Vec<(u64, u32)> = endpoints
            .flat_map(|(position, label, weight)| {
                let own = (total * weight as usize / sum.max(1)).max(1);
                (0..own as u64).map(move |number| (xxh3_64_with_seed(label.as_bytes(), number), position))
            })
            .collect();
        points.sort_unstable();
        Self(points.into())
    }

    /// The endpoints a key belongs to, the first being its own and each other the next when those before cannot be used.
    /// One comes as often as it has points.
    pub(crate) fn from(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let start = self.0.partition_point(|&(point, _)| point < hash);
        let (before, behind) = self.0.split_at(start);
        behind.iter().chain(before).map(|&(_, position)| position)
    }
}
