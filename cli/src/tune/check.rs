//! `tollgate tune check`: the machine held against a profile, as a table or JSON.
//!
//! Only reads. What the machine lacks or does not let us read is a row of the table that says so, no error.

use super::{For, Root};
use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::Args;
use std::{collections::BTreeMap, path::PathBuf};
use tollgate_model::{Configuration, SystemSource};
use tollgate_tuning::{Finding, Verdict, examine};

/// Holds this machine against a profile and changes nothing
///
/// Reads kernel settings, limits, processors and cards, and with `--config` the gateway's own keys. What the machine or the
/// container does not have is said, and is no error.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate tune check\n  tollgate tune check --profile latency --config gateway.yaml\n  \
     tollgate tune check --json | jq '.findings[] | select(.verdict == \"change\")'\n\n"
))]
pub(super) struct Arguments {
    #[command(flatten)]
    wanted: For,
    /// The gateway's configuration, whose keys of `tuning` are looked at too
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    root: Root,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let keys = match arguments.config.as_deref().map(|file| Configuration::load(file, &SystemSource)) {
        None => BTreeMap::new(),
        Some(Ok(configuration)) => keys(&configuration),
        Some(Err(errors)) => {
            terminal::note(&errors);
            return Exit::Refused;
        }
    };
    let profile = arguments.wanted.profile;
    let findings = examine(&arguments.root.machine(), profile, &keys);
    if arguments.json {
        terminal::answer(format_args!("{:#}", serde_json::json!({ "profile": profile, "findings": findings })));
    } else {
        terminal::answer(render(profile.name(), &findings));
    }
    Exit::Done
}

/// The keys that are knobs, `workers` and those of `tuning`, with their values, written or not.
pub(super) fn keys(configuration: &Configuration) -> BTreeMap<String, String> {
    let settings = configuration
        .settings()
        .into_iter()
        .filter(|setting| setting.path == "workers" || setting.path.starts_with("tuning."));
    settings
        .map(|setting| match setting.path.as_str() {
            "tuning.idle.spin_us" => ("tuning.idle".to_owned(), format!("spin_us {}", setting.value)),
            _ => (setting.path, setting.value),
        })
        .collect()
}

fn render(profile: &str, findings: &[Finding]) -> String {
    let none = || "-".to_owned();
    let rows: Vec<[String; 4]> = findings
        .iter()
        .map(|finding| {
            let Finding { name, found, wanted, verdict, .. } = finding;
            [
                (*name).to_owned(),
                found.clone().unwrap_or_else(none),
                wanted.clone().unwrap_or_else(none),
                verdict.word().to_owned(),
            ]
        })
        .collect();
    let head = ["KNOB", "HERE", profile, "VERDICT"].map(str::to_owned);
    let width = |column: usize| {
        rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0).min(COLUMN_MAX)
    };
    let widths: Vec<usize> = (0..3).map(width).collect();
    let line = |[name, here, wanted, verdict]: &[String; 4]| {
        let [one, two, three] = [widths[0], widths[1], widths[2]];
        format!("{name:<one$}  {here:<two$}  {wanted:<three$}  {verdict}\n")
    };
    let mut table = line(&head);
    for (row, finding) in rows.iter().zip(findings) {
        table += &line(row);
        if !finding.note.is_empty() && matches!(finding.verdict, Verdict::Told | Verdict::ReadOnly | Verdict::Change) {
            table += &format!("    -> {}\n", finding.note);
        }
    }
    table + &summary(findings)
}

/// Longer values push the rest of their line to the right.
const COLUMN_MAX: usize = 44;

fn summary(findings: &[Finding]) -> String {
    let count = |verdict: Verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let good = count(Verdict::Good) + count(Verdict::Better);
    format!(
        "\n{good} good, {} to change (`tollgate tune`), {} to look at, {} read-only here, {} not on this machine. \
         `tollgate tune explain KNOB` says why.",
        count(Verdict::Change),
        count(Verdict::Told),
        count(Verdict::ReadOnly),
        count(Verdict::Lacking)
    )
}
