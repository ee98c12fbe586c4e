//! A figure, what is asked of it, and all of them as a table or JSON lines. Pure.

use crate::report;
use anyhow::Result;
use comfy_table::Table;
use serde::Serialize;
use std::time::Duration;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    least: Option<f64>,
}

impl Figure {
    pub(super) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, most: None, least: None }
    }

    pub(super) fn millis(what: impl Into<String>, time: Duration) -> Self {
        Self::new(what, time.as_secs_f64() * 1e3, "ms")
    }

    pub(super) fn mebibytes(what: impl Into<String>, bytes: u64) -> Self {
        Self::new(what, bytes as f64 / f64::from(1 << 20), "MiB")
    }

    /// No more than this is asked for.
    pub(super) fn at_most(self, most: f64) -> Self {
        Self { most: Some(most), ..self }
    }

    /// No less than this is asked for.
    pub(super) fn at_least(self, least: f64) -> Self {
        Self { least: Some(least), ..self }
    }

    fn asked(&self) -> String {
        let bound = |sign, value: f64| format!("{sign} {value}");
        self.most.map(|most| bound("<=", most)).or(self.least.map(|least| bound(">=", least))).unwrap_or_default()
    }

    fn holds(&self) -> &'static str {
        let fits = self.most.map(|most| self.value <= most).or(self.least.map(|least| self.value >= least));
        fits.map_or("", |fits| if fits { "yes" } else { "no" })
    }
}

/// Figures with what is asked of them.
pub(super) fn table(figures: &[Figure]) -> Table {
    let mut table = report::table(&["what", "measured", "unit", "asked", "holds"]);
    for figure in figures {
        let Figure { what, value, unit, .. } = figure;
        let decimals = if value.abs() >= 1000.0 { 0 } else { 3 };
        let measured = format!("{value:.decimals$}");
        table.add_row(vec![what.clone(), measured, (*unit).to_owned(), figure.asked(), figure.holds().to_owned()]);
    }
    table
}

/// One JSON object per figure and line.
pub(super) fn lines(figures: &[Figure]) -> Result<String> {
    let lines = figures.iter().map(|figure| Ok(serde_json::to_string(figure)? + "\n"));
    lines.collect()
}

/// Times in ascending order, for their quantiles.
pub(super) struct Times(Vec<Duration>);

impl Times {
    pub(super) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Of a share from 0 to 1; nothing at all if there is none.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).ceil() as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_holds_or_does_not() {
        let figures = [
            Figure::new("a", 2.0, "ms").at_most(2.0),
            Figure::new("b", 3.0, "ms").at_most(2.0),
            Figure::new("c", 3000.0, "/s").at_least(3000.0),
            Figure::new("d", 1.0, "/s").at_least(2.0),
            Figure::new("e", 1.0, "/s"),
        ];
        assert_eq!(figures.each_ref().map(Figure::holds), ["yes", "no", "yes", "no", ""]);
        let table = table(&figures).to_string();
        assert!(table.contains(">= 3000") && table.contains("2.000"), "{table}");
        assert!(lines(&figures).unwrap().lines().next().unwrap().contains("\"most\":2.0"));
    }

    #[test]
    fn a_quantile_of_few_is_the_next_higher() {
        let times = Times::of([3, 1, 2].map(Duration::from_millis).to_vec());
        assert_eq!([0.0, 0.5, 0.99].map(|share| times.quantile(share).as_millis()), [1, 2, 3]);
    }
}
