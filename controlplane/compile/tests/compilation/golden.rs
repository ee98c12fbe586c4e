//! Records in `tests/records`, and the configuration that each becomes in `tests/golden`.
//!
//! `TOLLGATE_GOLDEN=write` writes the results anew; they are to be read before they are kept.

use crate::world::{World, node, patched, shown};
use serde_json::Value;
use std::{fs, path::PathBuf};
use tollgate_compile::{Change, Compiled, Settings};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

#[test]
fn records_become_what_they_did() {
    let mut names: Vec<_> = fs::read_dir(folder("records")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert!(names.len() >= 6);
    for file in names {
        let file = file.to_str().unwrap();
        let world = World::read(&fs::read_to_string(folder("records").join(file)).unwrap());
        let mut compiled =
            Compiled::new(Settings { issuer: Some("https://issuer.example".into()), ..Settings::default() });
        let delta = compiled.compile(&world, &Change::everything(&world).unwrap()).unwrap();
        assert_eq!(delta.failed, [], "{file}");
        patched(&node(), &delta);
        let mut now = shown(&delta);
        now["notes"] = delta.notes.iter().map(|note| format!("{}: {}", note.unit, note.message)).collect();
        let golden = folder("golden").join(file);
        if std::env::var("TOLLGATE_GOLDEN").is_ok_and(|wanted| wanted == "write") {
            fs::write(&golden, serde_saphyr::to_string(&now).unwrap()).unwrap();
        }
        let kept: Value = serde_saphyr::from_str(&fs::read_to_string(&golden).unwrap()).unwrap();
        let [now_text, kept_text] = [&now, &kept].map(|value| serde_saphyr::to_string(value).unwrap());
        assert!(now == kept, "{file} became\n{now_text}\n\nand was\n{kept_text}");
    }
}
