//! A strict reader of the Prometheus text format, version 0.0.4, that panics at anything it does not like.
//!
//! Stricter than Prometheus: every metric has HELP before TYPE, its samples follow at once, none is there twice, buckets
//! ascend and end with `+Inf`, and `_count` equals it.

use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
}

#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// Name and kind of every metric, in order.
    pub(crate) kinds: Vec<(String, String)>,
    pub(crate) samples: BTreeMap<Series, f64>,
}

impl Exposition {
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'));
        let mut read = Self::default();
        let mut help = None;
        let mut bucket: Option<(Series, f64, f64)> = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, words) = rest.split_once(' ').unwrap();
                assert!(!words.is_empty() && !words.contains('\\') && help.is_none(), "{line}");
                help = Some(name.to_owned());
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(help.take().as_deref(), Some(name));
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(read.kinds.iter().all(|(known, _)| known != name), "{name} twice");
                read.kinds.push((name.to_owned(), kind.to_owned()));
            } else {
                let (series, value) = read_sample(line);
                read.check_name(&series);
                check_buckets(&mut bucket, &series, value);
                assert!(read.samples.insert(series, value).is_none(), "twice: {line}");
            }
        }
        assert!(help.is_none() && bucket.is_none());
        read
    }

    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
        self.samples.get(&Series { name: name.to_owned(), labels }).copied()
    }

    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.samples.iter().filter(|(series, _)| series.name == name).map(|(_, value)| value).sum()
    }

    /// Nothing that only grows is less than in `earlier`.
    pub(crate) fn assert_not_before(&self, earlier: &Self) {
        for (series, before) in &earlier.samples {
            let is_gauge = self.kinds.iter().any(|(name, kind)| *name == series.name && kind == "gauge");
            let now = self.samples.get(series).unwrap_or_else(|| panic!("{series:?} is gone"));
            assert!(is_gauge || now >= before, "{series:?} went from {before} to {now}");
        }
    }

    /// A sample belongs to the metric declared last.
    fn check_name(&self, series: &Series) {
        let (metric, kind) = self.kinds.last().unwrap();
        let suffix = series.name.strip_prefix(metric.as_str()).unwrap_or_else(|| panic!("{series:?} under {metric}"));
        let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        assert!(suffixes.contains(&suffix), "{series:?} under {metric}");
        assert_eq!(kind == "counter", series.name.ends_with("_total"), "{series:?}");
    }
}

/// `open` is the histogram in progress without its `le`, and its last bound and count.
fn check_buckets(open: &mut Option<(Series, f64, f64)>, series: &Series, value: f64) {
    if series.name.ends_with("_bucket") {
        let mut labels = series.labels.clone();
        let (label, le) = labels.pop().unwrap();
        assert_eq!(label, "le");
        let (bound, histogram) = (read_number(&le), Series { labels, ..series.clone() });
        if let Some((same, last_bound, last_count)) = open.as_ref() {
            assert!(*same == histogram && bound > *last_bound && value >= *last_count, "{series:?}");
        }
        *open = Some((histogram, bound, value));
    } else if series.name.ends_with("_count") {
        let (_, bound, count) = open.take().expect("buckets before _count");
        assert_eq!((bound, count), (f64::INFINITY, value), "{series:?}");
    }
}

fn read_number(text: &str) -> f64 {
    if text == "+Inf" { f64::INFINITY } else { text.parse().unwrap() }
}

fn read_sample(line: &str) -> (Series, f64) {
    let name_end = line.find(['{', ' ']).unwrap();
    let (name, rest) = line.split_at(name_end);
    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'), "{line}");
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => read_labels(rest),
        None => (Vec::new(), rest),
    };
    let number = rest.strip_prefix(' ').unwrap();
    assert!(!number.contains(' '), "{line}");
    (Series { name: name.to_owned(), labels }, read_number(number))
}

/// Reads behind the brace; returns what is behind the closing one.
fn read_labels(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut labels = Vec::new();
    loop {
        let (label, after) = rest.split_once("=\"").unwrap();
        let (value, after) = read_value(after);
        labels.push((label.to_owned(), value));
        if let Some(end) = after.strip_prefix('}') {
            return (labels, end);
        }
        rest = after.strip_prefix(',').unwrap();
    }
}

fn read_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match characters.next().unwrap().1 {
                'n' => '\n',
                escaped @ ('"' | '\\') => escaped,
                other => panic!("\\{other}"),
            }),
            _ => value.push(character),
        }
    }
    panic!("no end of {text}")
}
