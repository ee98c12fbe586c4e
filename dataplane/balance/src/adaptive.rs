//! How many requests an upstream may have in progress: a limit that follows its response times.
//!
//! A gradient: the limit moves by the ratio of the best response time to that of the last window, and by the square root of
//! itself towards more, which is the queue it allows for. After Gradient2 of Netflix' concurrency-limits (2018), which takes
//! it from TCP Vegas (Brakmo, Peterson, 1995); the best time is measured anew at the lowest limit, as Envoy's gradient
//! controller does, but only once it has been missed for [`REMEASURE`], so that an upstream that keeps its pace is left
//! alone.
//!
//! A request costs one exchange of a count and one addition; one worker moves the limit at the end of a window, the others
//! go on. Between `min` and `max` always. What is refused is not queued. `now` is an argument, in nanoseconds.

use super::{
    sync::{AtomicBool, AtomicU32, AtomicU64, CachePadded, Ordering::Relaxed},
    try_lock::TryLock,
};

/// A window lasts this long, in nanoseconds ...
const WINDOW: u64 = 100_000_000;

/// ... and until it has this many samples.
const SAMPLES_MIN: u64 = 16;

/// Where it starts, within the bounds.
const INITIAL: u32 = 20;

/// A best time that was missed by more than the tolerance for so long, in nanoseconds, is measured anew.
const REMEASURE: u64 = 10_000_000_000;

/// How much of the way to where it should be the limit goes in a window.
const STEP: f64 = 0.2;

/// The limit is not halved faster than the step says, however slow responses have become.
const GRADIENT_MIN: f64 = 0.5;

/// Longest time of a sample in microseconds, some 16 seconds: a million of them fit the sum.
const SAMPLE_MAX: u64 = (1 << SAMPLE_BITS) - 1;
const SAMPLE_BITS: u32 = 24;
const COUNT_BITS: u32 = 20;
const SUM_BITS: u32 = SAMPLE_BITS + COUNT_BITS;
const COUNT_FULL: u64 = 1 << (COUNT_BITS - 1);

/// The bounds of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// At least 1.
    pub(crate) min: u32,
    /// Not less than `min`.
    pub(crate) max: u32,
    /// Percent of the best response time that are taken for well.
    pub(crate) tolerance: u32,
}

/// A limit of requests in progress.
#[derive(Debug)]
pub struct AdaptiveLimit {
    bounds: Bounds,
    in_flight: CachePadded<AtomicU32>,
    /// What holds for requests now.
    limit: AtomicU32,
    /// Of the current window: their number in the upper bits, the sum of their microseconds below.
    samples: CachePadded<AtomicU64>,
    /// When the window began; what began before is of another.
    begun: AtomicU64,
    /// Held by the one that moves the limit, and with it what is below.
    moving: TryLock,
    /// The limit with its fraction, as bits; while the best time is measured, that of before.
    exact: AtomicU64,
    /// Best mean of a window in microseconds; 0 before the first.
    best: AtomicU64,
    /// When a window was last well.
    well: AtomicU64,
    /// Whether the limit is at its lowest to measure the best time.
    is_measuring: AtomicBool,
}

impl AdaptiveLimit {
    pub(crate) fn new(bounds: Bounds, now: u64) -> Self {
        let limit = INITIAL.clamp(bounds.min, bounds.max);
        Self {
            bounds,
            in_flight: CachePadded::default(),
            limit: AtomicU32::new(limit),
            samples: CachePadded::default(),
            begun: AtomicU64::new(now),
            moving: TryLock::default(),
            exact: AtomicU64::new(f64::from(limit).to_bits()),
            best: AtomicU64::new(0),
            well: AtomicU64::new(now),
            is_measuring: AtomicBool::new(false),
        }
    }

    pub(crate) const fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Lets a request in, if there is room; [`AdaptiveLimit::leave`] follows once.
    pub fn enter(&self) -> bool {
        let mut in_flight = self.in_flight.load(Relaxed);
        while in_flight < self.limit.load(Relaxed) {
            match self.in_flight.compare_exchange(in_flight, in_flight + 1, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(now) => in_flight = now,
            }
        }
        false
    }

    /// A request that was let in is over.
    pub fn leave(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// Takes how long the response of a request that began at `begun` took to come, in nanoseconds.
    pub fn sample(&self, begun: u64, took: u64, now: u64) {
        let since = self.begun.load(Relaxed);
        if begun >= since || !self.is_measuring.load(Relaxed) {
            let sample = 1 << SUM_BITS | (took / 1000).min(SAMPLE_MAX);
            let is_full = self.samples.load(Relaxed) >> SUM_BITS >= COUNT_FULL;
            let count = if is_full { COUNT_FULL } else { (self.samples.fetch_add(sample, Relaxed) >> SUM_BITS) + 1 };
            if count >= COUNT_FULL || (count >= SAMPLES_MIN && now.saturating_sub(since) >= WINDOW) {
                self.end_window(now);
            }
        }
    }

    /// Moves the limit, unless somebody else does.
    #[cold]
    fn end_window(&self, now: u64) {
        let Some(_guard) = self.moving.try_lock() else { return };
        // Another may have ended it just before.
        if self.samples.load(Relaxed) >> SUM_BITS < SAMPLES_MIN {
            return;
        }
        let samples = self.samples.swap(0, Relaxed);
        self.begun.store(now, Relaxed);
        let (count, sum) = (samples >> SUM_BITS, samples & ((1 << SUM_BITS) - 1));
        let mean = (sum / count).max(1);
        let before = self.best.load(Relaxed);
        let best = if before == 0 || self.is_measuring.load(Relaxed) { mean } else { before.min(mean) };
        self.best.store(best, Relaxed);
        let mut limit = f64::from_bits(self.exact.load(Relaxed));
        if self.is_measuring.load(Relaxed) {
            self.is_measuring.store(false, Relaxed);
            self.well.store(now, Relaxed);
        } else {
            limit = self.moved(limit, best as f64 / mean as f64, now);
            self.exact.store(limit.to_bits(), Relaxed);
        }
        if now.saturating_sub(self.well.load(Relaxed)) >= REMEASURE {
            self.is_measuring.store(true, Relaxed);
            limit = f64::from(self.bounds.min);
        }
        self.limit.store(limit as u32, Relaxed);
    }

    /// Where a limit goes when the last window was `ratio` of the best as fast.
    fn moved(&self, limit: f64, ratio: f64, now: u64) -> f64 {
        let gradient = ratio * f64::from(self.bounds.tolerance) / 100.0;
        if gradient >= 1.0 {
            self.well.store(now, Relaxed);
            // What is not used needs no more.
            if f64::from(self.in_flight()) * 2.0 < limit {
                return limit;
            }
        }
        let target = limit * gradient.clamp(GRADIENT_MIN, 1.0) + limit.sqrt();
        (limit + STEP * (target - limit)).clamp(f64::from(self.bounds.min), f64::from(self.bounds.max))
    }

    /// Requests in progress.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// How many may be in progress now.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }
}

#[cfg(test)]
#[path = "adaptive/tests.rs"]
mod tests;
