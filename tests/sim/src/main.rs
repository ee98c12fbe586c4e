//! The simulator as a command: a swarm for as long as wanted, or one seed again.
//!
//! ```text
//! tollgate-sim swarm --minutes N [--seed FIRST]
//! tollgate-sim replay --seed N [--clients N] [--requests N] [--without NAME,NAME]
//! ```
//!
//! Exits with 1 if anything did not hold, after telling how to see it again.

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use std::{
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};
use tollgate_sim::swarm::{Breach, Kind, Mix, Progress, Tally, Trim, attempt, explain, last_events, shrink};

/// A third of the time of a run would go into the system's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);

/// Events that are printed of a shrunk failure.
const EVENTS: usize = 60;

#[derive(Parser)]
#[command(about = "The unchanged worker on a virtual clock and network", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run as many seeds as possible on all cores.
    Swarm {
        /// For how long.
        #[arg(long, default_value_t = 1.0)]
        minutes: f64,
        /// The first seed.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// End after so many failures.
        #[arg(long, default_value_t = 1)]
        failures: usize,
    },
    /// Run one seed and print its events.
    Replay {
        /// The seed.
        #[arg(long)]
        seed: u64,
        /// With fewer clients.
        #[arg(long)]
        clients: Option<usize>,
        /// With fewer requests of each.
        #[arg(long)]
        requests: Option<usize>,
        /// Without these faults and mishaps.
        #[arg(long, value_delimiter = ',', value_parser = kind)]
        without: Vec<Kind>,
        /// Print only the outcome.
        #[arg(long)]
        quiet: bool,
    },
}

fn kind(name: &str) -> Result<Kind, String> {
    let all = || Kind::all().map(Kind::name).collect::<Vec<_>>().join(", ");
    Kind::all().find(|kind| kind.name().eq_ignore_ascii_case(name)).ok_or_else(|| format!("there are: {}", all()))
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Swarm { minutes, seed, failures } => swarm(Duration::from_secs_f64(60.0 * minutes), seed, failures),
        Command::Replay { seed, clients, requests, without, quiet } => {
            replay(seed, &Trim { clients, requests, without }, quiet)
        }
    }
}

fn replay(seed: u64, trim: &Trim, quiet: bool) -> ExitCode {
    if !quiet {
        eprintln!("{:#?}", Mix::draw(seed).trimmed(trim));
    }
    match attempt(seed, trim, !quiet) {
        Ok(tally) => {
            println!("seed {seed}: {} exchanges, {} answered, all held", tally.exchanges, tally.answered);
            ExitCode::SUCCESS
        }
        Err(breach) => {
            eprintln!("seed {seed} failed: {}", breach.message);
            ExitCode::FAILURE
        }
    }
}

fn swarm(time: Duration, first: u64, failures: usize) -> ExitCode {
    let (begun, threads) = (Instant::now(), thread::available_parallelism().map_or(1, Into::into));
    let (next, sum) = (AtomicU64::new(first), Mutex::new((0, Tally::default())));
    let (report, breaches) = mpsc::channel::<Breach>();
    let progress = || {
        let sum = sum.lock().expect("nobody panics with it");
        eprintln!("{}", Progress { seeds: sum.0, tally: &sum.1, time: begun.elapsed(), threads });
    };
    let found = thread::scope(|scope| {
        for _ in 0..threads {
            let (report, sum, next) = (report.clone(), &sum, &next);
            scope.spawn(move || {
                while begun.elapsed() < time {
                    let result = attempt(next.fetch_add(1, Ordering::Relaxed), &Trim::default(), false);
                    let mut sum = sum.lock().expect("nobody panics with it");
                    sum.0 += 1;
                    match result {
                        Ok(tally) => sum.1.add(&tally),
                        // Nobody listens any more: enough have failed.
                        Err(breach) => drop(report.send(breach)),
                    }
                }
            });
        }
        drop(report);
        let mut found = Vec::new();
        while found.len() < failures {
            match breaches.recv_timeout(PROGRESS) {
                Ok(breach) => found.push(breach),
                Err(mpsc::RecvTimeoutError::Timeout) => progress(),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        if found.len() >= failures {
            found.iter().for_each(tell);
            // The others would go on for as long as they were told to.
            std::process::exit(1);
        }
        found
    });
    progress();
    found.iter().for_each(tell);
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(breach: &Breach) {
    let least = shrink(breach.clone());
    eprintln!("{}", explain(breach, &least));
    last_events(&least, EVENTS).iter().for_each(|event| eprintln!("  {event}"));
}
