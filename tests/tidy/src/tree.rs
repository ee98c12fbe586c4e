//! The files of the workspace, as paths from its root.
//!
//! Walks the folders rather than asking git, so that the guards also hold in an unpacked archive. Build output and
//! git's own folder are left out; links are not followed.

use crate::Source;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that are no part of the project.
const SKIPPED: [&str; 3] = [".git", "target", "node_modules"];

/// The root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the workspace holds this crate, so its root exists")
}

/// Every file, relative to the root, with `/` between folders, sorted.
#[must_use]
pub fn files() -> Vec<String> {
    let mut found = Vec::new();
    collect(&root(), "", &mut found);
    found.sort();
    found
}

/// The text of a file given relative to the root; bytes that are not UTF-8 are replaced.
#[must_use]
pub fn read(path: &str) -> String {
    let bytes = fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every Rust source.
#[must_use]
pub fn sources() -> Vec<Source> {
    with_extension(".rs").map(|path| Source::new(&path, &read(&path))).collect()
}

/// Every Markdown document, as path and text.
#[must_use]
pub fn documents() -> Vec<(String, String)> {
    with_extension(".md").map(|path| (path.clone(), read(&path))).collect()
}

fn with_extension(extension: &'static str) -> impl Iterator<Item = String> {
    files().into_iter().filter(move |path| path.ends_with(extension))
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.map(|entry| entry.expect("a folder that could be opened can be listed")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().expect("a listed file has a type");
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(&entry.path(), &format!("{prefix}{name}/"), found);
        } else if kind.is_file() {
            found.push(format!("{prefix}{name}"));
        }
    }
}
