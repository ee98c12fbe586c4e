//! What differs between two lists of counts.

use crate::gate::Counts;
use std::{collections::BTreeSet, fmt};

/// What a step may take more, as a share, without anybody being asked.
pub const TOLERANCE: f64 = 0.03;

/// What is the matter with a bench.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// It takes more, beyond the tolerance.
    Worse,
    /// It takes less, beyond the tolerance.
    Better,
    /// It has no count in the baseline.
    New,
    /// It has one, and is not there.
    Gone,
}

impl Kind {
    /// Whether it keeps a change from being taken.
    #[must_use]
    pub const fn fails(self) -> bool {
        !matches!(self, Self::Better)
    }
}

/// Something that has to be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The bench.
    pub bench: String,
    /// What is the matter with it.
    pub kind: Kind,
    /// Instructions of a step in the baseline, and now; 0 where there is no count.
    pub then: f64,
    /// See `then`.
    pub now: f64,
}

impl Finding {
    /// The difference, as a share of what it was.
    #[must_use]
    pub fn difference(&self) -> f64 {
        self.now / self.then - 1.0
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bench, then, now, .. } = self;
        let counts = format!("{then:.2} instructions before, {now:.2} now, {:+.1} %", 100.0 * self.difference());
        match self.kind {
            Kind::Worse => write!(f, "worse   {bench}: {counts}"),
            Kind::Better => write!(f, "better  {bench}: {counts}"),
            Kind::New => write!(f, "new     {bench}: {now:.2} instructions, none in the baseline"),
            Kind::Gone => write!(f, "gone    {bench}: {then:.2} instructions in the baseline, not counted now"),
        }
    }
}

/// All that differs beyond the tolerance, by name.
#[must_use]
pub fn judge(then: &Counts, now: &Counts) -> Vec<Finding> {
    let benches: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let found = benches.into_iter().filter_map(|bench| {
        let (then, now) = (then.get(bench).copied(), now.get(bench).copied());
        let kind = match (then, now) {
            (None, _) => Kind::New,
            (_, None) => Kind::Gone,
            (Some(then), Some(now)) if now > then * (1.0 + TOLERANCE) => Kind::Worse,
            (Some(then), Some(now)) if now < then * (1.0 - TOLERANCE) => Kind::Better,
            _ => return None,
        };
        let [then, now] = [then, now].map(Option::unwrap_or_default);
        Some(Finding { bench: bench.clone(), kind, then, now })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, f64)]) -> Counts {
        of.iter().map(|(bench, count)| ((*bench).to_owned(), *count)).collect()
    }

    fn kinds(then: &[(&str, f64)], now: &[(&str, f64)]) -> Vec<Kind> {
        judge(&counts(then), &counts(now)).iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn three_percent_pass_and_more_does_not() {
        assert_eq!(kinds(&[("a", 1000.0)], &[("a", 1000.0)]), []);
        assert_eq!(kinds(&[("a", 1000.0)], &[("a", 1030.0)]), []);
        assert_eq!(kinds(&[("a", 1000.0)], &[("a", 1030.01)]), [Kind::Worse]);
        assert_eq!(kinds(&[("a", 1000.0)], &[("a", 970.0)]), []);
        assert_eq!(kinds(&[("a", 1000.0)], &[("a", 969.99)]), [Kind::Better]);
    }

    #[test]
    fn a_bench_without_a_counterpart_is_found() {
        assert_eq!(kinds(&[("a", 1.0), ("b", 1.0)], &[("b", 1.0), ("c", 1.0)]), [Kind::Gone, Kind::New]);
        assert!([Kind::Worse, Kind::New, Kind::Gone].into_iter().all(Kind::fails) && !Kind::Better.fails());
    }

    #[test]
    fn a_finding_names_bench_counts_and_difference() {
        let found = judge(&counts(&[("http/target", 200.0)]), &counts(&[("http/target", 210.0)]));
        assert_eq!(found[0].to_string(), "worse   http/target: 200.00 instructions before, 210.00 now, +5.0 %");
    }
}
