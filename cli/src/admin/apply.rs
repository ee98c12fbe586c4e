//! `tollgate apply`, `diff` and `export`: what is managed as files.
//!
//! A file has one or more YAML documents, each with its `kind`; a folder is all files in it that end with `.yaml`, `.yml`
//! or `.json`. All of them are one change: it is made as a whole or not at all.

use super::{
    Admin,
    client::{Client, Failure, with_query},
    output::yaml,
};
use crate::{
    exit::{Exit, help},
    terminal,
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Makes what is managed what files say
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate apply -f acme.yaml\n  tollgate apply -f ./acme --prune --dry-run\n\n"
))]
pub(crate) struct Arguments {
    /// A file or folder; may be there several times
    #[arg(short, long = "file", value_name = "PATH", required = true)]
    files: Vec<PathBuf>,
    /// Delete what is of a kind among the documents and in none of them
    #[arg(long)]
    prune: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    admin: Admin,
}

/// Shows what `apply` would change
#[derive(Args)]
#[command(after_long_help = help!("Examples:\n  tollgate diff -f acme.yaml\n  tollgate diff -f ./acme --prune\n\n"))]
pub(crate) struct DiffArguments {
    /// A file or folder; may be there several times
    #[arg(short, long = "file", value_name = "PATH", required = true)]
    files: Vec<PathBuf>,
    /// Also what would be deleted
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    admin: Admin,
}

/// Writes what is managed as documents that `apply` takes
#[derive(Args)]
#[command(after_long_help = help!(
    "Examples:\n  tollgate export > acme.yaml\n  tollgate export --tenant globex --output json\n\n"
))]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    admin: Admin,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let Arguments { files, prune, dry_run, admin } = arguments;
    admin.run(|client| {
        let changes = changes(client, files, *prune, *dry_run)?;
        Ok(changes.into_iter().map(without_differences).collect())
    })
}

pub(crate) fn diff(arguments: &DiffArguments) -> Exit {
    let DiffArguments { files, prune, admin } = arguments;
    admin.run(|client| {
        let mut lines = Vec::new();
        for change in changes(client, files, *prune, true)? {
            let differences = change["differences"].as_array().cloned().unwrap_or_default();
            let [kind, name, what] = ["kind", "name", "change"].map(|key| change[key].clone());
            if differences.is_empty() && what != "unchanged" {
                lines.push(json!({ "kind": kind, "name": name, "change": what }));
            }
            lines.extend(differences.into_iter().map(|difference| {
                let [place, before, after] = ["place", "before", "after"].map(|key| difference[key].clone());
                let text = |value: &Value| if value.is_null() { Value::Null } else { Value::from(value.to_string()) };
                json!({
                    "kind": kind, "name": name, "change": what, "place": place,
                    "before": text(&before), "after": text(&after),
                })
            }));
        }
        Ok(lines.into())
    })
}

pub(crate) fn export(arguments: &ExportArguments) -> Exit {
    let admin = &arguments.admin;
    admin.run(|client| {
        let mut answer = client.get(&client.of_tenant(&["export"]))?;
        let mut documents = answer["documents"].take();
        if admin.output == super::Output::Json {
            return Ok(documents);
        }
        // A table would be no file.
        for document in documents.as_array_mut().into_iter().flatten() {
            let kind = document.as_object_mut().and_then(|map| map.remove("kind")).unwrap_or_default();
            terminal::answer(format_args!("---\nkind: {}\n{}", kind.as_str().unwrap_or_default(), yaml(document)));
        }
        Ok(Value::Null)
    })
}

fn without_differences(mut change: Value) -> Value {
    if let Some(map) = change.as_object_mut() {
        map.remove("differences");
    }
    change
}

fn changes(client: &Client, files: &[PathBuf], prune: bool, is_dry_run: bool) -> Result<Vec<Value>, Failure> {
    let mut documents = Vec::new();
    for file in files {
        read(file, &mut documents)?;
    }
    let [prune, is_dry_run] = [prune, is_dry_run].map(|flag| flag.to_string());
    let path = with_query(&client.of_tenant(&["apply"]), [("prune", prune.as_str()), ("dry_run", &is_dry_run)]);
    let places: Vec<_> = documents.iter().map(|(place, _)| place.clone()).collect();
    let documents: Vec<_> = documents.into_iter().map(|(_, document)| document).collect();
    let mut answer =
        client.send("POST", &path, &json!({ "documents": documents })).map_err(|failure| located(failure, &places))?;
    Ok(answer["changes"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

/// Puts the file in the place of `documents[3]`.
fn located(failure: Failure, places: &[String]) -> Failure {
    let Failure::Refused(mut problem) = failure else { return failure };
    if let Some(detail) = problem["detail"].as_str() {
        let mut detail = detail.to_owned();
        for (at, place) in places.iter().enumerate() {
            detail = detail.replace(&format!("documents[{at}]"), place);
        }
        problem["detail"] = detail.into();
    }
    Failure::Refused(problem)
}

/// The documents of a file or folder, each with its place.
fn read(path: &Path, documents: &mut Vec<(String, Value)>) -> Result<(), Failure> {
    let failed = |what: &dyn std::fmt::Display| Failure::Local(format!("{}: {what}", path.display()));
    if path.is_dir() {
        let entries =
            fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(|error| failed(&error))?;
        let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        let is_document = |file: &PathBuf| {
            file.extension().and_then(|end| end.to_str()).is_some_and(|end| ["yaml", "yml", "json"].contains(&end))
        };
        files.retain(is_document);
        files.sort();
        return files.iter().try_for_each(|file| read(file, documents));
    }
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let found: Vec<Value> = serde_saphyr::from_multiple(&text).map_err(|error| failed(&error))?;
    let places = found.into_iter().enumerate();
    documents.extend(places.map(|(at, document)| (format!("{} document {}", path.display(), at + 1), document)));
    Ok(())
}
