//! How well upstream connections are reused when several workers share a low load: Tollgate with one worker, then with two.
//!
//! A few clients come and go, each with a request or some, at pauses that are often longer than the upstream's idle timeout
//! would let one worker's own connection live. So a worker that shared nothing would connect again where one alone would not.
//! Connections and requests are counted by the origin.

use crate::{
    client::Client,
    interrupt, machine,
    peer::{Peer, Setup, Task},
    process::Program,
    report,
    testbed::{self, Testbed},
};
use anyhow::{Context as _, Result};
use clap::Args;
use std::{
    net::SocketAddr,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

/// Arguments of `reuse`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Options {
    #[command(flatten)]
    testbed: testbed::Options,
    /// Clients that come and go beside each other.
    #[arg(long, default_value_t = 3)]
    clients: u64,
    /// Seconds of load for each gateway.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Longest pause of a client between two connections, in milliseconds; drawn for each.
    #[arg(long, default_value_t = 2_000)]
    pause_ms_max: u64,
    /// The upstream's idle timeout, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    idle_timeout_ms: u64,
}

/// Tollgate on some CPUs, with an upstream whose idle connections do not live long.
struct Workers {
    name: &'static str,
    binary: PathBuf,
    cpus: Vec<usize>,
    idle_timeout_ms: u64,
}

impl Peer for Workers {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> (Program, &'static str) {
        (Program::at(self.binary.clone()).args(["--version"]), "tollgate ")
    }

    fn prepare(&self, setup: &Setup) -> Result<Program> {
        let Setup { listen, status, endpoints, .. } = setup;
        let origin = endpoints[0];
        let Self { cpus, idle_timeout_ms, .. } = self;
        let text = format!(
            "version: 1
workers: {cpus:?}
status: {{ bind: {status} }}
access_log: off
listeners: [ {{ name: public, bind: {listen} }} ]
upstreams:
  - name: origin
    endpoints: [ {{ address: {origin} }} ]
    connections: {{ idle_timeout: {idle_timeout_ms}ms }}
routes: [ {{ name: all, match: {{ path: \"/{{rest*}}\" }}, upstream: origin }} ]
"
        );
        let path = setup.write("tollgate.yaml", &text)?;
        Ok(Program::at(self.binary.clone()).args(["gateway".into(), "--config".into(), path]))
    }
}

/// What the origin has seen of one gateway.
struct Seen {
    requests: u64,
    connections: u64,
}

impl Seen {
    /// The share of requests that found an open connection.
    fn reuse(&self) -> f64 {
        1.0 - self.connections as f64 / self.requests as f64
    }
}

/// Measures one worker and two, and prints both with their ratio.
///
/// # Errors
/// There is one CPU only, a gateway does not answer correctly, a request failed, or a signal came.
pub fn run(options: &Options) -> Result<()> {
    let cpus = machine::allowed_cpus()?;
    let testbed = Testbed::new(&options.testbed)?;
    let two = cpus.get(..2).context("two CPUs are needed for two workers")?;
    let seen = [("one worker", &two[..1]), ("two workers", two)].map(|(name, cpus)| -> Result<_> {
        let (binary, idle_timeout_ms) = (testbed.tollgate()?, options.idle_timeout_ms);
        let gateway = testbed.start(&Workers { name, binary, cpus: cpus.to_vec(), idle_timeout_ms }, Task::Proxy)?;
        let before = testbed.origin_counts();
        load(options, gateway.address)?;
        let after = testbed.origin_counts();
        let seen =
            Seen { requests: after.requests - before.requests, connections: after.connections - before.connections };
        Ok((name, seen))
    });
    let mut table = report::table(&["tollgate", "requests", "upstream connections", "reuse"]);
    let mut shares = Vec::new();
    for seen in seen {
        let (name, seen) = seen?;
        let cells = [seen.requests.to_string(), seen.connections.to_string(), format!("{:.4}", seen.reuse())];
        table.add_row([vec![name.to_owned()], cells.to_vec()].concat());
        shares.push(seen.reuse());
    }
    println!("{}\n\n{table}\n\ntwo workers reuse {:.3} of what one does", testbed.conditions(), shares[1] / shares[0]);
    Ok(())
}

/// Has the clients come and go until the time is over.
fn load(options: &Options, gateway: SocketAddr) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(options.seconds);
    thread::scope(|scope| {
        let clients: Vec<_> =
            (0..options.clients).map(|number| scope.spawn(move || client(options, number, gateway, until))).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a client returns its errors"))
    })
}

fn client(options: &Options, number: u64, gateway: SocketAddr, until: Instant) -> Result<()> {
    // Knuth's linear congruential generator: the same pauses in every run.
    let mut state = number + 1;
    let mut draw = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % (most + 1)
    };
    while Instant::now() < until {
        interrupt::pause(Duration::from_millis(draw(options.pause_ms_max)))?;
        let mut client = Client::connect(gateway)?;
        for _ in 0..=draw(2) {
            client.download(1024, |_| {})?;
        }
    }
    Ok(())
}
