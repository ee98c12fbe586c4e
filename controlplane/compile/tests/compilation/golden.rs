//! Records in `tests/records`, and the configuration that each becomes in `tests/golden`.
//!
//! `TOLLGATE_GOLDEN=write` writes the results anew; they are to be read before they are kept.

use crate::world::{World, node, patched, shown};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tollgate_compile::{Change, Compiled, Settings};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Compares `now` with what is kept in `under` as the result of `file`.
pub(crate) fn compared(under: &str, file: &Path, now: &Value) {
    let kept = folder(under).join(file.file_name().unwrap());
    if std::env::var("TOLLGATE_GOLDEN").is_ok_and(|wanted| wanted == "write") {
        fs::write(&kept, serde_saphyr::to_string(now).unwrap()).unwrap();
    }
    let before: Value = serde_saphyr::from_str(&fs::read_to_string(&kept).unwrap()).unwrap();
    let [now_text, before_text] = [now, &before].map(|value| serde_saphyr::to_string(value).unwrap());
    assert!(*now == before, "{} became\n{now_text}\n\nand was\n{before_text}", file.display());
}

#[test]
fn records_become_what_they_did() {
    let mut files: Vec<_> = fs::read_dir(folder("records")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 6);
    for file in files {
        let world = World::read(&fs::read_to_string(&file).unwrap());
        let settings = Settings { issuer: Some("https://issuer.example".into()), ..Settings::default() };
        let delta = Compiled::new(settings).compile(&world, &Change::everything(&world).unwrap()).unwrap();
        assert_eq!(delta.failed, [], "{}", file.display());
        patched(&node(), &delta);
        let mut now = shown(&delta);
        now["notes"] = delta.notes.iter().map(|note| format!("{}: {}", note.part, note.message)).collect();
        compared("golden", &file, &now);
    }
}
