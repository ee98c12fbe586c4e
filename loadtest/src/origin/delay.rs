//! How long an answer waits: a time as it stands in a path, or a distribution that each request draws one from.
//!
//! Pure: chance is an argument. A time is a number of milliseconds, or one with its unit: `5`, `0.5`, `500us`, `5ms`, `2s`.
//! Whatever is drawn lies between 0 and `DELAY_MAX`.

use super::{chance::Chance, limits::DELAY_MAX};
use std::time::Duration;

/// What draws a delay. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Delay {
    Fixed(f64),
    /// Evenly between the two.
    Uniform(f64, f64),
    /// Mean and standard deviation; what would be negative is no delay.
    Normal(f64, f64),
    /// Mean: a waiting time without memory.
    Exponential(f64),
    /// Median, and the standard deviation of the logarithm: what services look like.
    Lognormal(f64, f64),
    /// Minimum and shape: the smaller the shape, the heavier the tail; up to 1 it has no mean.
    Pareto(f64, f64),
}

/// What a path with another delay is told.
pub(super) const USAGE: &str = "usage: /delay/TIME/..., /delay/uniform/A-B/..., /delay/normal/MEAN-DEVIATION/..., \
    /delay/exponential/MEAN/..., /delay/lognormal/MEDIAN-SIGMA/... or /delay/pareto/MINIMUM-SHAPE/...; \
    a TIME is milliseconds or has a unit: 5, 500us, 2s";

impl Delay {
    /// Reads a delay off the front of `path`, and says what follows it.
    pub(super) fn take(path: &str) -> Option<(Self, &str)> {
        let (first, rest) = segment(path);
        if let Some(fixed) = millis(first) {
            return Some((Self::Fixed(fixed), rest));
        }
        let (argument, rest) = segment(rest);
        let pair = || argument.split_once('-');
        let delay = match first {
            "uniform" => {
                let (from, to) = pair()?;
                let (from, to) = (millis(from)?, millis(to)?);
                (from <= to).then_some(Self::Uniform(from, to))?
            }
            "normal" => pair().and_then(|(mean, deviation)| Some(Self::Normal(millis(mean)?, millis(deviation)?)))?,
            "exponential" => Self::Exponential(millis(argument)?),
            "lognormal" => pair().and_then(|(median, sigma)| Some(Self::Lognormal(millis(median)?, number(sigma)?)))?,
            "pareto" => pair().and_then(|(least, shape)| Some(Self::Pareto(millis(least)?, number(shape)?)))?,
            _ => return None,
        };
        (!matches!(delay, Self::Pareto(_, 0.0))).then_some((delay, rest))
    }

    /// One delay.
    pub(super) fn draw(self, chance: &mut Chance) -> Duration {
        let millis = match self {
            Self::Fixed(millis) => millis,
            Self::Uniform(from, to) => from + (to - from) * chance.share(),
            Self::Normal(mean, deviation) => mean + deviation * chance.normal(),
            Self::Exponential(mean) => -mean * chance.share().ln(),
            Self::Lognormal(median, sigma) => median * (sigma * chance.normal()).exp(),
            Self::Pareto(least, shape) => least * chance.share().powf(-1.0 / shape),
        };
        // Negative numbers are 0, infinity is the bound.
        Duration::from_secs_f64((millis / 1e3).clamp(0.0, DELAY_MAX.as_secs_f64()))
    }
}

/// A time of a path, at most `DELAY_MAX`.
pub(super) fn time(text: &str) -> Option<Duration> {
    millis(text).map(|millis| Duration::from_secs_f64(millis / 1e3).min(DELAY_MAX))
}

/// The first segment of a path, and the others.
pub(super) fn segment(path: &str) -> (&str, &str) {
    path.split_once('/').unwrap_or((path, ""))
}

/// Digits with or without a fraction: no sign, no exponent.
pub(super) fn number(text: &str) -> Option<f64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits.then(|| text.parse().ok()).flatten()
}

