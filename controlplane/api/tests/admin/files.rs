//! The JSON Schema of files: checked in, and of one mind with `apply`.

use crate::world::World;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::{env, fs, path::Path};

/// `UPDATE=1 cargo test -p tollgate-api` writes it anew.
#[test]
fn the_schema_is_the_one_that_is_checked_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("files.schema.json");
    let now = format!("{:#}\n", tollgate_api::file_schema());
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == now, "files have changed: write files.schema.json anew with UPDATE=1, and look at the difference");
}

fn schema() -> Validator {
    let schema = tollgate_api::file_schema();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[track_caller]
fn accepted(schema: &Validator, document: &Value) {
    let wrong: Vec<_> = schema.iter_errors(document).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{document:#}\n{wrong:?}");
}

/// The documents that a page shows.
fn documents(page: &str) -> Vec<Value> {
    let blocks = page.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
    let blocks = blocks.filter(|block| block.lines().any(|line| line.starts_with("kind: ")));
    blocks.flat_map(|block| serde_saphyr::from_multiple::<Value>(block).unwrap()).collect()
}

#[test]
fn every_example_of_the_pages_is_accepted() {
    let schema = schema();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/users");
    let pages = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let shown: Vec<_> = pages.flat_map(|page| documents(&page)).collect();
    assert!(shown.len() >= 11, "{}", shown.len());
    shown.iter().for_each(|document| accepted(&schema, document));
}

/// The page about files has one of each kind, and all of them are applied as they stand there.
#[test]
fn the_page_about_files_is_applied() {
    let world = World::new();
    let documents = documents(include_str!("../../../../docs/users/files.md"));
    let asked = json!({ "documents": documents });
    let done = world.ask("POST", "/tenants/acme/apply", &world.owner, &asked).done();
    assert_eq!(done["changes"].as_array().unwrap().len(), 7, "{done:#}");
}

/// All of an installation with every kind, as `tollgate export` gives it.
#[test]
fn what_is_exported_is_accepted() {
    let (schema, (world, _)) = (schema(), World::furnished());
    let owner = &world.owner;
    world.ask("PUT", "/tenants/acme/products/trade", owner, &json!({ "apis": [{ "api": "orders@1.0" }] })).done();
    world.ask("PUT", "/tenants/acme/applications/shop", owner, &json!({ "title": "Shop" })).done();
    let path = "/tenants/acme/applications/shop/subscriptions/orders@1.0";
    world.ask("PUT", path, owner, &json!({ "plan": "gold" })).done();
    let exported = world.get("/tenants/acme/export", owner).done();
    let documents = exported["documents"].as_array().unwrap();
    documents.iter().for_each(|document| accepted(&schema, document));
    let kinds: std::collections::BTreeSet<_> = documents.iter().map(|document| document["kind"].as_str()).collect();
    assert_eq!(kinds.len(), 8 - 1, "{kinds:?}");
}

/// What the schema refuses, `apply` refuses, too.
#[test]
fn what_is_refused_is_refused_by_both() {
    let (schema, world) = (schema(), World::furnished().0);
    let wrong = [
        json!({ "name": "gold" }),
        json!({ "kind": "Plann", "name": "gold" }),
        json!({ "kind": "Plan" }),
        json!({ "kind": "Plan", "name": "Gold" }),
        json!({ "kind": "Plan", "name": "gold", "throtle": [] }),
        json!({ "kind": "Plan", "name": "gold", "throttle": [{ "name": "all", "limit": "5" }] }),
        json!({ "kind": "Environment", "name": "production", "hosts": "api.example.com" }),
        json!({ "kind": "Api", "name": "orders", "version": 1.0, "base_path": "/orders" }),
        json!({ "kind": "Api", "name": "orders", "version": "1.0", "base_path": "/orders", "lifecycle": "published" }),
        json!({ "kind": "Publication", "api": "orders@1.0" }),
        json!({ "kind": "Publication", "api": "orders@1.0", "environment": "production", "canary": { "revision": 1 } }),
        json!({ "kind": "Subscription", "application": "shop", "target": "orders@1.0", "plan": "gold", "state": "approved" }),
        json!({ "kind": "Application", "name": "shop", "owners": "ann" }),
    ];
    for document in wrong {
        assert!(!schema.is_valid(&document), "{document}");
        let asked = json!({ "documents": [document] });
        let refused = world.ask("POST", "/tenants/acme/apply?dry_run=true", &world.owner, &asked);
        assert_eq!(refused.status, 422, "{document}: {refused:?}");
    }
}
