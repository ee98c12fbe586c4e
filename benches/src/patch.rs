//! What a change of one route costs a node with 100,000: how long it takes until every worker runs it, what 100 changes a
//! second take of a CPU, and what they do to the latency of the requests meanwhile.
//!
//! Latency is that of an open loop at half of the rate the gateway can serve, in pairs: the same load without changes and
//! with them, one right after the other. The worker keeps its CPU; the gateway's other threads may run anywhere, as on a
//! machine of its own.

use crate::{
    change, interrupt,
    layout::Layout,
    machine,
    open_loop::{self, Load},
    peer::{Task, Tollgate},
    report,
    statistics::Spread,
    testbed::{self, Gateway, Testbed},
    wrk,
};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use std::{
    os::unix::net::UnixStream,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Arguments of `patch`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    testbed: testbed::Options,
    /// Pairs of runs, without and with changes.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// Seconds of each run.
    #[arg(long, default_value_t = 4)]
    seconds: u32,
    /// Changes per second.
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// Changes whose time is measured, one after the other, before the runs.
    #[arg(long, default_value_t = 200)]
    changes: u32,
}

/// Connections of the load.
const CONNECTIONS: usize = 64;

/// Measures both layouts of 100,000 routes and prints a table.
///
/// # Errors
/// A program is missing, a change is refused, a request failed, or a signal came.
pub fn run(options: &Options) -> Result<()> {
    ensure!(options.rounds > 0 && options.seconds > 0 && options.changes > 0, "at least one round, second and change");
    let testbed = Testbed::new(&options.testbed)?;
    let mut table = report::table(&[
        "routes",
        "PATCH ms, median",
        "PATCH ms, max",
        "requests/s",
        "p99 us without",
        "p99 us with",
        "ratio",
        "CPU % of changes",
    ]);
    for layout in [Layout::ONE_HOST, Layout::MANY_HOSTS] {
        table.add_row(measure(options, &testbed, layout)?);
    }
    let Options { rounds, seconds, rate, .. } = options;
    println!(
        "\n{}; {rounds} pairs of {seconds} s, {rate} changes/s, median (min..max)\n\n{table}",
        testbed.conditions()
    );
    Ok(())
}

fn measure(options: &Options, testbed: &Testbed, layout: Layout) -> Result<Vec<String>> {
    let peer = Tollgate { is_pinned: false, ..Tollgate::at(testbed.tollgate()?) };
    let mut gateway = testbed.start(&peer, Task::Routes(layout))?;
    let script = testbed.directory().join("routes.lua");
    std::fs::write(&script, layout.script())?;
    gateway.script = Some(script);
    let mut editor = Editor::connect(&gateway.socket(), layout)?;
    let times = (0..options.changes).map(|_| editor.change()).collect::<Result<Vec<Duration>>>()?;
    let millis = Spread::of(times.iter().map(|time| time.as_secs_f64() * 1e3)).context("no change")?;
    let full =
        wrk::run(testbed.directory(), testbed.load_cpu(), &gateway, CONNECTIONS as u32, 2)?.flawless()?.per_second;
    let rate = full / 2.0;
    let (mut pairs, mut shares) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        let without = load(options, &gateway, layout, rate, None)?;
        let with = load(options, &gateway, layout, rate, Some(&mut editor))?;
        let share = 100.0 * (with.cpu - without.cpu) / f64::from(options.seconds);
        eprintln!("round {}: p99 {:.0} us, {:.0} us with changes, {share:.1} % CPU", round + 1, without.p99, with.p99);
        pairs.push((without.p99, with.p99));
        shares.push(share);
    }
    let spread =
        |values: Vec<f64>, decimals| Spread::of(values).map(|spread| spread.text(decimals)).unwrap_or_default();
    Ok(vec![
        layout.name.to_owned(),
        format!("{:.2}", millis.median),
        format!("{:.2}", millis.max),
        format!("{rate:.0}"),
        spread(pairs.iter().map(|pair| pair.0).collect(), 0),
        spread(pairs.iter().map(|pair| pair.1).collect(), 0),
        spread(pairs.iter().map(|pair| pair.1 / pair.0).collect(), 2),
        spread(shares, 1),
    ])
}

struct Run {
    /// Microseconds.
    p99: f64,
    /// Seconds of the gateway's CPU time.
    cpu: f64,
}

/// One run of the load, with changes beside it if there is an editor.
fn load(options: &Options, gateway: &Gateway, layout: Layout, rate: f64, editor: Option<&mut Editor>) -> Result<Run> {
    let routes = u64::from(layout.routes());
    let request = |number: u64| {
        // Any order that does not follow the tables'.
        let (host, path) = layout.target((number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % routes) as u32);
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
    };
    let time = Duration::from_secs(options.seconds.into());
    let load = Load {
        target: gateway.address,
        rate,
        connections: CONNECTIONS,
        requests_per_connection: None,
        time,
        request: &request,
    };
    let before = machine::cpu_time(gateway.pid());
    let ended = AtomicBool::new(false);
    let latencies = thread::scope(|scope| {
        let changes = editor.map(|editor| scope.spawn(|| editor.change_often(options.rate, &ended)));
        let latencies = open_loop::run(&load);
        ended.store(true, Ordering::Relaxed);
        match changes.map(thread::ScopedJoinHandle::join) {
            Some(Ok(Err(error))) => Err(error),
            Some(Err(_)) => bail!("the thread of the changes panicked"),
            _ => latencies,
        }
    })?;
    ensure!(latencies.count() > 0, "no request was sent");
    let cpu = machine::cpu_time(gateway.pid()).saturating_sub(before);
    Ok(Run { p99: latencies.quantile_us(0.99), cpu: cpu.as_secs_f64() })
}

/// Changes one route after the other over one connection to the status socket.
struct Editor {
    stream: UnixStream,
    layout: Layout,
    generation: u64,
    changes: u32,
}

impl Editor {
    fn connect(socket: &Path, layout: Layout) -> Result<Self> {
        Ok(Self { stream: change::connect(socket)?, layout, generation: 1, changes: 0 })
    }

    /// From the request sent to the answer, which comes when the last worker runs the change.
    fn change(&mut self) -> Result<Duration> {
        interrupt::check()?;
        self.changes += 1;
        let route = self.layout.route(self.changes.wrapping_mul(7919) % self.layout.routes(), self.changes);
        let body = format!("{{\"base\":{},\"changed\":{{\"routes\":[{route}]}}}}", self.generation);
        let begun = Instant::now();
        change::patch(&mut self.stream, &body)?;
        self.generation += 1;
        Ok(begun.elapsed())
    }

    /// So many changes a second until `ended`; one that takes too long is followed at once.
    fn change_often(&mut self, rate: f64, ended: &AtomicBool) -> Result<()> {
        let (begun, mut count) = (Instant::now(), 0.0);
        while !ended.load(Ordering::Relaxed) {
            self.change()?;
            count += 1.0;
            let due = begun + Duration::from_secs_f64(count / rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        Ok(())
    }
}
