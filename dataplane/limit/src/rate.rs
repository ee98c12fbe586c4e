//! A rate compiled to ticks, and the rule of a token bucket: pure arithmetic over one number.
//!
//! The generic cell rate algorithm (ITU-T I.371, annex A, virtual scheduling) keeps of a bucket its *theoretical
//! arrival time*: when it will be full. A request of cost `c` takes the interval from there (or from now, if that is
//! later) to `c` ticks beyond, and is admitted if that ends no later than a burst from now. Every admitted request thus
//! owns an interval no other has, which is what all proofs of this crate rest on (docs/internals/throttling.md).
//!
//! All rounding is against the request: an interval is never shorter than the exact one.

use std::time::Duration;

use super::limits::{FILL_TICKS_MAX, NOW_TICKS_MAX, PERIOD_MAX, TICKS_PER_NS, WHOLE_INTERVAL_TICKS_MIN};

/// `limit` units per `per`, and up to `burst` of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Ticks per unit, times 2^32.
    interval: u128,
    /// `interval` rounded up to ticks.
    unit: u64,
    /// Ticks in which an empty bucket is full again.
    fill: u64,
}

/// Why there is no such rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateError {
    /// `limit` or `burst` is 0: nothing would ever be admitted.
    Zero,
    /// `per` is 0 or longer than [`PERIOD_MAX`].
    Period,
    /// More than 2^32 units per tick cannot be counted.
    TooFast,
    /// A bucket of `burst` would take longer than four years to fill.
    BurstTooLong,
    /// A bucket of `burst` would fill in less than a tick.
    BurstTooShort,
}

/// What a bucket said to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the request may pass. If not, nothing was taken.
    pub admitted: bool,
    /// Ticks until the bucket is full.
    pub(crate) lead: u64,
    /// Ticks the request takes.
    pub(crate) cost: u64,
    /// Where the interval it took ends, if it took one.
    pub(crate) end: u64,
}

const FRACTION_BITS: u32 = 32;

impl Rate {
    /// A rate of `limit` units per `per` with a capacity of `burst` units.
    ///
    /// Up to 16 million units per second a unit takes a whole number of ticks: the rate is exact or low by less than
    /// one part in 1,000 (in 16,000 at a million per second). Above, where units are bytes, the cost of a request as a
    /// whole is rounded up to a tick.
    pub fn new(limit: u64, per: Duration, burst: u64) -> Result<Self, RateError> {
        if limit == 0 || burst == 0 {
            return Err(RateError::Zero);
        }
        if per.is_zero() || per > PERIOD_MAX {
            return Err(RateError::Period);
        }
        let period = per.as_nanos() * u128::from(TICKS_PER_NS);
        let mut interval = (period << FRACTION_BITS).div_ceil(u128::from(limit));
        if interval >= u128::from(WHOLE_INTERVAL_TICKS_MIN) << FRACTION_BITS {
            interval = period.div_ceil(u128::from(limit)) << FRACTION_BITS;
        }
        if interval < 2 {
            return Err(RateError::TooFast);
        }
        let fill = interval.checked_mul(u128::from(burst)).map(|fill| fill >> FRACTION_BITS);
        let fill = fill.filter(|fill| *fill <= u128::from(FILL_TICKS_MAX)).ok_or(RateError::BurstTooLong)? as u64;
        if fill == 0 {
            return Err(RateError::BurstTooShort);
        }
        let unit = interval.div_ceil(1 << FRACTION_BITS) as u64;
        Ok(Self { interval, unit, fill })
    }

    /// Ticks that `units` take; more than any bucket holds if they are absurdly many. Never 0.
    #[inline]
    pub(crate) fn cost(&self, units: u64) -> u64 {
        if units == 1 {
            return self.unit;
        }
        let cost = u128::from(units).saturating_mul(self.interval);
        cost.div_ceil(1 << FRACTION_BITS).clamp(1, u128::from(u64::MAX >> 2)) as u64
    }

