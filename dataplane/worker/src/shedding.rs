//! Which requests a worker refuses when it cannot keep up.
//!
//! What is ready waits for its worker as long as a turn of its loop takes, and that is measured: how much later than asked
//! for the timers task wakes, four times in each interval. When the least delay of an interval is above the target, the
//! queue stands instead of absorbing a burst (Nichols, Jacobson, "Controlling Queue Delay", 2012), and the pressure rises
//! by a step; when it is not, it falls by one. Steps go from a few requests of the lowest priority to all of the third;
//! the highest is never refused.
//!
//! It measures while requests come and a moment after that, so that an idle worker sleeps. Nothing here reads a clock.

use std::{cell::Cell, time::Duration};
use tollgate_io::Instant;
use tollgate_model::{Priority, Shedding};

/// Steps from none to all requests of a priority.
const STEPS: u32 = 8;
const PRESSURE_MAX: u32 = 3 * STEPS;

/// Measurements in an interval.
const SAMPLES: u32 = 4;

/// A delay of this many times the target is worth that many steps, up to half a priority.
const STEPS_AT_ONCE_MAX: u64 = STEPS as u64 / 2;

/// How far behind a worker is.
pub(crate) struct Lag {
    /// When the next measurement is due; `NEVER` while nothing is measured.
    due: Cell<Instant>,
    /// Whether a request has come since the last measurement.
    is_wanted: Cell<bool>,
    /// Measurements of this interval, and the least delay of them.
    samples: Cell<u32>,
    least: Cell<Duration>,
    pressure: Cell<u32>,
}

impl Lag {
    pub(crate) const fn new() -> Self {
        Self {
            due: Cell::new(Instant::NEVER),
            is_wanted: Cell::new(false),
            samples: Cell::new(0),
            least: Cell::new(Duration::MAX),
            pressure: Cell::new(0),
        }
    }

    /// A request has come: begins to measure; `None` if that was done before. `now` is asked only where it begins.
    pub(crate) fn begin(&self, rules: &Shedding, now: impl FnOnce() -> Instant) -> Option<Instant> {
        self.is_wanted.set(true);
        (self.due.get() == Instant::NEVER).then(|| {
            self.restart();
            self.due.set(now() + rules.interval / SAMPLES);
            self.due.get()
        })
    }

    fn restart(&self) {
        self.samples.set(0);
        self.least.set(Duration::MAX);
    }

    /// Measures, if that is due; says when it is due again.
    pub(crate) fn look(&self, rules: Option<&Shedding>, now: Instant) -> Instant {
        let due = self.due.get();
        let Some(rules) = rules else {
            self.due.set(Instant::NEVER);
            self.pressure.set(0);
            return Instant::NEVER;
        };
        if now < due {
            return due;
        }
        self.least.set(self.least.get().min(now.since(due)));
        self.samples.set(self.samples.get() + 1);
        if self.samples.get() >= SAMPLES {
            self.end_interval(rules);
            self.restart();
        }
        let goes_on = self.is_wanted.take() || self.pressure.get() > 0;
        self.due.set(if goes_on { now + rules.interval / SAMPLES } else { Instant::NEVER });
        self.due.get()
    }

    fn end_interval(&self, rules: &Shedding) {
        let (least, target) = (self.least.get().as_nanos(), rules.delay.as_nanos());
        let pressure = if least > target {
            let steps = u64::try_from(least / target.max(1)).unwrap_or(u64::MAX).min(STEPS_AT_ONCE_MAX);
            self.pressure.get().saturating_add(steps as u32).min(PRESSURE_MAX)
        } else {
            self.pressure.get().saturating_sub(1)
        };
        self.pressure.set(pressure);
    }

    /// Steps of pressure.
    pub(crate) const fn pressure(&self) -> u32 {
        self.pressure.get()
    }

    /// Whether to refuse a request; `random` is drawn only where it decides.
    pub(crate) fn refuses(&self, priority: Priority, random: impl FnOnce() -> u64) -> bool {
        let before = priority as u32 * STEPS;
        let part = self.pressure.get().saturating_sub(before);
        priority != Priority::Critical && (part >= STEPS || (part > 0 && random() % u64::from(STEPS) < u64::from(part)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets intervals pass in which everything is `late`.
    fn pass(lag: &Lag, rules: &Shedding, intervals: u32, late: Duration) {
        let mut due = lag.begin(rules, || Instant::from_nanos(0)).unwrap_or_else(|| lag.due.get());
        for _ in 0..intervals * SAMPLES {
            lag.begin(rules, || due);
            due = lag.look(Some(rules), due + late);
        }
    }

    fn shedding() -> Shedding {
        let text =
            "version: 1\nlisteners: [ { name: a, bind: 127.0.0.1:0 } ]\nshedding: { delay: 50ms, interval: 100ms }\n";
        let snapshot = tollgate_model::parse("text", text, &tollgate_model::NoSource).unwrap();
        snapshot.shedding.unwrap()
    }

    /// How many of eight requests, with all random bits there are, are refused.
    fn refused(lag: &Lag, priority: Priority) -> usize {
        (0..8).filter(|&random| lag.refuses(priority, || random)).count()
    }

    const ALL: [Priority; 4] = [Priority::Low, Priority::Normal, Priority::High, Priority::Critical];

    #[test]
    fn the_lowest_go_first_and_the_highest_never() {
        let (lag, rules) = (Lag::new(), shedding());
        for (intervals, expected) in [(4, [4, 0, 0, 0]), (4, [8, 0, 0, 0]), (8, [8, 8, 0, 0]), (80, [8, 8, 8, 0])] {
            pass(&lag, &rules, intervals, Duration::from_millis(51));
            assert_eq!(ALL.map(|priority| refused(&lag, priority)), expected);
        }
        pass(&lag, &rules, 20, Duration::from_millis(50));
        assert_eq!(ALL.map(|priority| refused(&lag, priority)), [4, 0, 0, 0], "it falls as it rose");
    }

    #[test]
    fn a_burst_is_no_queue_that_stands() {
        let (lag, rules) = (Lag::new(), shedding());
        let mut due = lag.begin(&rules, || Instant::from_nanos(0)).unwrap();
        for turn in 0..400 {
            let late = if turn % SAMPLES == 0 { 0 } else { 500 };
            lag.begin(&rules, || due);
            due = lag.look(Some(&rules), due + Duration::from_millis(late));
        }
        assert_eq!(lag.pressure(), 0);
        pass(&lag, &rules, 1, Duration::from_millis(500));
        assert_eq!(lag.pressure(), 4, "far behind, it goes in large steps");
    }

    #[test]
    fn who_has_nothing_to_do_measures_nothing() {
        let (lag, rules) = (Lag::new(), shedding());
        pass(&lag, &rules, 1, Duration::from_millis(51));
        let mut due = lag.due.get();
        let mut looks = 0;
        while due != Instant::NEVER {
            due = lag.look(Some(&rules), due);
            looks += 1;
        }
        assert_eq!((looks, lag.pressure()), (SAMPLES, 0));
        assert!(lag.begin(&rules, || Instant::from_nanos(0)).is_some());
        assert_eq!(lag.look(None, Instant::from_nanos(1)), Instant::NEVER);
    }
}
