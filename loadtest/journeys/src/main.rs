//! Journeys: what people do with a Tollgate, done by many at once, and judged.
//!
//! ```text
//! arguments -> (spawn) -> stage: set up through the admin API -> goose: machine, caller, publisher -> thresholds -> tidy up
//! ```
//!
//! Goose is closed-loop: a user asks again when the answer is there. So these figures say whether a product works under
//! load, and roughly how fast; how fast exactly is for the open-loop generator. A program of its own, so that neither goose
//! nor its client is in `tollgate`.

mod admin;
mod ask;
mod caller;
mod machine;
mod place;
mod publisher;
mod sign_up;
mod spawn;
mod stage;
mod thresholds;

use admin::Admin;
use clap::Parser;
use goose::{GooseAttack, GooseError, config::GooseConfiguration, metrics::GooseMetrics};
use place::Place;
use spawn::Spawned;
use stage::Stage;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use thresholds::Rules;

/// Goes through whole journeys against both planes of a running Tollgate, and judges them by thresholds.
///
/// A machine client gets a token, looks for APIs and calls one. A caller with a key calls within its plan and beyond it,
/// rotates the key and calls on. A publisher publishes revisions meanwhile. Everything is in an environment of its own,
/// `journeys`, and is taken away in the end.
#[derive(Parser)]
#[command(
    name = "tollgate-journeys",
    version,
    after_long_help = "\
Examples:
  tollgate-journeys --spawn target/release/tollgate --run-time 20s
  tollgate-journeys --gateway http://127.0.0.1:8080 --control-plane http://127.0.0.1:8090 --token-file token \\
    --origin 127.0.0.1:9001 --users 8 --run-time 20s --report journeys.html

Exit codes:
  0  every threshold holds
  1  a threshold fails
  2  the arguments are not understood
  3  nothing was tried: gateway or control plane do not answer, or the token may not do what is needed"
)]
struct Arguments {
    /// A listener of the gateway
    #[arg(long, value_name = "URL", required_unless_present = "spawn")]
    gateway: Option<String>,
    /// The admin API
    #[arg(long, value_name = "URL", required_unless_present = "spawn")]
    control_plane: Option<String>,
    /// A file with a token of a member who may publish; `Authorization: Bearer` may stand before it, as in that of a demo
    #[arg(long, value_name = "FILE", required_unless_present = "spawn")]
    token_file: Option<PathBuf>,
    /// What the APIs stand in front of: the address of a `tollgate origin` that the gateway reaches
    #[arg(long, value_name = "ADDRESS", required_unless_present = "spawn")]
    origin: Option<SocketAddr>,
    /// Starts this `tollgate` with both planes and an origin in a temporary folder, instead of all of the above
    #[arg(long, value_name = "PATH", conflicts_with_all = ["gateway", "control_plane", "token_file", "origin"])]
    spawn: Option<PathBuf>,
    /// How many go on journeys at once; each third one is another kind
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = users)]
    users: usize,
    /// How long: `20s`, `5m`
    #[arg(long, value_name = "TIME", default_value = "20s", conflicts_with = "iterations")]
    run_time: String,
    /// How many journeys each of them makes, in place of a time
    #[arg(long, value_name = "N")]
    iterations: Option<usize>,
    /// A rule that must hold, in place of the defaults; repeatable: `error-rate<=0%`, `p95<250ms for GET call with a token`,
    /// `count>=100 for GET call with a token`
    #[arg(long, value_name = "RULE")]
    threshold: Vec<String>,
    /// A file of such rules, one on a line; `#` begins a comment
    #[arg(long, value_name = "FILE")]
    thresholds: Option<PathBuf>,
    /// Goose's report: .html, .md or .json; repeatable
    #[arg(long, value_name = "FILE")]
    report: Vec<PathBuf>,
    /// Leave what was set up in the store
    #[arg(long)]
    keep: bool,
    /// Send load to a gateway that is not on this machine
    #[arg(long)]
    yes_this_host_is_mine: bool,
}

