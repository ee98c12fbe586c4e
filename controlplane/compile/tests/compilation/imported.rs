//! Documents in `tests/documents`, and the API that each becomes in `tests/imported`.
//!
//! As in `golden`, `TOLLGATE_GOLDEN=write` writes the results anew. Each API is published as it is, or as a prototype if it
//! has no upstream, and what it compiles to is loaded by the contract.

use crate::{
    golden::compared,
    world::{World, node, patched},
};
use serde_json::json;
use std::{fs, path::Path};
use tollgate_compile::{Change, Compiled, Kind, Settings, spec_of};
use tollgate_openapi::import;

#[test]
fn documents_become_what_they_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 3);
    for file in files {
        let document = import(&fs::read_to_string(&file).unwrap()).unwrap();
        let imported = spec_of(&document);
        imported.spec.check().unwrap_or_else(|refusals| panic!("{}: {refusals}", file.display()));
        let notes: Vec<_> = imported.notes.iter().map(|note| format!("{}: {}", note.place, note.message)).collect();
        compared("imported", &file.with_extension("yaml"), &json!({ "spec": imported.spec, "notes": notes }));

        let lifecycle = if imported.spec.upstream.is_some() { "published" } else { "prototyped" };
        let world = World::read(
            &json!({
                "tenant": { "name": "acme" },
                "environments": [ { "name": "production" } ],
                "apis": [ { "lifecycle": lifecycle, "revisions": [imported.spec], "publish": { "production": { "revision": 1 } } } ],
            })
            .to_string(),
        );
        let delta = Compiled::new(Settings::default()).compile(&world, &Change::everything(&world).unwrap()).unwrap();
        assert_eq!(delta.failed, [], "{}", file.display());
        assert!(delta.items(Kind::Route).count() >= imported.spec.operations.len());
        patched(&node(), &delta);
    }
}
