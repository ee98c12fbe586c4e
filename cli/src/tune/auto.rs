//! `tollgate tune auto`: searches the gateway's own keys by measuring, on loopback.
//!
//! ```text
//! file -> trial (loopback, one candidate) -> child `tollgate gateway` <- load on other CPUs -> cost -> search (crate `tuning`)
//!                                                                                                `-> recommended file, evidence
//! ```
//!
//! What is measured next and what may be concluded is `tuning::search`; here are files, processes and load. Nothing leaves
//! this machine: endpoints that are elsewhere give way to a built-in origin.

mod bench;
mod child;
mod edit;
mod trial;
mod view;

use crate::{
    exit::{Exit, help},
    terminal, time,
};
use bench::{Bench, Cpus};
use clap::Args;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tollgate_loadtest::{
    load::{Mix, Request},
    sources,
};
use tollgate_model::{Configuration, SystemSource};
use tollgate_tuning::search::{Evidence, Keys, Objective, Search, candidates, least_runs, runs};
use trial::Trial;

/// Searches the gateway's own keys (`tuning`) by measuring, and says whether the default should stay
///
/// Starts gateways with the file's configuration on loopback, on one half of the CPUs, and loads them from the other, in short
/// runs that alternate between candidates. Endpoints that are not on loopback give way to a built-in origin. A candidate is
/// recommended only if it beats the default by more than the noise in runs made to prove it: at most once in 100 searches
/// is that chance. "Keep the default" is a good and likely answer. Leave the machine alone meanwhile.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate tune auto --config gateway.yaml --objective 'min cpu'\n  \
     tollgate tune auto --config gateway.yaml --objective 'max rate at p99<2ms' --budget 10m --url /orders/1\n  \
     tollgate tune auto --config gateway.yaml --objective 'min p99 at rate 5000' --out tuned.yaml\n\n"
))]
pub(super) struct Arguments {
    /// The gateway's configuration; it is not changed
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// `max rate at p99<2ms`, `min cpu` (per request) or `min p99 at rate 5000`
    #[arg(long, value_name = "OBJECTIVE")]
    objective: Objective,
    /// How long it may take, from 15s to 24h
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = budget)]
    budget: Duration,
    /// The path, and query, that is asked for
    #[arg(long, value_name = "PATH", default_value = "/")]
    url: String,
    /// Requests with shares, as `tollgate load --mix` takes them
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    mix: Option<PathBuf>,
    /// A header field of each request, such as `Host: api.example.com`; may be given again
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// The listener that is loaded; left out: the first without TLS, or the first
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,
    /// Connections of clients
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,
    /// Where the recommended configuration goes, with the evidence beside it as .md and .json
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// From which the order of runs is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn budget(text: &str) -> Result<Duration, String> {
    let budget = time::span(text)?;
    let range = Duration::from_secs(15)..=Duration::from_secs(24 * 3600);
    if range.contains(&budget) { Ok(budget) } else { Err("from 15s to 24h".to_owned()) }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match search(arguments) {
        Ok(()) => Exit::Done,
        Err(Failure::Refused(why)) => {
            terminal::note(format_args!("error: {why}"));
            Exit::Refused
        }
        Err(Failure::NotStarted(why)) => {
            terminal::note(format_args!("error: {why}"));
            Exit::NotStarted
        }
    }
}

/// Why there is no answer.
pub(super) enum Failure {
    /// What was given is no good.
    Refused(String),
    /// Something did not start or could not be written.
    NotStarted(String),
}

impl Failure {
    #[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands on")]
    pub(super) fn refused(why: impl ToString) -> Self {
        Self::Refused(why.to_string())
    }

    pub(super) fn not_started(what: &str, why: impl std::fmt::Display) -> Self {
        Self::NotStarted(format!("{what}: {why}"))
    }
}

fn search(arguments: &Arguments) -> Result<(), Failure> {
    let text = fs::read_to_string(&arguments.config);
    let text = text.map_err(|error| Failure::Refused(format!("{}: {error}", arguments.config.display())))?;
    let configuration = Configuration::load(&arguments.config, &SystemSource).map_err(Failure::refused)?;
    let cpus = Cpus::split().map_err(|error| Failure::not_started("the CPUs of this process", error))?;
    let trial = Trial::new(&configuration, arguments.listener.as_deref(), &cpus.gateway)?;
    let mut entrants = candidates(&arguments.objective, cpus.gateway.len(), trial.has_tls());
    entrants.retain(|keys| trial.is_new(keys));
    let (fitting, length) = fit(arguments.budget, entrants.len(), &arguments.objective);
    entrants.truncate(fitting);
    let names = std::iter::once(name(&Keys::new())).chain(entrants.iter().map(name)).collect();
    terminal::note(format_args!(
        "objective: {}; {} candidates, runs of {:.1} s, at most {} s",
        arguments.objective,
        entrants.len(),
        length.as_secs_f64(),
        arguments.budget.as_secs()
    ));
    cpus.warnings().iter().for_each(terminal::note);
    let search = Search { names, budget: arguments.budget, seed: arguments.seed };
    let mut bench = Bench::start(arguments, &trial, mix(arguments)?, entrants, cpus, length)?;
    let evidence = search.run(&mut bench);
    bench.finish();
    answer(arguments, &text, &configuration, &bench, &evidence)
}

