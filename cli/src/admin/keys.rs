//! `tollgate keys`: credentials of an application.

use super::{Admin, client::Client, client::Failure};
use crate::exit::{Exit, help};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Lists, issues, rotates and revokes the credentials of an application
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate keys shop\n  tollgate keys shop issue --title laptop\n  tollgate keys shop rotate 3fA9xK2b\n\n"
))]
pub(crate) struct Arguments {
    /// The application
    #[arg(value_name = "APPLICATION")]
    application: String,
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    admin: Admin,
}

#[derive(Subcommand)]
enum Verb {
    /// Issues one; its text is shown this once
    Issue {
        /// What it is called
        #[arg(long)]
        title: Option<String>,
        /// For the token endpoint, not to be sent with requests
        #[arg(long)]
        oauth: bool,
    },
    /// Issues one that takes the place of another
    Rotate {
        /// The other one
        id: String,
        /// How long that one goes on, in seconds; left out: a day
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
    },
    /// Ends one now
    Revoke {
        /// Which one
        id: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let Arguments { application, verb, admin } = arguments;
    admin.run(|client| {
        let all = ["applications", application, "credentials"];
        let path = |more: &[&str]| client.of_tenant(&[&all, more].concat());
        match verb {
            None => client.list(&path(&[])).map(Value::Array),
            Some(Verb::Issue { title, oauth }) => {
                let kind = if *oauth { "oauth_client" } else { "api_key" };
                issued(client, &path(&[]), &json!({ "kind": kind, "title": title }))
            }
            Some(Verb::Rotate { id, overlap }) => {
                issued(client, &path(&[id, "rotate"]), &json!({ "overlap_s": overlap }))
            }
            Some(Verb::Revoke { id }) => client.ask("DELETE", &path(&[id]), Vec::new()),
        }
    })
}

fn issued(client: &Client, path: &str, body: &Value) -> Result<Value, Failure> {
    let answer = client.send("POST", path, body)?;
    Ok(json!({ "id": answer["credential"]["id"], "kind": answer["credential"]["kind"], "secret": answer["secret"] }))
}
