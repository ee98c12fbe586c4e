//! How long to wait before a retry: exponential, with the whole of it left to chance.
//!
//! Full jitter (Brooker, "Exponential Backoff And Jitter", 2015): clients that failed together do not come back together.

use std::time::Duration;

/// The wait before retry `retry` (1 is the first) out of `random`: evenly spread from nothing to `base`, doubled with each
/// retry up to `most`.
#[must_use]
pub fn backoff(retry: u32, base: Duration, most: Duration, random: u64) -> Duration {
    let doubled = base.saturating_mul(1_u32.checked_shl(retry.saturating_sub(1)).unwrap_or(u32::MAX));
    let bound = u64::try_from(doubled.min(most).as_nanos()).unwrap_or(u64::MAX);
    // The high half of the product: evenly spread without a division (Lemire, 2019).
    Duration::from_nanos(((u128::from(random) * (u128::from(bound) + 1)) >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(25);
    const MOST: Duration = Duration::from_millis(250);

    #[test]
    fn the_bound_doubles_up_to_the_most() {
        let longest: Vec<_> = (1..=6).map(|retry| backoff(retry, BASE, MOST, u64::MAX).as_millis()).collect();
        assert_eq!(longest, [25, 50, 100, 200, 250, 250]);
        assert_eq!(backoff(4_000_000, BASE, MOST, u64::MAX), MOST);
    }

    #[test]
    fn chance_decides_on_all_of_it() {
        assert_eq!(backoff(1, BASE, MOST, 0), Duration::ZERO);
        assert_eq!(backoff(1, BASE, MOST, 1 << 63).as_micros(), 12_500);
    }
}
