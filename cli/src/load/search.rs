//! `--find-max`: the search of `loadtest`, told as a table while it goes.

use super::{Arguments, Objectives, Trouble, live::View, objectives};
use tollgate_loadreport::{
    objective::Objective,
    search::{Ending, Found, Trial, find, takes},
};
use tollgate_loadtest::load::{Plan, Recording, Stop};

/// Objectives that a highest rate can be searched with.
pub(super) fn limits(text: &str) -> Result<Objectives, String> {
    let found = objectives(text)?;
    match found.0.iter().find(|objective| !objective.limits_the_rate()) {
        Some(one) => {
            Err(format!("`{one}` sets no limit that a rate can reach: write for example p99<2ms or errors<0.1%"))
        }
        None => Ok(found),
    }
}

/// Searches, and gives the run at the highest rate that held.
pub(super) fn run(
    plan: &Plan,
    objectives: &[Objective],
    arguments: &Arguments,
    live: &View,
    stop: &Stop,
) -> Result<(Plan, Recording), Trouble> {
    let (usually, most) = takes(plan);
    live.say(&format!(
        "searching with runs of {:.1} s: about {:.0} s in all, {:.0} s at most\n\n{:>12}{:>12}  verdict",
        (plan.warmup + plan.duration).as_secs_f64(),
        usually.as_secs_f64(),
        most.as_secs_f64(),
        "rate",
        "answers/s"
    ));
    let once = |plan: &Plan| arguments.once(plan, &|progress| live.show(progress), stop);
    let Found { rate, best, ending } =
        find(plan, arguments.plan.is_poisson(), objectives, once, |trial| live.say(&row(trial)))?;
    live.say(&format!("\n{}\n", told(rate, &ending)));
    Ok(best)
}

fn row(trial: &Trial) -> String {
    let rate = trial.rate.map_or_else(|| "closed loop".to_owned(), |rate| format!("{rate:.1}"));
    let verdicts = trial.verdicts.iter().map(|verdict| format!("{}: {}", verdict.objective, verdict.measured));
    let mut words = vec![if trial.held { "held    " } else { "not held" }.to_owned()];
    words.extend(verdicts);
    if trial.is_behind {
        words.push("behind the schedule".to_owned());
    }
    if trial.limit.is_some() {
        words.push("the generator was at its limit".to_owned());
    }
    format!("{rate:>12}{:>12.1}  {}", trial.answered, words.join("  "))
}

fn told(rate: Option<f64>, ending: &Ending) -> String {
    let held = rate.map_or_else(|| "no rate held".to_owned(), |rate| format!("{rate:.1} per second held"));
    match ending {
        Ending::Found => format!("{held}, 3 % more did not"),
        Ending::Nothing => "no rate holds these objectives, not even 1 per second".to_owned(),
        Ending::Generator(limit) => {
            format!("{held}; beyond that not the target but the load generator was the limit: {limit}")
        }
        Ending::Cut => format!("{held} until the search ended early"),
        Ending::Unsteady => format!("{held}; the runs disagree too much to say more: measure longer with --duration"),
    }
}
