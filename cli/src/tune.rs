//! `tollgate tune`: what can be turned on this machine and in the gateway, and whether it helps.
//!
//! `check`, `plan` and `explain` read; `apply`, `confirm` and `revert` change the machine, as root; `auto` measures on
//! loopback. What a knob is and what becomes of it is crate `tuning`; here are arguments, questions and tables.

mod apply;
mod auto;
mod check;
mod explain;
mod plan;
mod undo;

use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use tollgate_tuning::{Machine, Profile};

/// Tunes the machine and the gateway on it, with the reason of everything
///
/// Without a verb it is `plan`: what would be changed on this machine for a profile, and nothing is. Changing it takes root,
/// is written down first, and is taken back exactly by `tollgate tune revert`. `tollgate tune auto` searches the gateway's
/// own keys by measuring. See also `tollgate doctor`: whether a gateway runs here at all.
#[derive(Args)]
#[group(skip)]
#[command(args_conflicts_with_subcommands = true, after_long_help = help!(
    "Examples:\n  tollgate tune\n  tollgate tune check --profile latency --config gateway.yaml\n  \
     sudo tollgate tune apply --confirm-within 60s\n  sudo tollgate tune revert\n  tollgate tune explain somaxconn\n  \
     tollgate tune auto --config gateway.yaml --objective 'min cpu' --budget 10m\n\n"
))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    plan: plan::Arguments,
}

#[derive(Subcommand)]
enum Verb {
    Check(check::Arguments),
    Plan(plan::Arguments),
    Apply(apply::Arguments),
    Confirm(apply::ConfirmArguments),
    Revert(apply::RevertArguments),
    Explain(explain::Arguments),
    Auto(auto::Arguments),
    #[command(hide = true)]
    UndoUnlessConfirmed(undo::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    match &arguments.verb {
        None => plan::run(&arguments.plan),
        Some(Verb::Check(arguments)) => check::run(arguments),
        Some(Verb::Plan(arguments)) => plan::run(arguments),
        Some(Verb::Apply(arguments)) => apply::run(arguments),
        Some(Verb::Confirm(arguments)) => apply::confirm(arguments),
        Some(Verb::Revert(arguments)) => apply::revert(arguments),
        Some(Verb::Explain(arguments)) => explain::run(arguments),
        Some(Verb::Auto(arguments)) => auto::run(arguments),
        Some(Verb::UndoUnlessConfirmed(arguments)) => undo::run(arguments),
    }
}

/// Which machine.
#[derive(Args)]
struct Root {
    /// The folder that stands for `/`, for tests
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

impl Root {
    fn machine(&self) -> Machine {
        Machine::at(&self.root)
    }

    /// Whether the machine may be changed; says what to do if not.
    fn may_change(&self) -> bool {
        let may = !self.machine().is_real() || rustix::process::geteuid().is_root();
        if !may {
            terminal::note(
                "error: settings of the kernel belong to root: run it with sudo. `tollgate tune` shows what it would do",
            );
        }
        may
    }
}

/// What to tune for.
#[derive(Args)]
struct For {
    /// `throughput`, `latency`, `memory` or `container`
    #[arg(long, value_name = "PROFILE", default_value = "throughput", value_parser = profile)]
    profile: Profile,
}

fn profile(text: &str) -> Result<Profile, String> {
    let found = Profile::ALL.into_iter().find(|profile| profile.name() == text);
    found.ok_or_else(|| format!("one of {}", Profile::ALL.map(Profile::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tollgate_model::{Configuration, NoSource};
    use tollgate_tuning::{Place, knobs};

    /// Crate `tuning` knows nothing of the contract, so its table could fall behind.
    #[test]
    fn the_knobs_of_the_gateway_are_those_of_the_contract() {
        let keys = |profile: &str| -> BTreeMap<String, String> {
            let text = format!(
                "version: 1\nlisteners: [ {{ name: a, bind: 127.0.0.1:0 }} ]\ntuning: {{ profile: {profile} }}\n"
            );
            check::keys(&Configuration::parse("a", &text, &NoSource).unwrap())
        };
        let mut named: Vec<&str> = Vec::new();
        for knob in knobs() {
            let Place::Key(key) = &knob.place else { continue };
            named.push(key);
            assert_eq!(keys("balanced").get(key), Some(&knob.default), "the default of {key}");
            for profile in Profile::ALL {
                let ours = knob.ours(profile).map(str::to_owned);
                assert_eq!(keys(profile.name()).get(key).cloned(), ours, "{key} of {profile}");
            }
        }
        named.push("tuning.profile");
        named.sort_unstable();
        assert_eq!(keys("balanced").keys().collect::<Vec<_>>(), named, "each key is a knob");
    }
}
