//! What a process counts after it has left the file to another: beside it, for the other to add.
//!
//! ```text
//! left: Left { what was counted then } -> end: what came since -> PATH.late-PROCESS -> taken by whoever has PATH, and added
//! ```
//!
//! The bytes are those of the file; the numbers in them are differences. Each such file is added once: it is removed before what
//! it has is written to PATH, so that a crash between the two loses it rather than counts it twice.

use super::record::{self, Counts, Header};
use crate::{folder, replace};
use ahash::AHashMap;
use std::{ffi::OsString, fs, io, path::Path, sync::Arc};
use tollgate_limit::Usage;

/// What was counted when the file was left to another process.
pub(super) struct Left(AHashMap<Arc<str>, AHashMap<u64, Usage>>);

impl Left {
    pub(super) fn new(counted: Vec<Counts>) -> Self {
        Self(counted.into_iter().map(|counts| (counts.identity, counts.entries.into_iter().collect())).collect())
    }

    /// What `counted` has more, by rule and key; less, if something was given back.
    pub(super) fn since(&self, counted: Vec<Counts>) -> Vec<Counts> {
        let rules = counted.into_iter().map(|Counts { identity, entries }| {
            let before = self.0.get(&identity);
            let more = entries.into_iter().filter_map(|(key, usage)| {
                let before = before.and_then(|keys| keys.get(&key)).filter(|before| before.end_s == usage.end_s);
                let used = usage.used - before.map_or(0, |before| before.used);
                // What an operator blocks is told to the other process.
                (used != 0 && !usage.is_blocked()).then_some((key, Usage { used, ..usage }))
            });
            Counts { entries: more.collect(), identity }
        });
        rules.filter(|counts| !counts.entries.is_empty()).collect()
    }
}

/// Writes what came late for the file at `path`.
pub(super) fn write(path: &Path, header: &Header, counts: &[Counts]) -> io::Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    counts.iter().for_each(|counts| counts.write(&mut bytes));
    let mut name = prefix(path);
    name.push(std::process::id().to_string());
    replace(&folder(path).join(name), &bytes).map(drop)
}

/// Takes what came late for the file at `path`; each of it once.
pub(super) fn take(path: &Path, header: &Header) -> io::Result<Vec<Counts>> {
    let prefix = prefix(path);
    let mut late = Vec::new();
    for entry in fs::read_dir(folder(path))? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes());
        // Beside it is what is still being written.
        if !number.is_some_and(|number| number.iter().all(u8::is_ascii_digit)) {
            continue;
        }
        let bytes = fs::read(entry.path())?;
        fs::remove_file(entry.path())?;
        match Header::read(&bytes) {
            Ok((theirs, frames)) if theirs == *header => late.extend(frames_of(frames)),
            _ => eprintln!("tollgate: quotas: {} is damaged, or not of this node: left out", entry.path().display()),
        }
    }
    Ok(late)
}

fn frames_of(frames: &[u8]) -> Vec<Counts> {
    let mut rules: AHashMap<Arc<str>, Vec<(u64, Usage)>> = AHashMap::new();
    record::read(frames, |identity, key, usage| match rules.get_mut(identity) {
        Some(entries) => entries.push((key, usage)),
        None => drop(rules.insert(identity.into(), vec![(key, usage)])),
    });
    rules.into_iter().map(|(identity, entries)| Counts { identity, entries }).collect()
}

fn prefix(path: &Path) -> OsString {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".late-");
    name
}
