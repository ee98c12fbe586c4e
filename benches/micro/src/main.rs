//! Holds the counts of a run against the baseline; `.ci/micro` counts and then runs this.

use anyhow::Result;
use clap::Parser;
use std::{path::Path, process::ExitCode};
use tollgate_micro::{
    BENCHES,
    gate::{Baseline, Counts, Facts, Finding, TOLERANCE, counts, cpu, judge, pinned_compiler},
};

/// Where gungraun writes, from the root of the workspace.
const SUMMARIES: &str = "target/gungraun/tollgate-micro/count/micro";
const BASELINE: &str = "benches/micro/baseline.json";

/// What to do.
#[derive(Parser)]
enum Arguments {
    /// Compare the counts of the last run with the baseline.
    Compare,
    /// Make the counts of the last run the baseline.
    Accept,
    /// Tell the CPU that this runs on.
    Cpu,
}

/// What could not be compared: neither better nor worse.
const UNJUDGED: u8 = 2;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let done = match Arguments::parse() {
        Arguments::Compare => compare(&root),
        Arguments::Accept => accept(&root),
        Arguments::Cpu => {
            println!("{}", cpu());
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        UNJUDGED.into()
    })
}

fn accept(root: &Path) -> Result<ExitCode> {
    let counted_with = Facts::of_this_machine()?;
    counted_with.are_of_the_repository(&pinned_compiler(root)?)?;
    let instructions_per_step = counts(&root.join(SUMMARIES), BENCHES)?;
    Baseline { counted_with, instructions_per_step }.write(&root.join(BASELINE))?;
    println!("{BASELINE} has the counts of {} benches: look at what changed, and commit it", BENCHES.len());
    Ok(ExitCode::SUCCESS)
}

fn compare(root: &Path) -> Result<ExitCode> {
    let (here, baseline) = (Facts::of_this_machine()?, Baseline::read(&root.join(BASELINE))?);
    here.are_comparable(&baseline.counted_with, &pinned_compiler(root)?)?;
    let now = counts(&root.join(SUMMARIES), BENCHES)?;
    let findings = judge(&baseline.instructions_per_step, &now);
    show(&baseline.instructions_per_step, &now);
    for difference in here.differences(&baseline.counted_with) {
        println!("note    {difference}: a count may differ for that reason");
    }
    for finding in &findings {
        println!("{finding}");
    }
    Ok(verdict(&findings))
}

/// All counts side by side.
fn show(then: &Counts, now: &Counts) {
    for (bench, now) in now {
        let then = then.get(bench);
        let change = then.map_or("new".to_owned(), |then| format!("{:+.2} %", 100.0 * (now / then - 1.0)));
        println!("{bench:30} {now:>16.2} {change:>10}");
    }
}

fn verdict(findings: &[Finding]) -> ExitCode {
    let (failing, better): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| finding.kind.fails());
    if !failing.is_empty() {
        eprintln!(
            "error: {} of {} benches took more than {:.0} % more instructions, or have no count to compare with. Where it is worth \
             it, `.ci/micro --accept` and the reason in the commit; docs/internals/benches.md tells how to find where they went",
            failing.len(),
            BENCHES.len(),
            100.0 * TOLERANCE
        );
        return ExitCode::FAILURE;
    }
    if !better.is_empty() {
        println!("better by more than {:.0} %: `.ci/micro --accept`, so that it stays so", 100.0 * TOLERANCE);
    }
    ExitCode::SUCCESS
}
