//! A run over time: what happened in each interval of it.
//!
//! At most [`limits::INTERVALS_MAX`] intervals. When a run outgrows them, neighbours are merged and the width doubles, so
//! that two series can always be merged: the finer one is widened first.

use super::{Latencies, limits};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What happened in one interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Requests sent in it.
    pub sent: u64,
    /// Answers that ended in it.
    pub answered: u64,
    /// What went wrong in it.
    pub errors: u64,
    /// Bytes received in it.
    pub bytes_in: u64,
    /// Corrected latencies of what ended in it, to two digits.
    pub latencies: Latencies,
}

impl Default for Interval {
    fn default() -> Self {
        Self { sent: 0, answered: 0, errors: 0, bytes_in: 0, latencies: Latencies::coarse() }
    }
}

impl Interval {
    /// Adds what happened in `other`.
    pub fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.errors += other.errors;
        self.bytes_in += other.bytes_in;
        self.latencies.merge(&other.latencies);
    }
}

/// Intervals of one width, from the beginning of what is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Series {
    /// [`limits::INTERVAL`], doubled as often as needed.
    width: Duration,
    intervals: Vec<Interval>,
}

/// What a series is read from.
#[derive(Deserialize)]
struct Parts {
    width: Duration,
    intervals: Vec<Interval>,
}

impl TryFrom<Parts> for Series {
    type Error = String;

    fn try_from(Parts { width, intervals }: Parts) -> Result<Self, String> {
        let times = width.as_nanos() / limits::INTERVAL.as_nanos();
        if !times.is_power_of_two() || limits::INTERVAL.as_nanos() * times != width.as_nanos() {
            return Err(format!("an interval of {width:?} is not {:?} doubled", limits::INTERVAL));
        }
        if intervals.len() > limits::INTERVALS_MAX {
            return Err(format!("more than {} intervals", limits::INTERVALS_MAX));
        }
        Ok(Self { width, intervals })
    }
}

impl Default for Series {
    fn default() -> Self {
        Self { width: limits::INTERVAL, intervals: Vec::new() }
    }
}

impl Series {
    /// Width of each interval.
    #[must_use]
    pub const fn width(&self) -> Duration {
        self.width
    }

    /// The intervals from the beginning; the last one may be cut short by the end of the run.
    #[must_use]
    pub fn intervals(&self) -> &[Interval] {
        &self.intervals
    }

    /// The interval that `offset` (from the beginning) falls into.
    pub fn at(&mut self, offset: Duration) -> &mut Interval {
        let mut index = offset.as_nanos() / self.width.as_nanos();
        while index >= limits::INTERVALS_MAX as u128 {
            self.widen();
            index /= 2;
        }
        let index = index as usize;
        if index >= self.intervals.len() {
            self.intervals.resize_with(index + 1, Interval::default);
        }
        &mut self.intervals[index]
    }

    /// Adds a series that began at the same time.
    pub fn merge(&mut self, mut other: Self) {
        while self.width < other.width {
            self.widen();
        }
        while other.width < self.width {
            other.widen();
        }
        if self.intervals.len() < other.intervals.len() {
            self.intervals.resize_with(other.intervals.len(), Interval::default);
        }
        for (mine, others) in self.intervals.iter_mut().zip(&other.intervals) {
            mine.merge(others);
        }
    }

    fn widen(&mut self) {
        self.width *= 2;
        let old = std::mem::take(&mut self.intervals);
        for (index, interval) in old.into_iter().enumerate() {
            match self.intervals.last_mut() {
                Some(last) if index % 2 == 1 => last.merge(&interval),
                _ => self.intervals.push(interval),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(series: &Series) -> Vec<u64> {
        series.intervals().iter().map(|interval| interval.sent).collect()
    }

    #[test]
    fn a_long_run_widens_its_intervals_and_loses_nothing() {
        let mut series = Series::default();
        for second in 0..100 {
            series.at(Duration::from_secs(second)).sent += 1;
        }
        assert_eq!(series.width(), limits::INTERVAL * 2);
        assert!(series.intervals().len() <= limits::INTERVALS_MAX);
        assert_eq!(counted(&series).iter().sum::<u64>(), 100);
        assert_eq!(series.at(Duration::from_millis(42_400)).sent, 1);
    }

    #[test]
    fn series_of_different_width_are_merged_by_time() {
        let (mut fine, mut wide) = (Series::default(), Series::default());
        for quarter in 0..5 {
            fine.at(limits::INTERVAL * quarter).sent = u64::from(quarter) + 1;
        }
        wide.at(limits::INTERVAL * limits::INTERVALS_MAX as u32).sent = 7;
        let (mut one, mut other) = (fine.clone(), wide.clone());
        one.merge(wide);
        other.merge(fine);
        assert_eq!(one, other);
        assert_eq!((counted(&one)[..3].to_vec(), counted(&one)[120]), (vec![3, 7, 5], 7));
    }

    #[test]
    fn a_width_that_cannot_be_merged_is_refused() {
        for secs in ["0", "3"] {
            let text = format!(r#"{{"width":{{"secs":{secs},"nanos":0}},"intervals":[]}}"#);
            assert!(serde_json::from_str::<Series>(&text).is_err());
        }
        let text = serde_json::to_string(&Series::default()).unwrap();
        assert_eq!(serde_json::from_str::<Series>(&text).unwrap(), Series::default());
    }
}
