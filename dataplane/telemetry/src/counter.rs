//! A counter and a gauge that one thread writes and any thread reads.
//!
//! A change is a relaxed load and a relaxed store, two plain moves, where `fetch_add` would be a locked instruction of
//! about 20 cycles. The price: **two threads that change the same one lose counts**. Nothing worse can happen.

use super::sync::{AtomicU64, Ordering::Relaxed};

/// A number that only grows. One writer.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `count`, wrapping.
    #[inline]
    pub fn add(&self, count: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(count), Relaxed);
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// The number so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that grows and shrinks, never below zero. One writer.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// One more.
    #[inline]
    pub fn increment(&self) {
        self.set(self.value().saturating_add(1));
    }

    /// One less; zero stays zero.
    #[inline]
    pub fn decrement(&self) {
        self.set(self.value().saturating_sub(1));
    }

    /// Replaces the number.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_stays_at_zero() {
        let gauge = Gauge::new();
        gauge.increment();
        gauge.decrement();
        gauge.decrement();
        assert_eq!(gauge.value(), 0);
    }
}
