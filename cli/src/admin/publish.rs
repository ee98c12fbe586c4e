//! `tollgate publish` and `rollback`: what environments serve, and whether nodes run it.
//!
//! What is answered is on disk. Both verbs then wait for the nodes that are there to run it, or to refuse it.

use super::{
    Admin,
    client::{Client, Failure, with_query},
};
use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Between two looks at what nodes run.
const LOOK: Duration = Duration::from_millis(50);

/// Publishes an API to an environment
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate publish orders@1.0 production --note 'new discounts'\n  \
     tollgate publish orders@1.0 production --revision 3 --canary 4 --percent 10\n\n"
))]
pub(crate) struct Arguments {
    /// The API, with its version
    #[arg(value_name = "API")]
    api: String,
    /// Where to
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    /// A revision; left out: the working copy, frozen
    #[arg(long, value_name = "NUMBER")]
    revision: Option<u32>,
    /// A revision that some requests get
    #[arg(long, value_name = "NUMBER", requires = "percent")]
    canary: Option<u32>,
    /// How many of a hundred get it
    #[arg(long, value_name = "1-99", requires = "canary")]
    percent: Option<u8>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// How long nodes are waited for to run it; 0: not at all
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u16,
    #[command(flatten)]
    admin: Admin,
}

/// Goes back to what an environment served before
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate rollback orders@1.0 production\n  tollgate rollback orders@1.0 production --to 3\n\n"
))]
pub(crate) struct RollbackArguments {
    /// The API, with its version
    #[arg(value_name = "API")]
    api: String,
    /// Where
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    /// The number of a publication; left out: the one before
    #[arg(long, value_name = "NUMBER")]
    to: Option<u32>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// How long nodes are waited for to run it; 0: not at all
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u16,
    #[command(flatten)]
    admin: Admin,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let Arguments { api, environment, revision, canary, percent, note, dry_run, wait, admin } = arguments;
    let canary = canary.zip(*percent).map(|(revision, percent)| json!({ "revision": revision, "percent": percent }));
    let body = json!({ "revision": revision, "canary": canary, "note": note });
    admin.run(|client| {
        let path = client.of_tenant(&["apis", api, "publications", environment]);
        let path = with_query(&path, [("dry_run", dry_run.to_string().as_str())]);
        let publication = client.send("POST", &path, &body)?;
        let wait = if *dry_run { 0 } else { *wait };
        Ok(shown(&publication, &running(client, api, environment, wait)?))
    })
}

pub(crate) fn rollback(arguments: &RollbackArguments) -> Exit {
    let RollbackArguments { api, environment, to, note, wait, admin } = arguments;
    admin.run(|client| {
        let path = client.of_tenant(&["apis", api, "publications", environment, "rollback"]);
        let publication = client.send("POST", &path, &json!({ "to": to, "note": note }))?;
        Ok(shown(&publication, &running(client, api, environment, *wait)?))
    })
}

/// How many nodes run what was published, once all of those that are there do, or refuse it, or the time is up.
fn running(client: &Client, api: &str, environment: &str, wait_s: u16) -> Result<Value, Failure> {
    let until = Instant::now() + Duration::from_secs(wait_s.into());
    let path = client.of_tenant(&["apis", api, "publications", environment, "running"]);
    if wait_s == 0 {
        return Ok(Value::Null);
    }
    loop {
        let found = client.get(&path)?;
        let [nodes, running, refused, away] =
            ["nodes", "running", "refused", "away"].map(|key| found[key].as_u64().unwrap_or_default());
        let is_over = Instant::now() >= until;
        if running + refused + away >= nodes || is_over {
            if running < nodes {
                let late = if is_over { ", the others do not yet" } else { "" };
                terminal::note(format_args!(
                    "{running} of {nodes} nodes run it; {refused} refused it, {away} are away{late}: see `tollgate nodes`"
                ));
            }
            return Ok(found);
        }
        thread::sleep(LOOK);
    }
}

/// What people want to know of a publication.
fn shown(publication: &Value, running: &Value) -> Value {
    json!({
        "api": publication["api"],
        "environment": publication["environment"],
        "publication": publication["number"],
        "revision": publication["release"]["revision"],
        "canary": publication["release"]["canary"]["revision"],
        "restores": publication["restores"],
        "nodes": running["nodes"],
        "running": running["running"],
    })
}
