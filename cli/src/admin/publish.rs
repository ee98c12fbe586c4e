//! `tollgate publish` and `rollback`: what environments serve.

use super::{Admin, client::with_query};
use crate::exit::{Exit, help};
use clap::Args;
use serde_json::{Value, json};

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
    #[command(flatten)]
    admin: Admin,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let Arguments { api, environment, revision, canary, percent, note, dry_run, admin } = arguments;
    let canary = canary.zip(*percent).map(|(revision, percent)| json!({ "revision": revision, "percent": percent }));
    let body = json!({ "revision": revision, "canary": canary, "note": note });
    admin.run(|client| {
        let path = client.of_tenant(&["apis", api, "publications", environment]);
        let path = with_query(&path, [("dry_run", dry_run.to_string().as_str())]);
        client.send("POST", &path, &body).map(|publication| shown(&publication))
    })
}

pub(crate) fn rollback(arguments: &RollbackArguments) -> Exit {
    let RollbackArguments { api, environment, to, note, admin } = arguments;
    admin.run(|client| {
        let path = client.of_tenant(&["apis", api, "publications", environment, "rollback"]);
        client.send("POST", &path, &json!({ "to": to, "note": note })).map(|publication| shown(&publication))
    })
}

/// What people want to know of a publication.
fn shown(publication: &Value) -> Value {
    json!({
        "api": publication["api"],
        "environment": publication["environment"],
        "publication": publication["number"],
        "revision": publication["release"]["revision"],
        "canary": publication["release"]["canary"]["revision"],
        "restores": publication["restores"],
    })
}