fn millis(text: &str) -> Option<f64> {
    let (digits, factor) = match text {
        _ if text.ends_with("us") => (text.strip_suffix("us")?, 1e-3),
        _ if text.ends_with("ms") => (text.strip_suffix("ms")?, 1.0),
        _ if text.ends_with('s') => (text.strip_suffix('s')?, 1e3),
        _ => (text, 1.0),
    };
    // A week is far beyond the bound and still a number of nanoseconds.
    number(digits).map(|value| (value * factor).min(7.0 * 86_400e3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_a_bound() {
        for (text, micros) in [("5", 5_000), ("0.25", 250), ("500us", 500), ("7ms", 7_000), ("1.5s", 1_500_000)] {
            assert_eq!(time(text), Some(Duration::from_micros(micros)), "{text}");
        }
        assert_eq!(time("99999999999999999999s"), Some(DELAY_MAX));
        for text in ["", "x", "-1", "1e3", "us", "1.2.3", "inf", "NaN"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn a_path_names_a_distribution_and_goes_on_behind_it() {
        assert_eq!(Delay::take("5/bytes/3"), Some((Delay::Fixed(5.0), "bytes/3")));
        assert_eq!(Delay::take("uniform/1-2ms/x"), Some((Delay::Uniform(1.0, 2.0), "x")));
        assert_eq!(Delay::take("normal/10-500us"), Some((Delay::Normal(10.0, 0.5), "")));
        assert_eq!(Delay::take("exponential/3/a/b"), Some((Delay::Exponential(3.0), "a/b")));
        assert_eq!(Delay::take("lognormal/8-0.5/"), Some((Delay::Lognormal(8.0, 0.5), "")));
        assert_eq!(Delay::take("pareto/2-1.5/x"), Some((Delay::Pareto(2.0, 1.5), "x")));
        for path in ["", "x/1", "uniform/2-1", "uniform/2", "normal/1", "exponential/", "pareto/1-0", "lognormal/1-2ms"]
        {
            assert_eq!(Delay::take(path), None, "{path}");
        }
    }

    /// What `quantile` of 20,000 drawn delays lie below, in milliseconds.
    fn quantile(delay: Delay, quantile: f64) -> f64 {
        let mut chance = Chance::new(3, 0);
        let mut drawn: Vec<_> = (0..20_000).map(|_| delay.draw(&mut chance)).collect();
        drawn.sort_unstable();
        drawn[(quantile * 20_000.0) as usize].as_secs_f64() * 1e3
    }

    #[test]
    fn drawn_delays_have_the_quantiles_of_their_distribution() {
        for (delay, at, expected) in [
            (Delay::Fixed(4.0), 0.99, 4.0),
            (Delay::Uniform(10.0, 20.0), 0.25, 12.5),
            (Delay::Normal(10.0, 2.0), 0.5, 10.0),
            (Delay::Normal(10.0, 2.0), 0.841_3, 12.0),
            (Delay::Exponential(5.0), 0.5, 5.0 * std::f64::consts::LN_2),
            (Delay::Exponential(5.0), 0.9, 5.0 * 10_f64.ln()),
            (Delay::Lognormal(8.0, 0.5), 0.5, 8.0),
            (Delay::Lognormal(8.0, 0.5), 0.841_3, 8.0 * 0.5_f64.exp()),
            (Delay::Pareto(2.0, 1.5), 0.5, 2.0 * 2_f64.powf(1.0 / 1.5)),
        ] {
            let found = quantile(delay, at);
            assert!((found / expected - 1.0).abs() < 0.05, "{delay:?} at {at}: {found} instead of {expected}");
        }
    }

    #[test]
    fn no_delay_is_negative_or_beyond_the_bound() {
        assert_eq!(quantile(Delay::Normal(1.0, 10.0), 0.1), 0.0);
        assert_eq!(quantile(Delay::Pareto(1000.0, 0.01), 0.99), DELAY_MAX.as_secs_f64() * 1e3);
    }
}
