//! Quantiles of merged durations, by hdrhistogram, for people who look at a scrape without a Prometheus behind it.
//!
//! One histogram of about 200 KB serves all routes of a scrape and is dropped with it; workers never see it.

use hdrhistogram::Histogram;

use crate::latency::LatencyCounts;

/// The quantiles shown, with the text of their label.
pub(crate) const QUANTILES: [(f64, &str); 4] = [(0.5, "0.5"), (0.9, "0.9"), (0.99, "0.99"), (0.999, "0.999")];

/// Lowest and highest duration told apart, in nanoseconds: the range of a latency array.
const RANGE_NS: (u64, u64) = (1 << 9, 1 << 41);

pub(crate) struct Quantiles(Histogram<u64>);

impl Quantiles {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(RANGE_NS.0, RANGE_NS.1, 3).expect("the bounds and 3 digits are valid"))
    }

    /// The durations in nanoseconds at [`QUANTILES`].
    pub(crate) fn of(&mut self, counts: &LatencyCounts) -> [u64; QUANTILES.len()] {
        self.0.reset();
        for (ns, count) in counts.filled() {
            self.0.saturating_record_n(ns, count);
        }
        QUANTILES.map(|(quantile, _)| self.0.value_at_quantile(quantile))
    }
}
