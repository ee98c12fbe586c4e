//! The JSON Schema of the files that `tollgate apply` takes, for editors: one document with its `kind`.
//!
//! Made of the types that read those documents, as the description of the API is, and checked in beside it
//! (`files.schema.json`). It says shapes: what exists, and what the gateway takes for a policy, is judged by `apply`.

use crate::{
    apply::{KINDS, Published, Subscribed},
    schema,
};
use serde_json::{Map, Value, json};
use utoipa::PartialSchema as _;

/// Where the description of the API has its schemas, and where these are.
const COMPONENTS: &str = "#/components/schemas/";
const DEFINITIONS: &str = "#/$defs/";

/// The JSON Schema (2020-12) of one document of a file.
#[must_use]
pub fn file_schema() -> Value {
    let all = schema::all();
    let mut definitions = Map::new();
    let kinds: Vec<_> = KINDS.iter().map(|kind| (*kind, kind_of(kind, &all))).collect();
    for (kind, mut schema) in kinds {
        moved(&mut schema, &all, &mut definitions);
        // A kind may have the name of a record: what is written of it in a file takes its place.
        definitions.insert(format!("kind-{kind}"), schema);
    }
    let rules = KINDS.map(|kind| {
        json!({
            "if": { "required": ["kind"], "properties": { "kind": { "const": kind } } },
            "then": { "$ref": format!("{DEFINITIONS}kind-{kind}") },
        })
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A document of a file for `tollgate apply`",
        "type": "object",
        "required": ["kind"],
        "properties": { "kind": { "description": "What the document is.", "enum": KINDS } },
        "allOf": rules,
        "$defs": definitions,
    })
}

/// What a document of a kind has, `kind` among it.
fn kind_of(kind: &str, all: &Value) -> Value {
    let mut schema = match kind {
        "Api" => all["ApiSpec"].clone(),
        "Publication" => json!(Published::schema()),
        "Subscription" => json!(Subscribed::schema()),
        _ => all[kind].clone(),
    };
    schema["properties"]["kind"] = json!({ "const": kind });
    // Left out, it is whoever applies the file.
    if let (true, Some(required)) = (kind == "Application", schema["required"].as_array_mut()) {
        required.retain(|name| name != "owners");
    }
    schema
}

/// Has references lead to definitions of this document, and takes in what they lead to.
fn moved(schema: &mut Value, all: &Value, definitions: &mut Map<String, Value>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("$ref")
                && let Some(name) = reference.strip_prefix(COMPONENTS).map(str::to_owned)
            {
                *reference = format!("{DEFINITIONS}{name}");
                if !definitions.contains_key(&name) {
                    // Before what it refers to, which may be itself.
                    definitions.insert(name.clone(), Value::Null);
                    let mut definition = all[&name].clone();
                    moved(&mut definition, all, definitions);
                    definitions.insert(name, definition);
                }
            }
            map.values_mut().for_each(|value| moved(value, all, definitions));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| moved(value, all, definitions)),
        _ => {}
    }
}
