//! Verbs that talk to the control plane: what is common to them is the login, the client and how answers are shown.

pub(crate) mod apply;
pub(crate) mod approve;
pub(crate) mod audit;
pub(crate) mod client;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod nodes;
mod output;
pub(crate) mod password;
pub(crate) mod publish;
pub(crate) mod signing_keys;
pub(crate) mod usage;

use crate::{exit::Exit, terminal};
pub(crate) use client::with_query;
use client::{Client, Failure};
pub(crate) use output::Output;
use serde_json::Value;

/// Where the control plane is, and how its answers are shown.
#[derive(clap::Args)]
pub(crate) struct Admin {
    /// The control plane; left out: that of `tollgate login`
    #[arg(long, value_name = "URL", env = "TOLLGATE_URL", global = true)]
    url: Option<String>,
    /// The tenant; left out: one's own
    #[arg(long, value_name = "NAME", global = true)]
    tenant: Option<String>,
    /// How the answer is shown
    #[arg(long, value_enum, default_value_t = Output::Table, global = true)]
    pub(crate) output: Output,
}

impl Admin {
    /// Runs `work` with a client and shows what it gives.
    pub(crate) fn run(&self, work: impl FnOnce(&Client) -> Result<Value, Failure>) -> Exit {
        let shown = Client::open(self.url.as_deref(), self.tenant.as_deref()).and_then(|client| work(&client));
        match shown {
            Ok(value) => {
                self.output.show(&value);
                Exit::Done
            }
            Err(failure) => failed(&failure),
        }
    }
}

fn failed(failure: &Failure) -> Exit {
    terminal::note(format_args!("error: {failure}"));
    failure.exit()
}
