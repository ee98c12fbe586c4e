//! docs/performance.md, made of the results in benches/results: `report` writes it, `report --check` compares.
//!
//! The words stand in `page.md.template`; this puts machine, programs, overview and a table for each scenario between them. A
//! scenario's table is that of the newest run that measured it. Nothing here measures, and no figure is written by hand.

use crate::{
    measure::Sample,
    peer::NAMES,
    report,
    results::{self, Line, Run},
    scenario::{self, Scenario},
    statistics::Spread,
};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

const TEMPLATE: &str = include_str!("page.md.template");

/// What the others are divided by.
const REFERENCE: &str = "nginx";

/// Arguments of `report`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Only says whether the page is what the results give.
    #[arg(long)]
    check: bool,
}

/// Writes the page, or compares it.
///
/// # Errors
/// A result cannot be read, the page cannot be written, or it is not what the results give.
pub fn run(options: &Options) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate stands in a folder of the tree")?;
    let path = root.join("docs/performance.md");
    let page = page(&results::read(&root.join("benches/results"))?);
    if options.check {
        let found = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        ensure!(
            found == page,
            "docs/performance.md is not what benches/results and the template give; write it with\n    \
             cargo run -p tollgate-benches -- report"
        );
        return Ok(());
    }
    fs::write(&path, page).with_context(|| format!("writing {}", path.display()))
}

/// The whole page of some runs, oldest first.
fn page(runs: &[Vec<Line>]) -> String {
    let scenarios = scenario::all(false);
    let newest = |scenario: &dyn Scenario| {
        let has = |lines: &&Vec<Line>| !samples(&scenario.name(), lines).is_empty();
        runs.iter().rev().find(has)
    };
    let measured: Vec<(&dyn Scenario, &Vec<Line>)> =
        scenarios.iter().filter_map(|scenario| Some((scenario.as_ref(), newest(scenario.as_ref())?))).collect();
    let mut sections = String::new();
    for (scenario, lines) in &measured {
        sections += &section(*scenario, lines);
    }
    let missing: Vec<String> = scenarios
        .iter()
        .map(|scenario| scenario.name())
        .filter(|name| measured.iter().all(|(scenario, _)| scenario.name() != *name))
        .collect();
    if !missing.is_empty() {
        let _ = writeln!(sections, "Not measured yet: {}.\n", missing.join(", "));
    }
    let used = runs.iter().filter(|run| measured.iter().any(|(_, lines)| std::ptr::eq(*lines, *run)));
    let used: String = used.filter_map(|lines| results::head(lines)).map(conditions).collect();
    TEMPLATE
        .replace("{{runs}}", used.trim_end())
        .replace("{{overview}}", overview(&measured).trim_end())
        .replace("{{scenarios}}", sections.trim_end())
}

/// What a run's figures depend on.
fn conditions(run: &Run) -> String {
    let Run { commit, date, command, machine, versions, .. } = run;
    let mut text = format!("Measured {date} at commit `{commit}` by\n\n    {command}\n\n");
    let _ = writeln!(
        text,
        "- Machine: {} ({} cores used), {} MiB of memory, {}, virtualization: {}, governor: {}.",
        machine.cpu, machine.cores, machine.memory_mib, machine.kernel, machine.virtualization, machine.governor
    );
    let each = |(name, what): (&String, &String)| format!("{name} ({what})");
    let mitigations: Vec<String> = machine.mitigations.iter().map(each).collect();
    let _ = writeln!(text, "- Mitigations: {}.", or_none(&mitigations.join("; ")));
    let versions: Vec<String> = versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let _ = writeln!(text, "- Programs: {}.\n", or_none(&versions.join(", ")));
    if run.tiny {
        text += "This run was tiny: it shows that things work, not what they cost.\n\n";
    }
    text
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

/// CPU per request of every gateway in every scenario, divided by the reference's.
fn overview(measured: &[(&dyn Scenario, &Vec<Line>)]) -> String {
    if measured.is_empty() {
        return String::new();
    }
    let header: Vec<&str> = ["scenario"].into_iter().chain(NAMES).collect();
    let mut table = report::table(&header);
    for (scenario, lines) in measured {
        let samples = samples(&scenario.name(), lines);
        let ratio = |name: &&str| {
            let ratios = samples.iter().filter(|sample| sample.gateway == *name);
            let ratios = ratios.filter_map(|sample| report::ratio(sample, samples.iter().copied(), REFERENCE));
            Spread::of(ratios).map_or_else(|| "-".to_owned(), |spread| format!("{:.2}", spread.median))
        };
        table.add_row([scenario.name()].into_iter().chain(NAMES.iter().map(ratio)).collect::<Vec<_>>());
    }
    format!("CPU per request divided by nginx's, all scenarios:\n\n{table}\n")
}

/// Heading, explanation and table of a scenario, and who is not in it.
pub(crate) fn section(scenario: &dyn Scenario, lines: &[Line]) -> String {
    let name = scenario.name();
    let samples = samples(&name, lines);
    let more: BTreeSet<&String> = samples.iter().flat_map(|sample| sample.more.keys()).collect();
    let ratio = format!("ratio to {REFERENCE}");
    let mut header = vec![
        "gateway",
        "CPU us/request",
        &ratio,
        "requests/s",
        "p50 us",
        "p99 us",
        "RSS MiB",
        "failed",
        "busy %",
        "dirty",
    ];
    let columns: Vec<String> = more.iter().map(|name| name.replace('_', " ")).collect();
    header.extend(columns.iter().map(String::as_str));
    let mut table = report::table(&header);
    for gateway in NAMES {
        let own: Vec<&Sample> = samples.iter().copied().filter(|sample| sample.gateway == gateway).collect();
        if !own.is_empty() {
            table.add_row(row(gateway, &own, &samples, &more));
        }
    }
    let mut text = format!("### {name}\n\n{}\n\n{table}\n\n", scenario.about());
    let absent = lines.iter().filter_map(|line| match line {
        Line::Absent(absent) if absent.scenario == name => {
            let prefix = if absent.failed { "failed: " } else { "" };
            Some(format!("{} ({prefix}{})", absent.gateway, absent.reason.lines().next().unwrap_or_default()))
        }
        _ => None,
    });
    let absent: Vec<String> = absent.collect();
    if !absent.is_empty() {
        let _ = writeln!(text, "Not in it: {}.\n", absent.join("; "));
    }
    text
}

fn samples<'a>(scenario: &str, lines: &'a [Line]) -> Vec<&'a Sample> {
    let of = |line: &'a Line| match line {
        Line::Sample(taken) if taken.scenario == scenario => Some(&taken.sample),
        _ => None,
    };
    lines.iter().filter_map(of).collect()
}

