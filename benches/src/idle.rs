//! User memory of an idle keep-alive connection.
//!
//! Every connection carries one request, one after the other, and then stays open and silent, so the upstream side holds
//! next to nothing. What the gateway's memory grew by, divided by the connections, is the figure. Kernel memory (sockets,
//! rings) is not in it.

use crate::{
    client::Client,
    interrupt,
    machine::{self, Memory},
    peer::Task,
    report,
    testbed::{self, Gateway, Testbed},
};
use anyhow::{Context as _, Result, ensure};
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
        let held = Held::open(&gateway, options.connections)?;
        table.add_row(held.row(gateway.name, testbed.upstream_connections()));
    }
    println!("{}; {} idle connections\n\n{table}", testbed.conditions(), options.connections);
    Ok(())
}

/// Connections that are open and silent, and the gateway's memory without and with them.
pub(crate) struct Held {
    clients: Vec<Client>,
    before: Memory,
    after: Memory,
}

impl Held {
    /// Opens them one after the other, with a request over each.
    pub(crate) fn open(gateway: &Gateway, connections: usize) -> Result<Self> {
        interrupt::pause(SETTLE)?;
        let before = machine::memory(gateway.pid())?;
        let mut clients = Vec::with_capacity(connections);
        for _ in 0..connections {
            interrupt::check()?;
            let mut client = gateway.connect()?;
            client.download(1024, |_| {}).with_context(|| format!("connection {}", clients.len() + 1))?;
            clients.push(client);
        }
        interrupt::pause(SETTLE)?;
        Ok(Self { clients, before, after: machine::memory(gateway.pid())? })
    }

    /// Bytes for each connection.
    pub(crate) fn each(&self, of: fn(&Memory) -> u64) -> f64 {
        (of(&self.after) as f64 - of(&self.before) as f64) / self.clients.len() as f64
    }

    fn row(&self, name: &str, upstream: u64) -> Vec<String> {
        let mebibytes = |memory: &Memory| format!("{:.1}", memory.pss as f64 / f64::from(1 << 20));
        vec![
            name.to_owned(),
            format!("{:.0}", self.each(|memory| memory.pss)),
            format!("{:.0}", self.each(|memory| memory.private)),
            mebibytes(&self.before),
            mebibytes(&self.after),
            upstream.to_string(),
        ]
    }
}
