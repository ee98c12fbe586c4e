//! `tollgate origin`: a synthetic upstream that answers what the path asks for, to stand behind a gateway under load.
//!
//! The work is in `loadtest`. Loopback only unless told otherwise: it answers anybody, with as many bytes as they like.

use crate::{
    exit::{Exit, help},
    run, terminal,
};
use clap::{Args, ValueEnum};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{error::Error, net::SocketAddr};
use tollgate_loadtest::{Driver, ORIGIN_PATHS, Origin, OriginConfig, allowed_cpus};

/// Runs a synthetic origin: an upstream whose answers the path chooses
///
/// Sizes, statuses, chunks, delays and their distributions, slow bodies, server-sent events, resets, failing shares and
/// stalls, each by URL. It says on standard error where it listens and what it understands; SIGINT and SIGTERM end it with a
/// line of counts.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate origin\n  tollgate origin --bind 127.0.0.1:0 --workers 2\n  \
     curl http://127.0.0.1:9001/delay/lognormal/5-0.5/bytes/1024\n  curl http://127.0.0.1:9001/stall/100ms\n\n"
))]
pub(crate) struct Arguments {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: SocketAddr,
    /// What it calls itself in text and in the Server field
    #[arg(long, default_value = "origin")]
    name: String,
    /// Threads: each is pinned to one of the CPUs that the process may use
    #[arg(long, value_name = "N", conflicts_with = "cpus")]
    workers: Option<usize>,
    /// A thread pinned to each of these CPUs
    #[arg(long, value_name = "LIST", value_delimiter = ',', visible_alias = "cpu")]
    cpus: Vec<usize>,
    /// What carries the sockets
    #[arg(long, value_enum, default_value_t)]
    io: Transport,
    /// What chance begins with: the same requests in the same order wait and fail alike
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Listen on an address that other machines reach
    #[arg(long)]
    beyond_loopback: bool,
}

/// As `io` in a gateway's configuration.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Transport {
    /// io_uring, or epoll where that is refused
    #[default]
    Auto,
    #[value(name = "io_uring")]
    Ring,
    Epoll,
}

impl From<Transport> for Driver {
    fn from(io: Transport) -> Self {
        match io {
            Transport::Auto => Self::Auto,
            Transport::Ring => Self::IoUring,
            Transport::Epoll => Self::Epoll,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    match until_stopped(arguments) {
        Ok(()) => Exit::Done,
        Err(error) => run::not_started(error.as_ref()),
    }
}

fn until_stopped(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    // Before the origin, so that a signal that comes early is not lost.
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let origin = start(arguments)?;
    announce(&origin, &arguments.name);
    signals.forever().next();
    let counts = origin.counts();
    let (requests, connections, open) = (counts.requests, counts.connections, counts.connections_open);
    terminal::note(format_args!("{requests} requests on {connections} connections, {open} of them open"));
    Ok(origin.stop()?)
}

fn start(arguments: &Arguments) -> Result<Origin, Box<dyn Error>> {
    let bind = arguments.bind;
    if !bind.ip().is_loopback() && !arguments.beyond_loopback {
        return Err(format!("{bind} is no loopback address: other machines are served with `--beyond-loopback`").into());
    }
    let (name, seed, driver) = (arguments.name.clone(), arguments.seed, arguments.io.into());
    let config = OriginConfig { bind, name, seed, driver, ..OriginConfig::default() };
    let started = match cpus(arguments)? {
        cpus if cpus.is_empty() => Origin::start(config),
        cpus => Origin::on_cpus(config, &cpus),
    };
    started.map_err(|error| format!("{bind}: {error}").into())
}

/// The CPUs to pin to; none of them means one thread that is not pinned.
fn cpus(arguments: &Arguments) -> Result<Vec<usize>, Box<dyn Error>> {
    let allowed = allowed_cpus()?;
    if let Some(cpu) = arguments.cpus.iter().find(|cpu| !allowed.contains(cpu)) {
        return Err(format!("CPU {cpu} is not among those that this process may use: {allowed:?}").into());
    }
    match arguments.workers {
        None => Ok(arguments.cpus.clone()),
        Some(workers) if (1..=allowed.len()).contains(&workers) => Ok(allowed[..workers].to_vec()),
        Some(_) => {
            Err(format!("`--workers` is from 1 to {}, the CPUs that this process may use", allowed.len()).into())
        }
    }
}

fn announce(origin: &Origin, name: &str) {
    terminal::note(format_args!("{name} on http://{}", origin.address()));
    for (path, answer) in ORIGIN_PATHS {
        terminal::note(format_args!("  {path:<36} {answer}"));
    }
    terminal::note("N is bytes or a count; TIME is milliseconds or has a unit: 5, 500us, 2s");
}
