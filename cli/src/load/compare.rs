//! `tollgate load compare`: two reports side by side.

use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tollgate_loadreport::{compare::compare, report::Report};

/// Compares two runs that were written with --report
///
/// A change counts where it is larger than what the intervals of both runs scatter. What differs from run to run on a machine is
/// not in that: repeat runs in turn (before, after, before, after) for a claim.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate load compare before.json after.json\n  \
     tollgate load compare before.json after.json --fail-on-regression 5\n\n"
))]
pub(super) struct Arguments {
    /// The run to compare with
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// The run to judge
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// Exit code 1 where a figure is worse beyond noise and by more than this; more failed requests always are
    #[arg(long, value_name = "PERCENT")]
    fail_on_regression: Option<f64>,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let (before, after) = match (read(&arguments.before), read(&arguments.after)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(what), _) | (_, Err(what)) => {
            terminal::note(format_args!("error: {what}"));
            return Exit::Refused;
        }
    };
    let comparison = compare(&before, &after);
    terminal::answer(&comparison);
    let fails = arguments.fail_on_regression.is_some_and(|percent| comparison.regressions(percent).next().is_some());
    if fails { Exit::Refused } else { Exit::Done }
}

fn read(path: &Path) -> Result<Report, String> {
    let named = |what: String| format!("{}: {what}", path.display());
    let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    Report::from_json(&text).map_err(named)
}
