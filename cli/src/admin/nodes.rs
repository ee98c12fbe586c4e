//! `tollgate nodes`: who runs what, and who may ask for it.

use super::{Admin, Output, client::path_of};
use crate::exit::{Exit, help};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// Shows the nodes: what each runs and how far behind it is; enrols and removes them
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate nodes\n  tollgate nodes add edge-1 --title 'Frankfurt, rack 7'\n  tollgate nodes remove edge-1\n\n"
))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    admin: Admin,
}

#[derive(Subcommand)]
enum Verb {
    /// Enrols a node; its token is shown this once
    Add {
        /// What it is called
        #[arg(value_name = "NAME")]
        name: String,
        /// For people
        #[arg(long, value_name = "TEXT")]
        title: Option<String>,
    },
    /// Ends the token of a node: it goes on with what it has, and gets nothing more
    Remove {
        /// Which one
        #[arg(value_name = "NAME")]
        name: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let Arguments { verb, admin } = arguments;
    admin.run(|client| match verb {
        None => {
            let nodes = client.list("/nodes")?;
            let is_table = admin.output == Output::Table;
            Ok(if is_table { nodes.iter().map(row).collect() } else { Value::Array(nodes) })
        }
        Some(Verb::Add { name, title }) => {
            let answer = client.send("POST", "/nodes", &json!({ "name": name, "title": title }))?;
            Ok(json!({ "name": answer["node"]["name"], "token": answer["secret"] }))
        }
        Some(Verb::Remove { name }) => client.ask("DELETE", &path_of(["nodes", name]), Vec::new()),
    })
}

/// What people want to know of a node.
fn row(node: &Value) -> Value {
    let seconds = |seconds: Option<u64>| seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s"));
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let text = |key: &str| node[key].as_str().unwrap_or("-").to_owned();
    json!({
        "name": node["name"],
        "state": node["state"],
        "generation": node["generation"].as_u64().map_or_else(|| "-".to_owned(), |generation| generation.to_string()),
        "behind": node["behind_generations"].as_u64().map_or_else(|| "-".to_owned(), |behind| behind.to_string()),
        "for": seconds(node["behind_s"].as_u64()),
        "seen": seconds(node["last_seen_s"].as_u64().map(|seen_s| now_s.saturating_sub(seen_s))),
        "version": text("version"),
        "refused": text("refused").lines().next(),
    })
}
