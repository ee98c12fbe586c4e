//! Hot restarts under a fixed rate: how many requests fail, and what the others wait for.
//!
//! The same open loop twice, one run right after the other: without a restart, and with one every few seconds. Most connections
//! are kept until the gateway closes them, those of the second loop make a new one every few requests. A request that fails ends
//! the run with an error, so a table says that none has. Old and new process share the gateway's CPU, as they do in service.

use crate::{
    interrupt,
    open_loop::{self, Latencies, Load},
    peer::{Task, Tollgate},
    report,
    testbed::{self, Gateway, PATH, Testbed},
};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Arguments of `restart`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    testbed: testbed::Options,
    /// Requests per second in all.
    #[arg(long, default_value_t = 20_000.0)]
    rate: f64,
    /// Seconds of each run.
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Seconds from one restart to the next.
    #[arg(long, default_value_t = 4)]
    every: u32,
    /// Connections that are kept.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Part of the requests that is sent over connections of 10 requests each.
    #[arg(long, default_value_t = 0.05)]
    fresh: f64,
}

/// Connections at a time of the loop that makes new ones.
const FRESH_CONNECTIONS: usize = 16;

/// Requests of each of them.
const FRESH_REQUESTS: u64 = 10;

/// For a new process to serve.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures and prints a table.
///
/// # Errors
/// A program is missing, a request failed, a restart did not come about, or a signal came.
pub fn run(options: &Options) -> Result<()> {
    let Options { rate, seconds, every, fresh, .. } = options;
    ensure!(*seconds > *every && *every > 0, "a run is longer than the time between two restarts");
    ensure!(*rate > 0.0 && (0.0..1.0).contains(fresh), "a rate above 0, and a part of it below 1");
    let testbed = Testbed::new(&options.testbed.without_others())?;
    let gateway = testbed.start(&Tollgate::at(testbed.tollgate()?), Task::Proxy)?;
    let mut succession = Succession { gateway: &gateway, processes: Vec::new() };
    let mut table =
        report::table(&["run", "requests", "failed", "restarts", "closed", "p50 us", "p99 us", "p99.9 us", "max us"]);
    for restarts in [false, true] {
        let run = load(options, &gateway, restarts.then_some(&mut succession))?;
        table.add_row(run.row());
    }
    println!(
        "\n{}; {rate} requests/s for {seconds} s, {} % over connections of {FRESH_REQUESTS}; a restart every {every} s\n\n{table}",
        testbed.conditions(),
        fresh * 100.0,
    );
    Ok(())
}

/// What came of one run.
struct Run {
    kept: Latencies,
    fresh: Option<Latencies>,
    restarts: usize,
}

impl Run {
    fn row(&self) -> Vec<String> {
        let fresh = self.fresh.as_ref();
        let requests = self.kept.count() + fresh.map_or(0, Latencies::count);
        let closed = self.kept.closed + fresh.map_or(0, |fresh| fresh.closed);
        let quantile = |share| format!("{:.0}", self.kept.quantile_us(share));
        let name = if self.restarts > 0 { "with restarts" } else { "without" };
        // A request that fails is an error of the run.
        let counts = [requests.to_string(), "0".to_owned(), self.restarts.to_string(), closed.to_string()];
        let quantiles = [0.5, 0.99, 0.999, 1.0].map(quantile);
        [name.to_owned()].into_iter().chain(counts).chain(quantiles).collect()
    }
}

fn load(options: &Options, gateway: &Gateway, succession: Option<&mut Succession<'_>>) -> Result<Run> {
    let request = |_| format!("GET {PATH} HTTP/1.1\r\nHost: test\r\n\r\n").into_bytes();
    let time = Duration::from_secs(options.seconds.into());
    let (target, fresh_rate) = (gateway.address, options.rate * options.fresh);
    let load = |rate, connections, requests_per_connection| {
        let load = Load { target, rate, connections, requests_per_connection, time, request: &request };
        open_loop::run(&load)
    };
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let restarts = succession.map(|succession| scope.spawn(|| succession.go_on(options.every, &ended)));
        let fresh =
            (fresh_rate > 0.0).then(|| scope.spawn(|| load(fresh_rate, FRESH_CONNECTIONS, Some(FRESH_REQUESTS))));
        let kept = load(options.rate - fresh_rate, options.connections, None);
        let fresh = fresh.map(joined).transpose();
        ended.store(true, Ordering::Relaxed);
        let restarts = restarts.map(joined).transpose()?.unwrap_or(0);
        Ok(Run { kept: kept?, fresh: fresh?, restarts })
    })
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| bail!("a thread of the run panicked"))
}

/// The processes of the gateway, one after the other. The last is ended when this is dropped: only the first is a child of ours.
struct Succession<'a> {
    gateway: &'a Gateway,
    processes: Vec<Pid>,
}

impl Succession<'_> {
    /// Restarts again and again until `ended`; gives the number of restarts.
    fn go_on(&mut self, every: u32, ended: &AtomicBool) -> Result<usize> {
        let before = self.processes.len();
        let pause = Duration::from_secs(every.into());
        let mut due = Instant::now() + pause / 2;
        while !ended.load(Ordering::Relaxed) {
            interrupt::pause(Duration::from_millis(10))?;
            if Instant::now() >= due {
                self.restart()?;
                due += pause;
            }
        }
        Ok(self.processes.len() - before)
    }

    fn restart(&mut self) -> Result<()> {
        let first = i32::try_from(self.gateway.pid())?;
        kill(self.processes.last().copied().unwrap_or(Pid::from_raw(first)), Signal::SIGUSR2)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = self.gateway.output();
            if let Some(next) = output.lines().filter_map(successor).nth(self.processes.len()) {
                self.processes.push(Pid::from_raw(next));
                return Ok(());
            }
            ensure!(Instant::now() < deadline && !output.contains("not restarted"), "no restart:\n{output}");
            interrupt::pause(Duration::from_millis(5)).context("waiting for a restart")?;
        }
    }
}

impl Drop for Succession<'_> {
    fn drop(&mut self) {
        // A signal fails only when the process has ended already. Twice: not to wait for a drain.
        for _ in 0..2 {
            let _ = self.processes.last().map(|last| kill(*last, Signal::SIGTERM));
        }
    }
}

/// The number in the line that a process says when another serves in its place.
fn successor(line: &str) -> Option<i32> {
    line.strip_prefix("process ")?.split_once(" serves now")?.0.parse().ok()
}
