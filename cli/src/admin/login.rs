//! `tollgate login`: keeps where a control plane is and a token for it.

use super::{
    client::{Client, Failure, Login, TOKEN},
    failed,
};
use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    env,
    io::{self, BufRead as _, IsTerminal as _},
};

/// Keeps a login for the verbs that talk to a control plane
///
/// The token is read from the variable TOLLGATE_TOKEN, or from a line of standard input. With --setup it is the setup token
/// that the first start has printed: the first tenant and its owner are made then.
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate login --url http://127.0.0.1:8090 --setup --tenant acme --member ann\n  \
     TOLLGATE_TOKEN=tgm_... tollgate login --url http://127.0.0.1:8090\n\n"
))]
pub(crate) struct Arguments {
    /// The control plane
    #[arg(long, value_name = "URL", env = "TOLLGATE_URL")]
    url: String,
    /// Set up an installation that has nobody yet
    #[arg(long, requires_all = ["tenant", "member"])]
    setup: bool,
    /// The first tenant
    #[arg(long, value_name = "NAME", requires = "setup")]
    tenant: Option<String>,
    /// Its owner
    #[arg(long, value_name = "NAME", requires = "setup")]
    member: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    match login(arguments) {
        Ok(Login { url, tenant, .. }) => {
            terminal::note(format_args!("logged in at {url}, in the tenant {tenant}"));
            Exit::Done
        }
        Err(failure) => failed(&failure),
    }
}

fn login(arguments: &Arguments) -> Result<Login, Failure> {
    let Arguments { url, setup, tenant, member } = arguments;
    let mut token = token()?;
    if *setup {
        let asked = json!({ "token": token, "tenant": tenant, "member": member });
        let answer = Client::with(url, String::new()).send("POST", "/setup", &asked)?;
        token = text(&answer["secret"]);
    }
    let me = Client::with(url, token.clone()).get("/me")?;
    let login = Login { url: url.clone(), tenant: text(&me["tenant"]), token };
    login.keep()?;
    Ok(login)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn token() -> Result<String, Failure> {
    if let Ok(token) = env::var(TOKEN) {
        return Ok(token);
    }
    if io::stdin().is_terminal() {
        terminal::note("token:");
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|error| Failure::Local(format!("standard input: {error}")))?;
    let token = line.trim().to_owned();
    if token.is_empty() {
        return Err(Failure::Local(format!("there is no token: set {TOKEN}, or write it to standard input")));
    }
    Ok(token)
}
