//! The ramp of an endpoint that is new or back: from a tenth of its share to the whole, linear in time.
//!
//! A ramp is a factor on the weight, out of [`WHOLE`]. Without it a cold endpoint gets its full share at once.

use crate::limits::SLOW_START_FIRST;
use std::time::Duration;

/// The factor of an endpoint that is not in its slow start.
pub(crate) const WHOLE: u64 = 1 << 16;

/// The factor at `now` of an endpoint that is in use since `since`; 0 is long ago.
pub(crate) fn factor(slow_start: Option<Duration>, since: u64, now: u64) -> u64 {
    let Some(ramp) = slow_start else { return WHOLE };
    if since == 0 {
        return WHOLE;
    }
    let (passed, ramp) = (u128::from(now.saturating_sub(since)), ramp.as_nanos().max(1));
    if passed >= ramp {
        return WHOLE;
    }
    let first = u128::from(WHOLE * SLOW_START_FIRST / 100);
    (first + (u128::from(WHOLE) - first) * passed / ramp) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ramp_rises_from_a_tenth_to_the_whole() {
        let at = |passed: u64| factor(Some(Duration::from_nanos(1000)), 500, 500 + passed);
        assert_eq!(at(0), WHOLE / 10);
        assert!((0..1000).all(|passed| at(passed) <= at(passed + 1)));
        assert!(at(500) > WHOLE / 2 && at(500) < WHOLE * 6 / 10);
        assert_eq!(at(1000), WHOLE);
    }

    #[test]
    fn there_is_none_for_an_endpoint_that_was_there_from_the_start() {
        assert_eq!(factor(Some(Duration::from_secs(1)), 0, 1), WHOLE);
        assert_eq!(factor(None, 5, 5), WHOLE);
    }
}
