//! `tollgate import openapi`: an OpenAPI document becomes the working copy of an API.

use super::{
    Admin,
    client::{Failure, with_query},
};
use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// Imports APIs
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate import openapi orders.yaml --upstream 10.0.0.7:8080 --plan gold\n\n"
))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    from: From,
}

#[derive(Subcommand)]
enum From {
    Openapi(OpenApi),
}

/// Creates or changes an API out of an OpenAPI document
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate import openapi orders.yaml --upstream 10.0.0.7:8080 --plan gold\n\n"
))]
struct OpenApi {
    /// The document: OpenAPI 3.0, 3.1 or Swagger 2.0, as YAML or JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The name of the API; left out: made of the title
    #[arg(long)]
    name: Option<String>,
    /// Its version; left out: that of the document
    #[arg(long)]
    version: Option<String>,
    /// Where requests go; left out: the servers of the document
    #[arg(long, value_name = "HOST:PORT")]
    upstream: Option<String>,
    /// A plan that it can be subscribed to under
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    admin: Admin,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let From::Openapi(openapi) = &arguments.from;
    openapi.admin.run(|client| {
        let text =
            fs::read(&openapi.file).map_err(|error| Failure::Local(format!("{}: {error}", openapi.file.display())))?;
        let OpenApi { name, version, upstream, plan, dry_run, .. } = openapi;
        let said = [("name", name), ("version", version), ("upstream", upstream), ("plan", plan)];
        let said = said.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?)));
        let dry_run = dry_run.to_string();
        let path = with_query(&client.of_tenant(&["apis"]), said.chain([("dry_run", dry_run.as_str())]));
        let answer = client.ask("POST", &path, text)?;
        for note in answer["notes"].as_array().into_iter().flatten() {
            let [place, message] = ["place", "message"].map(|key| note[key].as_str().unwrap_or_default());
            terminal::note(format_args!("note: {place}: {message}"));
        }
        Ok(shown(&answer["api"]))
    })
}

fn shown(api: &Value) -> Value {
    let spec = &api["spec"];
    let operations = spec["operations"].as_array().map_or(0, Vec::len);
    json!({
        "api": format!("{}@{}", spec["name"].as_str().unwrap_or_default(), spec["version"].as_str().unwrap_or_default()),
        "base_path": spec["base_path"],
        "operations": operations,
        "lifecycle": api["lifecycle"],
    })
}