fn row(gateway: &str, own: &[&Sample], all: &[&Sample], more: &BTreeSet<&String>) -> Vec<String> {
    let spread = |figure: &dyn Fn(&Sample) -> f64| Spread::of(own.iter().map(|sample| figure(sample)));
    let whole = |figure: &dyn Fn(&Sample) -> f64| {
        spread(figure).map_or_else(|| "-".to_owned(), |it| format!("{:.0}", it.median))
    };
    let ratio = Spread::of(own.iter().filter_map(|sample| report::ratio(sample, all.iter().copied(), REFERENCE)));
    let text = |spread: Option<Spread>, decimals| spread.map_or_else(|| "-".to_owned(), |it| it.text(decimals));
    let mut cells = vec![
        gateway.to_owned(),
        text(spread(&|sample| sample.cpu_us_per_request), 2),
        text(ratio, 3),
        whole(&|sample| sample.requests_per_second),
        whole(&|sample| sample.p50_us),
        whole(&|sample| sample.p99_us),
        whole(&|sample| sample.rss_mib),
        own.iter().map(|sample| sample.failed).sum::<u64>().to_string(),
        whole(&|sample| sample.gateway_busy_percent),
        format!("{}/{}", own.iter().filter(|sample| sample.dirty).count(), own.len()),
    ];
    for name in more {
        let value = Spread::of(own.iter().filter_map(|sample| sample.more.get(*name).copied()));
        cells.push(value.map_or_else(|| "-".to_owned(), |it| rounded(it.median)));
    }
    cells
}

/// Three figures that count, or all before the point.
fn rounded(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Absent, Taken};

    fn line(scenario: &str, gateway: &str, round: u32, cpu_us_per_request: f64) -> Line {
        let mut sample =
            Sample { gateway: gateway.to_owned(), round, cpu_us_per_request, failed: 2, ..Sample::default() };
        sample.more.insert("slow_percent".to_owned(), 7.25);
        Line::Sample(Taken { scenario: scenario.to_owned(), sample })
    }

    fn run(date: &str) -> Line {
        Line::Run(Run { date: date.to_owned(), commit: format!("commit-of-{date}"), ..Run::default() })
    }

    #[test]
    fn the_page_is_what_the_results_give() {
        super::run(&Options { check: true }).unwrap();
    }

    #[test]
    fn a_table_has_ratios_within_rounds_sums_of_failures_and_who_is_not_in_it() {
        let reason = "it speaks no TLS to clients".to_owned();
        let absent = Absent { scenario: "tls".to_owned(), gateway: "varnish".to_owned(), reason, failed: false };
        let lines = vec![
            run("2026-01-01"),
            line("tls", "nginx", 1, 10.0),
            line("tls", "tollgate", 1, 8.0),
            line("tls", "nginx", 2, 20.0),
            line("tls", "tollgate", 2, 15.0),
            Line::Absent(absent),
        ];
        let page = page(&[lines]);
        let row = page.lines().find(|line| line.starts_with("| tollgate") && line.contains("..")).unwrap();
        for part in ["11.50 (8.00..15.00)", "0.775 (0.750..0.800)", " 4 |", " 7.25 |"] {
            assert!(row.contains(part), "{row}");
        }
        assert!(page.contains("Not in it: varnish (it speaks no TLS to clients)."));
        assert!(page.contains("Not measured yet: proxy-1k,") && page.contains("commit-of-2026-01-01"));
    }

    #[test]
    fn the_newest_run_that_has_a_scenario_counts() {
        let old = vec![run("2026-01-01"), line("tls", "nginx", 1, 77.0), line("soak", "nginx", 1, 55.0)];
        let new = vec![run("2026-02-01"), line("tls", "nginx", 1, 33.0)];
        let page = page(&[old, new]);
        assert!(page.contains("33.00") && page.contains("55.00") && !page.contains("77.00"));
    }
}
