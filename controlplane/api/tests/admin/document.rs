//! The API's own description: checked in, and what is served.

use crate::world::World;
use serde_json::Value;
use std::{collections::BTreeSet, env, fs, path::Path};

/// `UPDATE=1 cargo test -p tollgate-api` writes it anew.
#[test]
fn the_description_is_the_one_that_is_checked_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let now = format!("{:#}\n", tollgate_api::document());
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == now, "the API has changed: write openapi.json anew with UPDATE=1, and look at the difference");
}

#[test]
fn it_is_served_to_anybody_and_is_whole() {
    let document = World::new().get("/openapi.json", "").done();
    assert_eq!(document, tollgate_api::document());
    // Our own importer reads it, references included.
    let import = tollgate_openapi::import(&document.to_string()).unwrap();
    assert!(import.operations.len() > 50 && import.notes.iter().all(|note| !note.message.contains("reference")));
    let mut references = BTreeSet::new();
    walk(&document, &mut references);
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn walk(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| walk(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
        _ => {}
    }
}
