//! Durations counted in a high dynamic range histogram: nanoseconds, bounded relative error, mergeable.
//!
//! Three decimal digits for a whole run, two for one interval of a series. Serialized as base64 of HdrHistogram's V2
//! encoding, which other implementations read too. A duration above [`limits::LATENCY_MAX`] counts as that.

use super::limits;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer as Decoder, Serializer as _, V2Serializer},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::{io::Cursor, time::Duration};

/// Largest value, in nanoseconds.
const NANOS_MAX: u64 = limits::LATENCY_MAX.as_nanos() as u64;

/// Counted durations.
#[derive(Clone, Debug, PartialEq)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self::with_digits(3)
    }
}

impl Latencies {
    /// Two digits: 17 KB at most instead of 280.
    #[must_use]
    pub fn coarse() -> Self {
        Self::with_digits(2)
    }

    fn with_digits(digits: u8) -> Self {
        Self(Histogram::new(digits).expect("two and three digits are within what the crate allows (0 to 5)"))
    }

    /// Counts one duration, given in nanoseconds.
    #[inline]
    pub fn record(&mut self, nanos: u64) {
        // It grows as needed up to the bound, so it only fails where no memory is left to grow.
        self.0.record(nanos.min(NANOS_MAX)).expect("the histogram resizes itself");
    }

    /// Counts what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("the histogram resizes itself");
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The duration that a `share` (0 to 1) of them did not exceed; zero where nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(share))
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }

    /// The mean; zero where nothing was counted.
    #[must_use]
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.0.mean() as u64)
    }

    /// The histogram itself, in nanoseconds.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }
}

impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(&self.0, &mut bytes).map_err(ser::Error::custom)?;
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Latencies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = STANDARD.decode(String::deserialize(deserializer)?).map_err(de::Error::custom)?;
        let mut histogram: Histogram<u64> = Decoder::new()
            .deserialize(&mut Cursor::new(bytes))
            .map_err(|error| de::Error::custom(format!("{error:?}")))?;
        if histogram.high() > 2 * NANOS_MAX || !(2..=3).contains(&histogram.sigfig()) {
            return Err(de::Error::custom("the histogram has other bounds than those of a recording"));
        }
        histogram.auto(true);
        Ok(Self(histogram))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits_and_survive_json() {
        let mut latencies = Latencies::default();
        for nanos in [0, 1, 1_234_567, u64::MAX] {
            latencies.record(nanos);
        }
        let text = serde_json::to_string(&latencies).unwrap();
        let mut back: Latencies = serde_json::from_str(&text).unwrap();
        assert_eq!((back.count(), back.quantile(0.75).as_micros()), (4, 1234));
        assert!(back.max() >= limits::LATENCY_MAX);
        back.merge(&latencies);
        back.record(5);
        assert_eq!(back.count(), 9);
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        for text in ["\"\"", "\"!\"", "\"AAAA\"", "7"] {
            assert!(serde_json::from_str::<Latencies>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn merging_an_empty_one_changes_nothing() {
        let mut latencies = Latencies::coarse();
        latencies.record(1_000_000);
        let before = latencies.clone();
        latencies.merge(&Latencies::coarse());
        assert_eq!(latencies, before);
        assert_eq!(Latencies::default().quantile(0.99), Duration::ZERO);
    }
}
