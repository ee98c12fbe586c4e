//! `tollgate tune plan`, which is what `tollgate tune` does by itself: what `apply` would change.

use super::{For, Root};
use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::Args;
use std::collections::BTreeMap;
use tollgate_tuning::{Plan, examine};

/// Shows what would be changed for a profile, and changes nothing
#[derive(Args)]
#[command(after_long_help = help!("Examples:\n  tollgate tune plan\n  tollgate tune plan --profile container --json\n\n"))]
pub(super) struct Arguments {
    #[command(flatten)]
    wanted: For,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    root: Root,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let plan = make(&arguments.wanted, &arguments.root);
    if arguments.json {
        terminal::answer(format_args!("{:#}", serde_json::json!(plan)));
    } else {
        terminal::answer(shown(&plan));
        if !plan.is_empty() {
            terminal::answer("Nothing was changed. `sudo tollgate tune apply --confirm-within 60s` does it.");
        }
    }
    Exit::Done
}

pub(super) fn make(wanted: &For, root: &Root) -> Plan {
    let machine = root.machine();
    Plan::new(&machine, wanted.profile, &examine(&machine, wanted.profile, &BTreeMap::new()))
}

pub(super) fn shown(plan: &Plan) -> String {
    if plan.is_empty() {
        return format!(
            "Nothing to change for {}: `tollgate tune check` says what else there is to look at.",
            plan.profile
        );
    }
    format!("{} changes for {}:\n{}", plan.len(), plan.profile, plan.render())
}
