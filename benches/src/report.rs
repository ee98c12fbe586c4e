//! Samples as text: a Markdown table per concurrency, one line per round, JSON lines. Pure.

use crate::{measure::Sample, statistics::Spread};
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use std::fmt::Write as _;

/// An empty table with right-aligned columns of figures behind a first one of names.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Median (min..max) over the rounds, a table per concurrency. `reference` is what the others are divided by.
pub(crate) fn tables(samples: &[Sample], concurrencies: &[u32], reference: &str) -> String {
    let mut text = String::new();
    for &concurrency in concurrencies {
        let here: Vec<&Sample> = samples.iter().filter(|sample| sample.concurrency == concurrency).collect();
        let mut table = table(&[
            "gateway",
            "CPU us/request",
            &format!("ratio to {reference}"),
            "requests/s",
            "p50 us",
            "p99 us",
            "busy %",
            "foreign %",
            "dirty",
        ]);
        for name in names(&here) {
            table.add_row(row(name, &here, reference));
        }
        let _ = writeln!(text, "Concurrency {concurrency}\n\n{table}\n");
    }
    text
}

fn names<'a>(samples: &[&'a Sample]) -> Vec<&'a str> {
    let mut names: Vec<&str> = samples.iter().map(|sample| sample.gateway.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn row(name: &str, samples: &[&Sample], reference: &str) -> Vec<String> {
    let own: Vec<&Sample> = samples.iter().copied().filter(|sample| sample.gateway == name).collect();
    let spread = |figure: fn(&Sample) -> f64, decimals| text(Spread::of(own.iter().copied().map(figure)), decimals);
    let dirty = own.iter().filter(|sample| sample.dirty).count();
    vec![
        name.to_owned(),
        spread(|sample| sample.cpu_us_per_request, 2),
        text(Spread::of(own.iter().filter_map(|sample| ratio(sample, samples.iter().copied(), reference))), 3),
        spread(|sample| sample.requests_per_second, 0),
        spread(|sample| sample.p50_us, 0),
        spread(|sample| sample.p99_us, 0),
        spread(|sample| sample.gateway_busy_percent, 0),
        spread(|sample| sample.foreign_percent, 1),
        format!("{dirty}/{}", own.len()),
    ]
}

fn text(spread: Option<Spread>, decimals: usize) -> String {
    spread.map_or_else(|| "-".to_owned(), |spread| spread.text(decimals))
}

/// CPU per request divided by the reference's in the same round.
pub(crate) fn ratio<'a>(
    sample: &Sample,
    samples: impl IntoIterator<Item = &'a Sample>,
    reference: &str,
) -> Option<f64> {
    let same = |other: &&Sample| other.gateway == reference && other.round == sample.round;
    let reference = samples.into_iter().find(same)?;
    Some(sample.cpu_us_per_request / reference.cpu_us_per_request)
}

/// One round in one line.
pub(crate) fn line(samples: &[Sample]) -> String {
    let of = |sample: &Sample| {
        format!("{} {:.2} us ({:.1} % foreign)", sample.gateway, sample.cpu_us_per_request, sample.foreign_percent)
    };
    samples.iter().map(of).collect::<Vec<_>>().join(", ")
}

/// One JSON object per sample and line.
pub(crate) fn lines(samples: &[Sample]) -> Result<String> {
    let mut text = String::new();
    for sample in samples {
        text.push_str(&serde_json::to_string(sample)?);
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(gateway: &str, round: u32, cpu_us_per_request: f64) -> Sample {
        let gateway = gateway.to_owned();
        Sample { gateway, concurrency: 64, round, dirty: round == 2, cpu_us_per_request, ..Sample::default() }
    }

    #[test]
    fn ratios_stay_within_their_round() {
        let samples = [("nginx", 1, 10.0), ("tollgate", 1, 8.0), ("tollgate", 2, 15.0), ("nginx", 2, 20.0)]
            .map(|(g, r, c)| sample(g, r, c));
        let tables = tables(&samples, &[64], "nginx");
        let row = tables.lines().find(|line| line.contains("tollgate")).unwrap();
        for part in ["11.50 (8.00..15.00)", "0.775 (0.750..0.800)", "1/2"] {
            assert!(row.contains(part), "{row}");
        }
    }

    #[test]
    fn every_sample_is_one_json_line() {
        let text = lines(&[sample("nginx", 1, 10.0), sample("haproxy", 1, 11.0)]).unwrap();
        let gateways: Vec<String> = text
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["gateway"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(gateways, ["nginx", "haproxy"]);
    }
}
