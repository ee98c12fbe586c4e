//! What was there before: written down before anything is changed, so that it can be taken back after a crash, too.
//!
//! One JSON file, replaced whole and synced. It keeps what the **first** apply found, however many came after it: a revert
//! leads all the way back.

use crate::{plan::FileChange, system::System};
use serde::{Deserialize, Serialize};
use std::io;

/// Where it is kept.
pub const STATE_FOLDER: &str = "/var/lib/tollgate/tune";

const STATE: &str = "/var/lib/tollgate/tune/state.json";
const LOCK: &str = "/var/lib/tollgate/tune/lock";
const VERSION: u32 = 1;

/// All that has to be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) version: u32,
    pub(crate) values: Vec<KeptValue>,
    pub(crate) files: Vec<KeptFile>,
    /// Folders that were made, the outermost first.
    pub(crate) folders: Vec<String>,
    pub(crate) pending: Option<Pending>,
    /// Files that a confirmation writes.
    pub(crate) waiting: Vec<FileChange>,
}

/// A value of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptValue {
    pub(crate) path: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// A file; `before` is `None` if there was none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptFile {
    pub(crate) path: String,
    pub(crate) before: Option<(String, u32)>,
    pub(crate) after: String,
}

/// A change that is taken back unless somebody confirms it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// Which change it is: who waits to take it back knows its own by this.
    pub token: String,
    /// Until when, in seconds since 1970.
    pub until_s: u64,
}

impl State {
    pub(crate) fn new() -> Self {
        Self { version: VERSION, ..Self::default() }
    }

    /// `None` if nothing is applied.
    pub(crate) fn load(system: &impl System) -> io::Result<Option<Self>> {
        let text = match system.read(STATE) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let state: Self = serde_json::from_str(&text)
            .map_err(|error| io::Error::other(format!("{STATE} is not as it was written: {error}")))?;
        if state.version != VERSION {
            return Err(io::Error::other(format!(
                "{STATE} is of version {}: use the tollgate that wrote it",
                state.version
            )));
        }
        Ok(Some(state))
    }

    pub(crate) fn save(&self, system: &impl System) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        system.keep(STATE, &format!("{text}\n"), 0o600)
    }

    /// Forgets everything; the folders that were made for it go, if nothing else is in them.
    pub(crate) fn forget(&self, system: &impl System) -> io::Result<()> {
        system.remove(STATE)?;
        system.remove(LOCK)?;
        self.folders.iter().rev().for_each(|folder| system.remove_empty(folder));
        Ok(())
    }

    /// Notes the folders of `path` that are not there yet.
    pub(crate) fn note_folders(&mut self, system: &impl System, path: &str) {
        let ends = path.match_indices('/').map(|(at, _)| &path[..at]).filter(|folder| !folder.is_empty());
        for folder in ends {
            let is_known = self.folders.iter().any(|known| known == folder);
            if !is_known && system.mode(folder).is_none() {
                self.folders.push(folder.to_owned());
            }
        }
    }
}

/// Keeps others who would change the same machine out until it is dropped. `state` learns which folders that makes.
pub(crate) fn lock(system: &impl System, state: &mut State) -> io::Result<std::fs::File> {
    state.note_folders(system, LOCK);
    system.lock(LOCK)
}
