//! `tollgate tune explain KNOB`: everything there is to say of a knob.

use super::Root;
use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::Args;
use std::collections::BTreeMap;
use tollgate_tuning::{Knob, Profile, examine, knob, knobs, nearest};

/// Says everything about a knob: what it is, why, the risk, the source, what it was worth
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate tune explain\n  tollgate tune explain net.core.somaxconn\n  tollgate tune explain turn_budget\n\n"
))]
pub(super) struct Arguments {
    /// Its name, or the last part of it; left out: all names
    #[arg(value_name = "KNOB")]
    name: Option<String>,
    #[command(flatten)]
    root: Root,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let Some(name) = &arguments.name else {
        let width = knobs().iter().map(|knob| knob.name.len()).max().unwrap_or(0);
        let lines: Vec<_> = knobs().iter().map(|knob| format!("{:<width$}  {}", knob.name, knob.what)).collect();
        terminal::answer(lines.join("\n"));
        return Exit::Done;
    };
    let Some(knob) = knob(name) else {
        let near = nearest(name);
        let hint = match near.is_empty() {
            true => "`tollgate tune explain` lists all".to_owned(),
            false => format!("did you mean `{}`?", near.join("`, `")),
        };
        terminal::note(format_args!("error: there is no knob `{name}`; {hint}"));
        return Exit::Refused;
    };
    terminal::answer(render(knob, &here(knob, &arguments.root)));
    Exit::Done
}

fn here(knob: &Knob, root: &Root) -> String {
    let findings = examine(&root.machine(), Profile::Throughput, &BTreeMap::new());
    let found = findings.into_iter().find(|finding| finding.name == knob.name).and_then(|finding| finding.found);
    found.unwrap_or_else(|| "not on this machine, or in a file of yours".to_owned())
}

fn render(knob: &Knob, here: &str) -> String {
    let mut lines = vec![knob.name.clone(), format!("  {}", knob.what), String::new()];
    let mut row = |name: &str, text: &str| lines.push(format!("  {name:<10} {text}"));
    row("here", here);
    row("default", &knob.default);
    for profile in Profile::ALL {
        row(profile.name(), knob.ours(profile).unwrap_or("left alone"));
    }
    row("why", &knob.why);
    row("risk", &knob.risk);
    row("measured", &knob.effect);
    row("source", &knob.source);
    match &knob.told {
        Some(told) => row("to do", told),
        None if knob.is_settable() => row("to do", "`tollgate tune apply` sets it"),
        None => row("to do", "set it in the gateway's file; `tollgate tune auto` measures what it is worth"),
    }
    lines.join("\n")
}