/// One of each kind at least.
fn users(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(users @ 3..=1000) => Ok(users),
        _ => Err("from 3, one of each kind, to 1000".to_owned()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}

/// Whether all thresholds hold.
async fn run(arguments: &Arguments) -> Result<bool, String> {
    let rules = rules(arguments)?;
    let (place, _spawned) = place(arguments).await?;
    let stage = Arc::new(Stage::set(place).await?);
    let attack = attack(arguments, &stage, &rules).map_err(|error| told(&error))?;
    let metrics = match attack.execute().await {
        Ok(metrics) => Ok(metrics),
        // All were judged, and the failed ones are among them.
        Err(GooseError::ThresholdsFailed { metrics, .. }) => Ok(*metrics.0),
        Err(error) => Err(told(&error)),
    };
    let tidied = if arguments.keep { Ok(()) } else { stage.clear(arguments.users).await };
    let holds = judge(&rules, &metrics?);
    tidied.map(|()| holds)
}

/// What goose has to say of an error; its own text names the kind only.
fn told(error: &GooseError) -> String {
    match error {
        GooseError::InvalidOption { option, value, detail } => format!("{option} {value:?}: {detail}"),
        other => admin::because(other),
    }
}

fn judge(rules: &Rules, metrics: &GooseMetrics) -> bool {
    let verdicts = rules.judge(metrics);
    println!("{}", thresholds::table(&verdicts));
    verdicts.iter().all(|verdict| verdict.holds)
}

fn rules(arguments: &Arguments) -> Result<Rules, String> {
    let mut texts = arguments.threshold.clone();
    if let Some(path) = &arguments.thresholds {
        texts.extend(thresholds::lines(&read(path)?).map(str::to_owned));
    }
    if texts.is_empty() {
        texts.extend(thresholds::DEFAULTS.iter().map(|&rule| rule.to_owned()));
    }
    Rules::parse(&texts)
}

/// Where the journeys lead, and what of it was started for them.
async fn place(arguments: &Arguments) -> Result<(Place, Option<Spawned>), String> {
    let Arguments { gateway, control_plane, token_file, origin, .. } = arguments;
    if let Some(tollgate) = &arguments.spawn {
        let (spawned, place) = Spawned::start(tollgate).await?;
        return Ok((place, Some(spawned)));
    }
    let (Some(gateway), Some(control_plane), Some(token_file), Some(origin)) =
        (gateway, control_plane, token_file, origin)
    else {
        return Err("`--gateway`, `--control-plane`, `--token-file` and `--origin` are needed, or `--spawn`".to_owned());
    };
    for url in [gateway, control_plane] {
        place::allowed(url, arguments.yes_this_host_is_mine)?;
    }
    let admin = Admin::new(control_plane, &place::token(&read(token_file)?))?;
    Ok((Place { gateway: gateway.trim_end_matches('/').to_owned(), admin, origin: *origin }, None))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn attack(arguments: &Arguments, stage: &Arc<Stage>, rules: &Rules) -> Result<Box<GooseAttack>, GooseError> {
    // Some of its fields are its own.
    let mut goose = GooseConfiguration::default();
    goose.host = Some(stage.place.gateway.clone());
    goose.users = Some(arguments.users);
    goose.increase_rate = Some(arguments.users.to_string());
    goose.run_time = arguments.iterations.is_none().then(|| arguments.run_time.clone());
    goose.iterations = arguments.iterations;
    goose.report_file = arguments.report.iter().map(|path| path.display().to_string()).collect();
    goose.threshold = rules.of_goose();
    // What was measured up to the end is judged, all of it.
    goose.no_threshold_abort = true;
    goose.no_telnet = true;
    // What goes wrong while users arrive counts, too; with iterations it does anyway.
    goose.no_reset_metrics = arguments.iterations.is_none();
    goose.quiet = 1;
    let attack = GooseAttack::initialize_with_config(goose)?
        .register_scenario(machine::scenario(stage)?)
        .register_scenario(caller::scenario(stage)?)
        .register_scenario(publisher::scenario(stage)?);
    Ok(Box::new(attack))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn arguments_fit_together() {
        Arguments::command().debug_assert();
        assert!(Arguments::try_parse_from(["journeys", "--spawn", "tollgate", "--users", "2"]).is_err());
        assert!(Arguments::try_parse_from(["journeys", "--gateway", "http://127.0.0.1:1"]).is_err());
    }
}
