//! An API as a document again: the one it came from, with what was changed here.
//!
//! Everything that was in the document stays, also what is not read. Where requests go is written as the format has it;
//! policies, which no format has, stand under [`EXTENSION`]. [`import`](crate::import()) of it gives the same API.

use crate::{document::Dialect, extensions::Policies, import::Import};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The key of our own extension, at the document and at operations.
pub const EXTENSION: &str = "x-tollgate";

/// What is said of an API beside its document.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    /// Where clients find it: URLs, the first for most of them. Left as they are if there are none.
    pub servers: Vec<String>,
    /// Policies of all operations.
    pub policies: Policies,
    /// Policies of operations, by method (`GET`) and path template.
    pub operations: BTreeMap<(String, String), Policies>,
}

/// Writes what is said into the document of an import.
pub fn export(import: &Import, with: &Exported) -> Value {
    let mut document = import.document.clone();
    if let Some(first) = with.servers.first() {
        write_servers(&mut document, import.dialect, first, &with.servers);
    }
    write_policies(&mut document, &with.policies);
    for ((method, template), policies) in &with.operations {
        let operation = document.get_mut("paths").and_then(|paths| paths.get_mut(template));
        let method = method.to_ascii_lowercase();
        if let Some(operation) = operation.and_then(|item| item.get_mut(&method)) {
            write_policies(operation, policies);
        }
    }
    document
}

fn write_servers(document: &mut Value, dialect: Dialect, first: &str, all: &[String]) {
    let Value::Object(document) = document else { return };
    if dialect != Dialect::Swagger20 {
        let servers: Vec<_> = all.iter().map(|url| json!({ "url": url })).collect();
        document.insert("servers".into(), json!(servers));
        return;
    }
    let (scheme, rest) = first.split_once("://").unwrap_or(("https", first));
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    document.insert("schemes".into(), json!([scheme]));
    document.insert("host".into(), json!(host));
    document.insert("basePath".into(), json!(if path.is_empty() { "/" } else { path }));
}

/// Beside what our extension says already.
fn write_policies(value: &mut Value, policies: &Policies) {
    let Value::Object(map) = value else { return };
    if policies.is_empty() {
        if let Some(Value::Object(own)) = map.get_mut(EXTENSION) {
            own.remove("policies");
        }
        return;
    }
    let own = map.entry(EXTENSION).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(own) = own {
        own.insert("policies".into(), Value::Object(policies.clone()));
    }
}
