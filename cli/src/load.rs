//! `tollgate load`: load on a target, measured honestly; the generator is `loadtest`, what it says `loadreport`.
//!
//! ```text
//! arguments -> plan --run--> Recording -> Report -> terminal, files, exit code
//!                  `--find_max--'
//! ```

mod agent;
mod compare;
mod live;
mod plan;
mod search;

use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::{Args, CommandFactory as _, Subcommand, error::ErrorKind};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::{Handle, Signals},
};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};
use tollgate_loadreport::{
    objective::Objective,
    report::{Report, hdr_log, page, summary},
};
use tollgate_loadtest::{
    load::{self, End, Failure, Plan, Progress, Recording, Stop},
    permission::Refusal,
};

/// Puts load on a target and says how it did
///
/// With a rate, requests are sent when they are due, whatever the target does (open loop), and latency counts from when a request
/// was due: a target that stalls cannot hide it. Without one, each connection waits for an answer before it sends again (closed
/// loop). Load goes to this machine only, unless --yes-this-host-is-mine. Ctrl-C ends a run early; what was measured is told.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_long_help = help!(
    "Examples:\n  \
     tollgate load http://127.0.0.1:8080/orders --rate 5000 --duration 30s --html run.html\n  \
     tollgate load http://127.0.0.1:8080/ --find-max 'p99<2ms,errors<0.1%'\n  \
     tollgate load http://127.0.0.1:8080 --mix mix.yaml --rate 1000 --arrivals poisson --expect 'p99<20ms,status:5xx=0'\n  \
     tollgate load http://127.0.0.1:8080 --replay access.log --speed 2\n  \
     tollgate load compare before.json after.json --fail-on-regression 5\n\n\
     Of this verb, 1 also says that an expectation was not held or that a run is worse than the one before, and 3 that the \
     target or an agent cannot be reached or gave no answer.\n\n"
))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    plan: plan::PlanArguments,
    /// Searches the highest rate that holds these objectives, such as 'p99<2ms,errors<0.1%'
    #[arg(long, value_name = "OBJECTIVES", value_parser = search::limits, conflicts_with_all = ["rate", "ramp", "steps", "replay", "requests"])]
    find_max: Option<Objectives>,
    /// Exit code 1 unless the run holds these objectives: 'p99<2ms,errors<0.1%,rate>=1000,status:5xx=0'
    #[arg(long, value_name = "OBJECTIVES", value_parser = objectives)]
    expect: Option<Objectives>,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    agents: agent::Agents,
    /// Tells nothing while it runs
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Verb {
    Compare(compare::Arguments),
    Agent(agent::Arguments),
}

/// How long a run takes that nobody says more about.
const USUAL: Duration = Duration::from_secs(10);
/// The same of each run of a search.
const TRIAL: Duration = Duration::from_secs(3);

/// Where a run is written to.
#[derive(Args)]
struct Files {
    /// Writes the run as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Writes the run as one HTML page with charts, which needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Writes the latencies as a log of HdrHistogram
    #[arg(long, value_name = "FILE")]
    hdr: Option<PathBuf>,
}

/// Objectives with commas between; clap makes a list of a `Vec`.
#[derive(Clone, Debug, Default)]
struct Objectives(Vec<Objective>);

fn objectives(text: &str) -> Result<Objectives, String> {
    tollgate_loadreport::objective::objectives(text).map(Objectives)
}

/// Why there is nothing to tell.
pub(crate) enum Trouble {
    /// What was asked for cannot be done: as if clap had said so.
    Arguments(String),
    /// A file is not valid.
    File(String),
    /// The target or an agent cannot be reached, or this machine cannot do it.
    Start(String),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Plan(what) => Self::Arguments(what),
            Failure::Name { .. } | Failure::Start(_) => Self::Start(failure.to_string()),
        }
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown(failure) => failure.into(),
            Refusal::NotLoopback(_) => Self::Arguments(refusal.to_string()),
        }
    }
}

