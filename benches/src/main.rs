//! `cargo run --release -p tollgate-benches -- scenarios | report | compare | idle | bulk | routes | rules | patch | reuse
//! | restart | manage`: arguments only, the work is in the library.

use anyhow::Result;
use clap::{Parser, Subcommand};
use tollgate_benches::{
    bulk, compare, idle, interrupt, manage, page, patch, restart, reuse, rounds, routes, rules, scenario, testbed,
};

/// Compares Tollgate with other gateways on this machine's loopback.
///
/// Installs nothing. The gateways run as child processes pinned to one CPU, the load and the synthetic origin on another;
/// their configurations stand in a temporary directory that is removed.
#[derive(Parser)]
#[command(name = "benches")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// All gateways in all scenarios: what docs/performance.md is made of.
    Scenarios(scenario::Options),
    /// Makes docs/performance.md of the results in benches/results.
    Report(page::Options),
    /// CPU per request, throughput and latency by number of connections, gateways interleaved in rounds.
    Compare(compare::Options),
    /// User memory of an idle keep-alive connection.
    Idle(idle::Options),
    /// Long downloads and uploads: resident memory, speed, CPU per GiB.
    Bulk(bulk::Options),
    /// CPU per request with 100 routes and with 100,000, asked for at random.
    Routes(rounds::InTurn),
    /// CPU per request of a route without rules that limit what is admitted, with one and with five.
    Rules(rounds::InTurn),
    /// What changing one of 100,000 routes costs, in time, CPU and latency of requests.
    Patch(patch::Options),
    /// Reuse of upstream connections by one worker and by two, at a low load.
    Reuse(reuse::Options),
    /// Hot restarts under a fixed rate: requests that fail, and latency with and without.
    Restart(restart::Options),
    /// The control plane with much in it, idle, granting tokens; and what knowing the caller costs a request.
    Manage(manage::Options),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    interrupt::watch()?;
    testbed::prepare_process()?;
    match arguments.command {
        Command::Scenarios(options) => scenario::run(&options),
        Command::Report(options) => page::run(&options),
        Command::Compare(options) => compare::run(&options),
        Command::Idle(options) => idle::run(&options),
        Command::Bulk(options) => bulk::run(&options),
        Command::Routes(options) => routes::run(&options),
        Command::Rules(options) => rules::run(&options),
        Command::Patch(options) => patch::run(&options),
        Command::Reuse(options) => reuse::run(&options),
        Command::Restart(options) => restart::run(&options),
        Command::Manage(options) => manage::run(&options),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn arguments_fit_together() {
        Arguments::command().debug_assert();
    }
}