/// What is asked for.
fn mix(arguments: &Arguments) -> Result<Mix, Failure> {
    let mut requests = match &arguments.mix {
        None => vec![Request::new("GET", &arguments.url)],
        Some(file) => {
            let text = fs::read_to_string(file);
            let text = text.map_err(|error| Failure::Refused(format!("{}: {error}", file.display())))?;
            sources::mix::read(file, &text).map_err(Failure::refused)?.requests
        }
    };
    requests.iter_mut().for_each(|request| request.headers.extend(arguments.header.iter().cloned()));
    Ok(Mix { requests, in_order: false })
}

/// Writes what was found.
fn answer(
    arguments: &Arguments,
    text: &str,
    before: &Configuration,
    bench: &Bench<'_>,
    evidence: &Evidence,
) -> Result<(), Failure> {
    let out = arguments.out.clone().unwrap_or_else(|| arguments.config.with_extension("tuned.yaml"));
    let (table, limits) = (evidence.to_markdown(|cost| arguments.objective.show(cost)), bench.limits());
    let report = format!("# tollgate tune auto: {}\n\n{table}\n{limits}", arguments.objective);
    let machine = json!({ "objective": arguments.objective.to_string(), "evidence": evidence, "limits": limits });
    write(&out.with_extension("md"), &report)?;
    write(&out.with_extension("json"), &format!("{machine:#}\n"))?;
    terminal::answer(&report);
    let recommended = evidence.recommended();
    if recommended > 0 {
        let keys = bench.keys(recommended);
        let tuned = edit::with(text, keys).ok_or_else(|| by_hand(keys))?;
        write(&out, &tuned)?;
        if !is_only_tuned(before, &out) {
            // What is wrong may not stand there as if it were recommended.
            fs::remove_file(&out).map_err(|error| Failure::not_started(&out.display().to_string(), error))?;
            return Err(by_hand(keys));
        }
        terminal::answer(format_args!("The configuration with it is {}; yours is as it was.", out.display()));
    }
    Ok(())
}

fn by_hand(keys: &Keys) -> Failure {
    Failure::Refused(format!("the file cannot be edited safely; write it yourself: `tuning: {{ {} }}`", name(keys)))
}

/// Whether the file says the same as `before` but for `tuning`.
fn is_only_tuned(before: &Configuration, file: &Path) -> bool {
    let rest = |configuration: &Configuration| {
        let mut value: Value = serde_json::from_str(&configuration.to_text()).unwrap_or_default();
        value.as_object_mut().map(|keys| keys.remove("tuning"));
        value
    };
    Configuration::load(file, &SystemSource).is_ok_and(|after| rest(&after) == rest(before))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::not_started(&path.display().to_string(), error))
}

/// Of the default, which is no keys, too.
fn name(keys: &Keys) -> String {
    if keys.is_empty() {
        return "as it is".to_owned();
    }
    keys.iter().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join(", ")
}

/// What a run takes besides its load: a gateway that starts, warms up and ends.
const OVERHEAD: Duration = Duration::from_millis(450);

/// How long a run's load may be.
const LENGTH: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(5));

/// As many candidates as the budget allows, and how long a run is then.
fn fit(budget: Duration, candidates: usize, objective: &Objective) -> (usize, Duration) {
    let (mut shortest, longest) = LENGTH;
    if matches!(objective, Objective::MaxRate { .. }) {
        shortest *= 3;
    }
    let each = |runs: usize| budget.mul_f64(0.95).div_f64(runs as f64).saturating_sub(OVERHEAD);
    let fitting = (1..=candidates).rev().find(|&count| each(least_runs(count)) >= shortest).unwrap_or(1);
    (fitting, each(runs(fitting)).clamp(shortest, longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_budget_has_few_candidates_and_short_runs() {
        let of = |seconds: u64| fit(Duration::from_secs(seconds), 12, &Objective::MinCpu);
        assert_eq!(of(600).0, 12);
        assert!(of(600).1 > Duration::from_secs(3) && of(36_000).1 == LENGTH.1);
        let (count, length) = of(20);
        assert!((1..=4).contains(&count) && length == LENGTH.0, "{count} {length:?}");
    }
}
