//! The scenarios that gateways are compared in, each a file of this folder, and the run through them.
//!
//! A scenario says what gateways are configured for, makes sure that each does it, and measures one of them for some seconds;
//! rounds are interleaved as in `compare`. A gateway that has no part in a scenario, or fails in it, is left out there with the
//! reason; the others go on, and the run ends with an error that names the failures.

mod bodies;
mod fresh;
mod idle;
mod policies;
mod routes;
mod slow_endpoint;
mod soak;
mod swaps;
mod tls;

use crate::{
    facts, interrupt,
    measure::Sample,
    page,
    peer::{Peer, Task},
    process::Program,
    results::{Absent, Line, Run, Taken},
    rounds::Quiet,
    testbed::{self, Gateway, Testbed},
    wrk::{self, Outcome, Target},
};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use std::{
    fs::File,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Keep-alive connections of the load.
const CONNECTIONS: u32 = 64;

/// Arguments of `scenarios`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    testbed: testbed::Options,
    /// Scenarios to run [default: all but soak].
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only_scenario: Vec<String>,
    /// Measured rounds.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of load per gateway, scenario and round.
    #[arg(long, default_value_t = 2)]
    seconds: u32,
    /// Seconds of soak for each gateway.
    #[arg(long, default_value_t = 600)]
    soak_seconds: u32,
    #[command(flatten)]
    quiet: Quiet,
    /// One short round of everything, soak too, with small numbers: whether it works, not what it costs.
    #[arg(long)]
    tiny: bool,
    /// Writes the run and every sample to FILE, one JSON object a line. `report` reads those in benches/results.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// One way to put gateways under load.
pub(crate) trait Scenario {
    fn name(&self) -> String;

    /// What is measured, in a sentence or two, for the page of results.
    fn about(&self) -> String;

    fn task(&self) -> Task {
        Task::Proxy
    }

    /// Whether clients speak TLS.
    fn is_secure(&self) -> bool {
        false
    }

    /// Whether it is run only when it is named.
    fn is_long(&self) -> bool {
        false
    }

    /// Whether one round says it all, from the first request on.
    fn is_once(&self) -> bool {
        false
    }

    /// What the gateways stand in front of.
    fn endpoints(&self, testbed: &Testbed) -> Result<Vec<SocketAddr>> {
        Ok(vec![testbed.origin_address()])
    }

    /// Makes sure that a gateway does what will be measured, and readies the load for it.
    fn prepare(&self, gateway: &mut Gateway) -> Result<()>;

    fn measure(&self, stage: &Stage<'_>, peer: &dyn Peer, gateway: &mut Gateway) -> Result<Sample>;
}

/// All scenarios, in the order of the page; small ones when `tiny`.
pub(crate) fn all(tiny: bool) -> Vec<Box<dyn Scenario>> {
    let mut all: Vec<Box<dyn Scenario>> = Vec::new();
    all.extend(bodies::all());
    all.extend(tls::all());
    all.push(Box::new(fresh::Fresh));
    all.push(Box::new(idle::Idle { connections: if tiny { 100 } else { 10_000 } }));
    all.extend(routes::all(tiny));
    all.push(Box::new(policies::Policies));
    all.push(Box::new(swaps::Swaps));
    all.push(Box::new(slow_endpoint::SlowEndpoint::default()));
    all.push(Box::new(soak::Soak));
    all
}

/// What a scenario measures with.
pub(crate) struct Stage<'a> {
    pub(crate) testbed: &'a Testbed,
    pub(crate) seconds: u32,
    pub(crate) soak_seconds: u32,
}

impl Stage<'_> {
    /// wrk with [`CONNECTIONS`] connections that ask for `path`, unless the gateway has a script.
    pub(crate) fn load(&self, gateway: &Gateway, path: &str, seconds: u32) -> Result<Outcome> {
        let target = Target::of(gateway, path);
        wrk::ask(self.testbed.directory(), self.testbed.load_cpu(), &target, CONNECTIONS, seconds)
    }
}

/// Runs the scenarios, prints their tables and writes the results.
///
/// # Errors
/// A program that was named is missing, a gateway failed in a scenario, or a signal came.
pub fn run(options: &Options) -> Result<()> {
    ensure!(options.rounds > 0 && options.seconds > 0 && options.soak_seconds > 0, "at least one round of one second");
    Program::wrk()?;
    let scenarios = options.chosen()?;
    let testbed = Testbed::with(&options.testbed, options.testbed.named_or_installed()?)?;
    let mut results = Results::begin(options.json.as_deref(), facts::run(testbed.peers(), options.tiny)?)?;
    let runner = Runner::new(options, &testbed);
    for scenario in &scenarios {
        runner.play(scenario.as_ref(), &mut results)?;
        println!("{}", page::section(scenario.as_ref(), &results.lines));
    }
    let failed = results.lines.iter().filter_map(|line| match line {
        Line::Absent(absent) if absent.failed => {
            Some(format!("\n{} in {}: {}", absent.gateway, absent.scenario, absent.reason))
        }
        _ => None,
    });
    let failed: String = failed.collect();
    ensure!(failed.is_empty(), "these failed:{failed}");
    Ok(())
}

