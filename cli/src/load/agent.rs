//! `tollgate load agent`, and `--agents`: load from several machines.
//!
//! Arguments and wiring; the protocol is in `tollgate_loadtest::agents`. A token comes from a file or the environment, never
//! from the command line, which other users of the machine can read.

use super::{Trouble, stop_on_signals};
use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::Args;
use std::{
    cell::RefCell,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};
use tollgate_loadtest::{
    agents::{self, Lost},
    load::{Plan, Progress, Recording, Stop},
};

/// Where a token may stand that is not in a file.
const TOKEN: &str = "TOLLGATE_LOAD_TOKEN";

/// Sends load in the name of a controller
///
/// The controller is `tollgate load URL --agents HOST:PORT,..`. An agent sends to its own loopback only, unless it was itself
/// started with --yes-this-host-is-mine. One that listens elsewhere than on loopback wants a token, in a file or in
/// TOLLGATE_LOAD_TOKEN; messages are in the clear, so use a network that you trust. Ctrl-C ends it.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate load agent\n  tollgate load agent --bind 10.0.0.5:9910 --token-file token --yes-this-host-is-mine\n\n"
))]
pub(super) struct Arguments {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9910")]
    bind: SocketAddr,
    /// File with the token that controllers must show
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Lets load go to hosts that are not this machine
    #[arg(long)]
    yes_this_host_is_mine: bool,
}

/// Where a controller finds its agents.
#[derive(Args)]
#[command(next_help_heading = "From several machines")]
pub(super) struct Agents {
    /// Has these agents send the load, each its share
    #[arg(long, value_name = "HOST:PORT,..", value_delimiter = ',')]
    agents: Vec<String>,
    /// File with the token that the agents want; TOLLGATE_LOAD_TOKEN where there is none
    #[arg(long, value_name = "FILE", requires = "agents")]
    token_file: Option<PathBuf>,
    #[arg(skip)]
    lost: RefCell<Vec<Lost>>,
}

fn token(file: Option<&Path>) -> Result<Option<String>, Trouble> {
    let Some(file) = file else { return Ok(std::env::var(TOKEN).ok().filter(|token| !token.is_empty())) };
    let text = fs::read_to_string(file).map_err(|error| Trouble::File(format!("{}: {error}", file.display())))?;
    match text.trim() {
        "" => Err(Trouble::File(format!("{}: there is no token in it", file.display()))),
        token => Ok(Some(token.to_owned())),
    }
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    serve(arguments).unwrap_or_else(Trouble::exit)
}

fn serve(arguments: &Arguments) -> Result<Exit, Trouble> {
    let (bind, any_host) = (arguments.bind, arguments.yes_this_host_is_mine);
    let token = token(arguments.token_file.as_deref())?;
    let (stop, _) = stop_on_signals()?;
    let failed = |error: &dyn std::fmt::Display| Trouble::Start(format!("{bind}: {error}"));
    let agent = agents::Agent::bind(agents::Options { bind, token, any_host }).map_err(|error| failed(&error))?;
    terminal::note(format_args!("agent on {}", agent.address().map_err(|error| failed(&error))?));
    let serving = thread::spawn(|| agent.serve(|what| terminal::note(what)));
    while !stop.is_set() && !serving.is_finished() {
        thread::park_timeout(Duration::from_millis(100));
    }
    if serving.is_finished() {
        let ended = serving.join().unwrap_or_else(|_| Err(std::io::Error::other("a thread panicked")));
        ended.map_err(|error| failed(&error))?;
    }
    Ok(Exit::Done)
}

impl Agents {
    pub(super) fn addresses(&self) -> &Vec<String> {
        &self.agents
    }

    /// Those that did not come to the end of a run, each once.
    pub(super) fn lost(&self) -> Vec<String> {
        self.lost.borrow().iter().map(|Lost { agent, what }| format!("agent {agent} was lost: {what}")).collect()
    }

    pub(super) fn run(&self, plan: &Plan, watch: &dyn Fn(&Progress), stop: &Stop) -> Result<Recording, Trouble> {
        let token = token(self.token_file.as_deref())?;
        let outcome = agents::run(&self.agents, token.as_deref(), plan, watch, stop)?;
        self.lost.borrow_mut().extend(outcome.lost);
        Ok(outcome.recording)
    }
}
