//! When the current segment is closed: pure decisions over its size and the wall clock.
//!
//! Periods are counted from 1970, not from when a process began, so that a restart does not shift them: with an hour, a
//! segment holds what was written between two full hours, UTC. A clock that was set back closes nothing.

use std::time::{Duration, SystemTime};

use crate::Rotation;

/// Which period of `every` a moment is in. 0 before 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Period(u64);

impl Rotation {
    pub(crate) fn period(&self, at: SystemTime) -> Option<Period> {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let every = self.every?.as_secs().max(1);
        Some(Period(since.as_secs() / every))
    }

    /// Whether a segment of `bytes` bytes, begun in `begun`, is to be closed before `more` bytes come to it.
    pub(crate) fn is_due(&self, bytes: u64, more: u64, begun: Option<Period>, now: SystemTime) -> bool {
        let is_full = self.size.is_some_and(|size| bytes.saturating_add(more) > size);
        let is_old = begun.is_some_and(|begun| self.period(now) > Some(begun));
        bytes > 0 && (is_full || is_old)
    }

    /// How long the period that `now` is in still takes.
    pub(crate) fn remaining(&self, now: SystemTime) -> Option<Duration> {
        let every = self.every?.as_secs().max(1);
        let end = self.period(now)?.0.saturating_add(1).saturating_mul(every);
        let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(end))?;
        Some(end.duration_since(now).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_segment_is_full_before_it_is_larger_than_its_size() {
        let rotation = Rotation { size: Some(100), every: None };
        assert!(!rotation.is_due(60, 40, None, at(0)) && rotation.is_due(60, 41, None, at(0)));
        assert!(!rotation.is_due(0, 1000, None, at(0)), "a block larger than a segment has one alone");
        assert!(!Rotation::default().is_due(u64::MAX, 1, None, at(0)));
    }

    #[test]
    fn a_period_ends_at_its_multiple() {
        let rotation = Rotation { size: None, every: Some(Duration::from_secs(3600)) };
        let begun = rotation.period(at(3599));
        assert!(!rotation.is_due(1, 0, begun, at(3599)) && rotation.is_due(1, 0, begun, at(3600)));
        assert!(!rotation.is_due(0, 0, begun, at(3600)), "an empty one stays");
        assert!(!rotation.is_due(1, 0, rotation.period(at(7200)), at(10)), "the clock was set back");
        assert_eq!(rotation.remaining(at(3599)), Some(Duration::from_secs(1)));
        assert_eq!(rotation.remaining(at(3600)), Some(Duration::from_secs(3600)));
        assert_eq!(Rotation::default().remaining(at(0)), None);
    }
}
