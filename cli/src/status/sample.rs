//! A scrape of a node, read: series by name and labels, and what is asked of them.
//!
//! Reads the Prometheus text format (0.0.4) as far as a node writes it; lines that it does not understand are left out. Only
//! metrics that are asked for are kept, since a node may show 100,000 lines.

use std::collections::BTreeMap;

/// Figures of one moment.
#[derive(Debug, Default)]
pub(super) struct Sample(BTreeMap<String, Vec<Series>>);

#[derive(Debug)]
struct Series {
    labels: Vec<(String, String)>,
    value: f64,
}

/// Counts of a histogram up to each bound, in seconds; the last bound is infinite.
pub(super) type Buckets = Vec<(f64, f64)>;

impl Series {
    fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
    }

    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.label(name) == *value)
    }
}

impl Sample {
    /// The series of the metrics in `wanted`.
    pub(super) fn of(text: &str, wanted: &[&str]) -> Self {
        let mut found: BTreeMap<String, Vec<Series>> = BTreeMap::new();
        for line in text.lines() {
            let name = &line[..line.find(['{', ' ']).unwrap_or(line.len())];
            if wanted.contains(&name)
                && let Some(series) = series(&line[name.len()..])
            {
                found.entry(name.to_owned()).or_default().push(series);
            }
        }
        Self(found)
    }

    fn series(&self, metric: &str) -> &[Series] {
        self.0.get(metric).map_or(&[], Vec::as_slice)
    }

    /// What all series of a metric with these labels have together.
    pub(super) fn sum(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        // Not `sum`: of nothing that is -0.
        self.series(metric).iter().filter(|series| series.has(labels)).fold(0.0, |sum, series| sum + series.value)
    }

    /// The same by the values of some labels.
    pub(super) fn by<const N: usize>(
        &self,
        metric: &str,
        names: [&str; N],
        labels: &[(&str, &str)],
    ) -> BTreeMap<[&str; N], f64> {
        let mut sums = BTreeMap::new();
        for series in self.series(metric).iter().filter(|series| series.has(labels)) {
            *sums.entry(names.map(|name| series.label(name))).or_default() += series.value;
        }
        sums
    }

    /// The value of a label.
    pub(super) fn label(&self, metric: &str, name: &str) -> &str {
        self.series(metric).first().map_or("", |series| series.label(name))
    }

    /// The buckets of a histogram with these labels, all series together.
    pub(super) fn buckets(&self, metric: &str, labels: &[(&str, &str)]) -> Buckets {
        let sums = self.by(metric, ["le"], labels);
        let bound = |[text]: [&str; 1]| if text == "+Inf" { Some(f64::INFINITY) } else { text.parse().ok() };
        let mut buckets: Buckets = sums.into_iter().filter_map(|(le, count)| Some((bound(le)?, count))).collect();
        buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        buckets
    }
}

/// `{label="value",..} number`, or the number alone.
fn series(text: &str) -> Option<Series> {
    let mut labels = Vec::new();
    let mut rest = text;
    if let Some(inside) = text.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (name, behind) = rest.split_once("=\"")?;
            let (value, behind) = unescaped(behind)?;
            labels.push((name.to_owned(), value));
            rest = behind.strip_prefix(',').unwrap_or(behind);
        }
        rest = &rest[1..];
    }
    Some(Series { labels, value: rest.trim().parse().ok()? })
}

/// A label's value up to its closing quote, and what is behind that.
fn unescaped(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_a_node_writes_them() {
        let text = "# HELP a Help.\n# TYPE a counter\na{r=\"x\",c=\"2xx\"} 3\na{r=\"y\\\"\\\\,}\",c=\"5xx\"} 4.5\n\
                    a_total 9\nb 7\nb{broken 1\nc{le=\"0.1\"} 1\nc{le=\"+Inf\"} 3\nc{le=\"0.025\"} 1\n";
        let sample = Sample::of(text, &["a", "b", "c"]);
        assert_eq!((sample.sum("a", &[]), sample.sum("a", &[("c", "5xx")]), sample.sum("b", &[])), (7.5, 4.5, 7.0));
        assert_eq!(sample.sum("a_total", &[]), 0.0, "it was not asked for");
        assert_eq!(sample.by("a", ["r"], &[]), [(["x"], 3.0), (["y\"\\,}"], 4.5)].into());
        assert_eq!(sample.buckets("c", &[]), [(0.025, 1.0), (0.1, 1.0), (f64::INFINITY, 3.0)]);
        assert_eq!(sample.label("a", "c"), "2xx");
    }
}