    /// The end of the interval that a request gets in a bucket that is full at `full`; none if the bucket has too
    /// little.
    #[inline]
    pub(crate) fn place(&self, full: u64, now: u64, cost: u64) -> Option<u64> {
        let end = full.max(now) + cost;
        (end - now <= self.fill).then_some(end)
    }

    /// Ticks in which an empty bucket is full.
    pub(crate) const fn fill(&self) -> u64 {
        self.fill
    }

    /// Ticks of a lease where all workers together hold `share` of a burst at most: a whole number of units, or 0.
    pub(crate) fn lease(&self, share: u64) -> u64 {
        let ticks = self.fill / share;
        ticks - ticks % self.unit
    }

    /// Units a request could take now.
    pub fn remaining(&self, verdict: &Verdict) -> u64 {
        let left = self.fill.saturating_sub(verdict.lead);
        if self.interval == u128::from(self.unit) << FRACTION_BITS {
            // A division of words: most rates are of this kind.
            return left / self.unit;
        }
        ((u128::from(left) << FRACTION_BITS) / self.interval) as u64
    }

    /// Nanoseconds until a bucket that is full in `lead` ticks owes nothing.
    pub(crate) fn debt_ns(&self, lead: u64) -> u64 {
        lead.saturating_sub(self.fill).div_ceil(TICKS_PER_NS)
    }

    /// Nanoseconds until the bucket is full, if nothing more is taken.
    pub fn full_after_ns(&self, verdict: &Verdict) -> u64 {
        verdict.lead.div_ceil(TICKS_PER_NS)
    }

    /// Nanoseconds after which the request would be admitted if nobody else asked; 0 if it was admitted, none if it
    /// asks for more than the burst.
    pub fn retry_after_ns(&self, verdict: &Verdict) -> Option<u64> {
        if verdict.admitted {
            return Some(0);
        }
        let missing = (verdict.lead + verdict.cost).saturating_sub(self.fill);
        (verdict.cost <= self.fill).then(|| missing.div_ceil(TICKS_PER_NS))
    }
}

/// Ticks of a time in nanoseconds of the node's monotonic clock. Time begins at 1: a bucket that is full at 0 was never
/// used.
#[inline]
pub(crate) fn ticks(now_ns: u64) -> u64 {
    now_ns.saturating_mul(TICKS_PER_NS).min(NOW_TICKS_MAX - 1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_no_rate() {
        let year = Duration::from_secs(365 * 24 * 3600);
        assert_eq!(Rate::new(0, SECOND, 1), Err(RateError::Zero));
        assert_eq!(Rate::new(1, SECOND, 0), Err(RateError::Zero));
        assert_eq!(Rate::new(1, Duration::ZERO, 1), Err(RateError::Period));
        assert_eq!(Rate::new(1, year, 1), Err(RateError::Period));
        assert_eq!(Rate::new(u64::MAX, Duration::from_nanos(1), u64::MAX), Err(RateError::TooFast));
        assert_eq!(Rate::new(1, Duration::from_secs(3600), 100_000), Err(RateError::BurstTooLong));
        assert_eq!(Rate::new(50_000_000_000, SECOND, 1), Err(RateError::BurstTooShort));
    }

    #[test]
    fn rounding_costs_a_thousandth_at_most_and_gives_nothing() {
        for limit in [1, 3, 7, 999_983, 1_000_000, 15_999_971, 16_000_001, 1_250_000_000, 99_999_999_977] {
            let rate = Rate::new(limit, SECOND, 1_000_000).unwrap();
            let exact = SECOND.as_nanos() * 16 * 1_000_000;
            let cost = u128::from(rate.cost(1_000_000)) * u128::from(limit);
            assert!(cost >= exact && cost <= exact + exact / 1000, "{limit}/s");
        }
    }

    #[test]
    fn a_request_beyond_all_numbers_is_refused() {
        let rate = Rate::new(1, PERIOD_MAX, 1000).unwrap();
        assert_eq!(rate.place(NOW_TICKS_MAX + FILL_TICKS_MAX, ticks(u64::MAX), rate.cost(u64::MAX)), None);
    }
}
