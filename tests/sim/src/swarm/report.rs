//! What people see of a swarm: a line of progress, and of a failure the command that repeats it.

use super::{
    mix::{Kind, Trim},
    run::{Breach, Tally},
};
use std::{fmt, time::Duration};

/// How far a swarm has come.
#[derive(Clone, Debug)]
pub struct Progress<'t> {
    /// Seeds that have been run.
    pub seeds: u64,
    /// What came of them.
    pub tally: &'t Tally,
    /// Since the start.
    pub time: Duration,
    /// Threads at work.
    pub threads: usize,
}

impl fmt::Display for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, tally, time, threads } = self;
        let rate = tally.exchanges as f64 / time.as_secs_f64() / *threads as f64;
        let least = Kind::all().min_by_key(|&kind| tally.happened(kind));
        let faults: u64 = Kind::all().map(|kind| tally.happened(kind)).sum();
        write!(
            f,
            "{:>6.1} s  {seeds} seeds  {} exchanges ({rate:.0}/s per core)  {} answered  {faults} faults",
            time.as_secs_f64(),
            tally.exchanges,
            tally.answered
        )?;
        least.map_or(Ok(()), |kind| write!(f, ", {} {} the rarest", kind.name(), tally.happened(kind)))
    }
}

impl fmt::Display for Trim {
    /// As arguments of a command.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.clients.map_or(Ok(()), |clients| write!(f, " --clients {clients}"))?;
        self.requests.map_or(Ok(()), |requests| write!(f, " --requests {requests}"))?;
        match &self.without[..] {
            [] => Ok(()),
            kinds => {
                let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
                write!(f, " --without {}", names.join(","))
            }
        }
    }
}

/// What did not hold, and how to see it again: as it was found, and with as little as possible.
#[must_use]
pub fn explain(found: &Breach, least: &Breach) -> String {
    const COMMAND: &str = "cargo run --release -p tollgate-sim -- replay --seed";
    let (seed, trim) = (least.seed, &least.trim);
    format!(
        "seed {seed} failed: {}\nreplay: {COMMAND} {}{}\nshrunk: {COMMAND} {seed}{trim}\n  which fails with: {}",
        found.message, found.seed, found.trim, least.message
    )
}