impl Trouble {
    /// Says it; with arguments that cannot be done the process ends as clap ends it.
    fn exit(self) -> Exit {
        let said = |what: &dyn fmt::Display, exit| {
            terminal::note(format_args!("error: {what}"));
            exit
        };
        match self {
            Self::Arguments(what) => {
                let mut command = crate::Arguments::command();
                let load = command.find_subcommand_mut("load").map(|load| load.clone().bin_name("tollgate load"));
                load.unwrap_or(command).error(ErrorKind::ValueValidation, what).exit()
            }
            Self::File(what) => said(&what, Exit::Refused),
            Self::Start(what) => said(&what, Exit::NotStarted),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    match &arguments.verb {
        Some(Verb::Compare(arguments)) => compare::run(arguments),
        Some(Verb::Agent(arguments)) => agent::run(arguments),
        None => arguments.measure().unwrap_or_else(Trouble::exit),
    }
}

impl Arguments {
    fn measure(&self) -> Result<Exit, Trouble> {
        let plan = self.plan.plan(if self.find_max.is_some() { TRIAL } else { USUAL })?;
        self.files.check()?;
        let (stop, signals) = stop_on_signals()?;
        let started = SystemTime::now();
        let live = live::View::new(self.quiet);
        let measured = match &self.find_max {
            Some(Objectives(objectives)) => search::run(&plan, objectives, self, &live, &stop),
            None => self.once(&plan, &|progress| live.show(progress), &stop).map(|recording| (plan, recording)),
        };
        live.finish();
        signals.close();
        let (plan, recording) = measured?;
        let expected = self.expect.iter().flat_map(|Objectives(expected)| expected);
        let mut report = Report::new(&plan, &recording, started, expected.map(|one| one.judge(&recording)).collect());
        report.generator.agents.clone_from(self.agents.addresses());
        report.generator.lost = self.agents.lost();
        terminal::answer(summary(&report));
        self.files.write(&report, &recording, started)?;
        Ok(exit(&report))
    }

    /// One run, here or on the agents.
    fn once(&self, plan: &Plan, watch: &dyn Fn(&Progress), stop: &Stop) -> Result<Recording, Trouble> {
        if self.agents.addresses().is_empty() {
            return Ok(load::run(plan, watch, stop)?);
        }
        self.agents.run(plan, watch, stop)
    }
}

fn exit(report: &Report) -> Exit {
    let is_silent = report.answered == 0 && report.end == End::Complete;
    if is_silent {
        terminal::note("error: not one whole answer of HTTP/1.1 came: is this the right address, and http or https?");
    }
    let is_missing = is_silent || report.end == End::Unreachable || !report.generator.lost.is_empty();
    match report.held() {
        _ if is_missing => Exit::NotStarted,
        true => Exit::Done,
        false => Exit::Refused,
    }
}

/// The first signal ends the run and keeps what was measured; the second ends the process.
fn stop_on_signals() -> Result<(Stop, Handle), Trouble> {
    let stop = Stop::default();
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| Trouble::Start(error.to_string()))?;
    let (handle, asked) = (signals.handle(), stop.clone());
    thread::spawn(move || {
        for signal in signals.forever() {
            if asked.is_set() {
                // As a shell reports a process that a signal has ended.
                std::process::exit(128 + signal);
            }
            asked.set();
        }
    });
    Ok((stop, handle))
}

impl Files {
    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.report, &self.html, &self.hdr].into_iter().flatten()
    }

    /// Whether each can be written: said before the run, not after it.
    fn check(&self) -> Result<(), Trouble> {
        let check = |path: &PathBuf| fs::File::options().create(true).append(true).open(path).map(drop);
        self.all().try_for_each(|path| check(path).map_err(|error| cannot_write(path, &error)))
    }

    fn write(&self, report: &Report, recording: &Recording, started: SystemTime) -> Result<(), Trouble> {
        let broken = |error: &dyn fmt::Display| Trouble::Start(format!("the report cannot be made: {error}"));
        let mut files = Vec::new();
        if let Some(path) = &self.report {
            files.push((path, report.to_json().map_err(|error| broken(&error))?.into_bytes()));
        }
        if let Some(path) = &self.html {
            files.push((path, page(report, recording).into_bytes()));
        }
        if let Some(path) = &self.hdr {
            files.push((path, hdr_log(recording, started).map_err(|error| broken(&error))?));
        }
        files
            .into_iter()
            .try_for_each(|(path, bytes)| fs::write(path, bytes).map_err(|error| cannot_write(path, &error)))
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Trouble {
    Trouble::File(format!("{} cannot be written: {error}", path.display()))
}
