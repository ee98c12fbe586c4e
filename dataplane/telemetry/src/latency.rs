//! A log-linear array of durations: [`PARTS`] equal parts of every power of two from 1 us to 18 minutes.
//!
//! Recording is two shifts and two stores. A duration is known afterwards to within [`RELATIVE_ERROR`] of itself (that of
//! the middle of its bucket), except that what is below 1.024 us or above 1,099 s is only known to be so. The sum is
//! exact to a microsecond per duration. One array is about 7.7 KB; a worker makes one per route on first use.

use crate::Counter;

const PARTS_LOG2: u32 = 5;
/// Buckets per power of two.
const PARTS: usize = 1 << PARTS_LOG2;
/// 2^10 ns = 1.024 us; all below is one bucket.
const FIRST_LOG2: u32 = 10;
/// 2^40 ns = 1,099.5 s; this and all above is one bucket.
const LAST_LOG2: u32 = 40;
const LAST: usize = 1 + (LAST_LOG2 - FIRST_LOG2) as usize * PARTS;
const BUCKETS: usize = LAST + 1;

/// Largest error of a duration between 1.024 us and 1,099 s that is read back, relative to itself.
pub const RELATIVE_ERROR: f64 = 0.5 / PARTS as f64;

/// Durations recorded by one thread.
pub(crate) struct LatencyArray {
    buckets: [Counter; BUCKETS],
    /// In microseconds: nanoseconds would wrap within weeks on a worker with 10,000 exchanges in progress at a time.
    sum_us: Counter,
}

impl LatencyArray {
    pub(crate) const fn new() -> Self {
        Self { buckets: [const { Counter::new() }; BUCKETS], sum_us: Counter::new() }
    }

    #[inline]
    pub(crate) fn record(&self, ns: u64) {
        self.buckets[bucket(ns)].increment();
        self.sum_us.add(ns.saturating_add(500) / 1000);
    }
}

/// The bucket of a duration.
#[inline]
const fn bucket(ns: u64) -> usize {
    if ns < 1 << FIRST_LOG2 {
        return 0;
    }
    let log2 = ns.ilog2();
    if log2 >= LAST_LOG2 {
        return LAST;
    }
    let part = (ns >> (log2 - PARTS_LOG2)) as usize % PARTS;
    1 + (log2 - FIRST_LOG2) as usize * PARTS + part
}

/// The duration that stands for all of a bucket: its middle, in nanoseconds.
const fn middle_ns(bucket: usize) -> u64 {
    match bucket {
        0 => 1 << (FIRST_LOG2 - 1),
        LAST.. => 1 << LAST_LOG2,
        _ => {
            let (log2, part) = (FIRST_LOG2 + ((bucket - 1) / PARTS) as u32, (bucket - 1) % PARTS);
            let width = 1_u64 << (log2 - PARTS_LOG2);
            (PARTS + part) as u64 * width + width / 2
        }
    }
}

/// Durations of several arrays, merged while their writers go on.
pub(crate) struct LatencyCounts {
    buckets: Box<[u64]>,
    sum_us: u64,
}

impl LatencyCounts {
    pub(crate) fn new() -> Self {
        Self { buckets: vec![0; BUCKETS].into_boxed_slice(), sum_us: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.buckets.fill(0);
        self.sum_us = 0;
    }

    /// Adds what `array` holds now. Each bucket only grows, so two merges of the same arrays never show less.
    pub(crate) fn merge(&mut self, array: &LatencyArray) {
        for (merged, counter) in self.buckets.iter_mut().zip(&array.buckets) {
            *merged += counter.value();
        }
        self.sum_us = self.sum_us.wrapping_add(array.sum_us.value());
    }

    /// Adds what `other` holds.
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, count) in self.buckets.iter_mut().zip(&other.buckets) {
            *sum += count;
        }
        self.sum_us = self.sum_us.wrapping_add(other.sum_us);
    }

    /// How many durations there are.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Their sum in microseconds.
    pub(crate) const fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// How many are at most each of `bounds_ns`, which ascend and are honoured to within [`RELATIVE_ERROR`].
    pub(crate) fn counts_up_to<const N: usize>(&self, bounds_ns: [u64; N]) -> [u64; N] {
        let (mut filled, mut count) = (self.filled().peekable(), 0);
        bounds_ns.map(|bound_ns| {
            while let Some((_, more)) = filled.next_if(|(middle, _)| *middle <= bound_ns) {
                count += more;
            }
            count
        })
    }

    /// The duration that stands for each bucket in use, in nanoseconds and ascending, with its count.
    pub(crate) fn filled(&self) -> impl Iterator<Item = (u64, u64)> {
        self.buckets
            .iter()
            .enumerate()
            .filter(|(_, count)| **count != 0)
            .map(|(index, count)| (middle_ns(index), *count))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_duration_is_read_back_within_the_stated_error(log2 in FIRST_LOG2..LAST_LOG2, low: u64) {
            let ns = (1 << log2) | (low % (1 << log2));
            let read = middle_ns(bucket(ns));
            prop_assert!((read as f64 - ns as f64).abs() <= RELATIVE_ERROR * ns as f64, "{ns} became {read}");
        }

        #[test]
        fn a_longer_duration_is_never_in_a_lower_bucket(a: u64, b: u64) {
            prop_assert!(bucket(a.min(b)) <= bucket(a.max(b)));
        }

        #[test]
        fn a_bound_is_honoured_within_the_stated_error(
            durations in prop::collection::vec(1_024_u64..20_000_000_000, 1..50),
            bound in 1_024_u64..10_000_000_000,
        ) {
            let mut counts = LatencyCounts::new();
            let array = Box::new(LatencyArray::new());
            durations.iter().for_each(|ns| array.record(*ns));
            counts.merge(&array);
            let within = |share: f64| durations.iter().filter(|ns| **ns as f64 <= bound as f64 * share).count() as u64;
            let [counted] = counts.counts_up_to([bound]);
            prop_assert!(within(1.0 - RELATIVE_ERROR) <= counted && counted <= within(1.0 + 1.01 * RELATIVE_ERROR));
        }
    }

    #[test]
    fn the_stated_error_is_reached_and_kept_at_the_edges_of_buckets() {
        let mut worst = 0.0_f64;
        for middle in (1..LAST).map(middle_ns) {
            let half = (1 << middle.ilog2()) / PARTS as u64 / 2;
            for edge in [middle - half, middle + half - 1] {
                assert_eq!(middle_ns(bucket(edge)), middle);
                worst = worst.max(middle.abs_diff(edge) as f64 / edge as f64);
            }
        }
        assert_eq!(worst, RELATIVE_ERROR);
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!([bucket(0), bucket(1023), bucket(1024)], [0, 0, 1]);
        assert_eq!([bucket((1 << 40) - 1), bucket(1 << 40), bucket(u64::MAX)], [LAST - 1, LAST, LAST]);
        let middles: Vec<u64> = (0..BUCKETS).map(middle_ns).collect();
        assert!(middles.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn merged_arrays_add_up() {
        let arrays = [const { LatencyArray::new() }; 3];
        arrays.iter().zip(1_u64..).for_each(|(array, ms)| array.record(ms * 1_000_000));
        let mut counts = LatencyCounts::new();
        arrays.iter().for_each(|array| counts.merge(array));
        assert_eq!((counts.count(), counts.sum_us()), (3, 6_000));
        counts.clear();
        assert_eq!((counts.count(), counts.sum_us()), (0, 0));
    }
}
