//! User memory of an idle keep-alive connection.
//!
//! Every connection carries one request, one after the other, and then stays open and silent, so the upstream side holds
//! next to nothing. What the gateway's memory grew by, divided by the connections, is the figure. Kernel memory (sockets,
//! rings) is not in it.

use crate::{
    interrupt,
    machine::{self, Memory},
    peer::Task,
    report,
    testbed::{self, Testbed},
};
use anyhow::{Result, ensure};
use clap::Args;
use std::time::Duration;

/// Arguments of `idle`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    testbed: testbed::Options,
    /// Idle connections.
    #[arg(long, default_value_t = 8_000)]
    connections: usize,
}

/// Between the last request and the reading of memory, for what gateways do afterwards.
const SETTLE: Duration = Duration::from_secs(2);

/// Measures each gateway and prints a table.
///
/// # Errors
/// A program is missing, a gateway does not answer correctly or has no room for the connections, or a signal came.
pub fn run(options: &Options) -> Result<()> {
    ensure!(options.connections > 0, "at least one connection");
    let testbed = Testbed::new(&options.testbed)?;
    let mut table = report::table(&[
        "gateway",
        "bytes/connection (Pss)",
        "bytes/connection (private)",
        "before MiB",
        "after MiB",
        "upstream connections",
    ]);
    for peer in testbed.peers() {
        let gateway = testbed.start(peer, Task::Proxy)?;
        interrupt::pause(SETTLE)?;
        let before = machine::memory(gateway.pid())?;
        let mut clients = Vec::with_capacity(options.connections);
        for _ in 0..options.connections {
            interrupt::check()?;
            let mut client = gateway.connect()?;
            client.download(1024, |_| {})?;
            clients.push(client);
        }
        interrupt::pause(SETTLE)?;
        let after = machine::memory(gateway.pid())?;
        let upstream = testbed.upstream_connections();
        table.add_row(row(gateway.name, before, after, options.connections, upstream));
        drop(clients);
    }
    println!("{}; {} idle connections\n\n{table}", testbed.conditions(), options.connections);
    Ok(())
}

fn row(name: &str, before: Memory, after: Memory, connections: usize, upstream: u64) -> Vec<String> {
    let each = |before: u64, after: u64| format!("{:.0}", (after as f64 - before as f64) / connections as f64);
    let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    vec![
        name.to_owned(),
        each(before.pss, after.pss),
        each(before.private, after.private),
        mebibytes(before.pss),
        mebibytes(after.pss),
        upstream.to_string(),
    ]
}