impl Options {
    fn chosen(&self) -> Result<Vec<Box<dyn Scenario>>> {
        let all = all(self.tiny);
        let names: Vec<String> = all.iter().map(|scenario| scenario.name()).collect();
        if let Some(unknown) = self.only_scenario.iter().find(|name| !names.contains(name)) {
            bail!("unknown scenario {unknown:?}: there are {}", names.join(", "));
        }
        let is_chosen = |scenario: &dyn Scenario| {
            let is_named = self.only_scenario.contains(&scenario.name());
            is_named || self.only_scenario.is_empty() && (self.tiny || !scenario.is_long())
        };
        Ok(all.into_iter().filter(|scenario| is_chosen(scenario.as_ref())).collect())
    }
}

/// Results so far, each written as soon as it is there.
struct Results {
    lines: Vec<Line>,
    file: Option<File>,
}

impl Results {
    fn begin(path: Option<&Path>, run: Run) -> Result<Self> {
        let create = |path: &Path| File::create(path).with_context(|| format!("creating {}", path.display()));
        let mut results = Self { lines: Vec::new(), file: path.map(create).transpose()? };
        results.push(Line::Run(run))?;
        Ok(results)
    }

    fn push(&mut self, line: Line) -> Result<()> {
        if let Some(file) = &mut self.file {
            writeln!(file, "{}", serde_json::to_string(&line)?)?;
        }
        self.lines.push(line);
        Ok(())
    }
}

struct Runner<'a> {
    stage: Stage<'a>,
    rounds: u32,
    quiet: Quiet,
    /// Whether gateways are loaded for a second before they are measured.
    warms_up: bool,
}

impl<'a> Runner<'a> {
    fn new(options: &Options, testbed: &'a Testbed) -> Self {
        let Options { rounds, seconds, soak_seconds, tiny, .. } = *options;
        let quiet = if tiny { Quiet::NEVER_MIND } else { options.quiet.clone() };
        let (rounds, seconds, soak_seconds) = if tiny { (1, 1, 2) } else { (rounds, seconds, soak_seconds) };
        Self { stage: Stage { testbed, seconds, soak_seconds }, rounds, quiet, warms_up: !tiny }
    }

    /// Measures every gateway in one scenario.
    fn play(&self, scenario: &dyn Scenario, results: &mut Results) -> Result<()> {
        let name = scenario.name();
        let absent = |peer: &dyn Peer, reason: String, failed| {
            eprintln!("{name}: {}: {reason}", peer.name());
            Line::Absent(Absent { scenario: name.clone(), gateway: peer.name().to_owned(), reason, failed })
        };
        let mut players = Vec::new();
        for peer in self.stage.testbed.peers() {
            if let Some(reason) = peer.lacks(scenario.task(), scenario.is_secure()) {
                results.push(absent(peer, reason.to_owned(), false))?;
                continue;
            }
            match self.open(scenario, peer) {
                Ok(gateway) => players.push((peer, gateway)),
                Err(error) => results.push(absent(peer, failure(&error)?, true))?,
            }
        }
        for round in 1..=if scenario.is_once() { 1 } else { self.rounds } {
            let mut left = Vec::new();
            for (peer, mut gateway) in players {
                match self.sample(scenario, peer, &mut gateway, round) {
                    Ok(sample) => {
                        results.push(Line::Sample(Taken { scenario: name.clone(), sample }))?;
                        left.push((peer, gateway));
                    }
                    Err(error) => results.push(absent(peer, failure(&error)?, true))?,
                }
            }
            players = left;
            if !players.is_empty() {
                players.rotate_left(1);
            }
        }
        Ok(())
    }

    fn open(&self, scenario: &dyn Scenario, peer: &dyn Peer) -> Result<Gateway> {
        let testbed = self.stage.testbed;
        let endpoints = scenario.endpoints(testbed)?;
        let mut gateway = testbed.start_as(peer, scenario.task(), scenario.is_secure(), &endpoints)?;
        scenario.prepare(&mut gateway).context("it does not do what is to be measured")?;
        Ok(gateway)
    }

    fn sample(&self, scenario: &dyn Scenario, peer: &dyn Peer, gateway: &mut Gateway, round: u32) -> Result<Sample> {
        interrupt::check()?;
        if round == 1 && self.warms_up && !scenario.is_once() {
            scenario.measure(&Stage { seconds: 1, ..self.stage }, peer, gateway)?;
        }
        // What a gateway has grown by is there but once.
        let repeats = if scenario.is_once() { 0 } else { self.quiet.repeats };
        let quiet = Quiet { repeats, ..self.quiet };
        let sample = quiet.sample(|| scenario.measure(&self.stage, peer, gateway))?;
        eprintln!(
            "{} round {round}: {} {:.2} us, {:.0}/s, {} failed ({:.1} % foreign)",
            scenario.name(),
            sample.gateway,
            sample.cpu_us_per_request,
            sample.requests_per_second,
            sample.failed,
            sample.foreign_percent
        );
        Ok(Sample { round, ..sample })
    }
}

/// A failure as text, unless the run is to end.
fn failure(error: &anyhow::Error) -> Result<String> {
    interrupt::check()?;
    Ok(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_have_names_of_their_own_and_say_what_they_are() {
        let all = all(false);
        let mut names: Vec<String> = all.iter().map(|scenario| scenario.name()).collect();
        assert_eq!(names.len(), 16);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 16);
        assert!(all.iter().all(|scenario| scenario.about().ends_with('.')));
    }
}
