//! Stand-in until the model has it.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tollgate_model::{ConfigErrors, Snapshot, SystemSource, parse};

#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    snapshot: Arc<Snapshot>,
    text: Arc<str>,
    files: Arc<[PathBuf]>,
}

pub(crate) enum PatchError {
    Conflict { base: u64 },
    Invalid(ConfigErrors),
}

impl Configuration {
    pub(crate) fn from_snapshot(snapshot: Snapshot) -> Self {
        Self { snapshot: Arc::new(snapshot), text: "".into(), files: Arc::new([]) }
    }
    pub(crate) fn load(file: &Path) -> Result<Self, ConfigErrors> {
        let snapshot = tollgate_model::load(file, &SystemSource)?;
        let text = std::fs::read_to_string(file).unwrap_or_default();
        Ok(Self { snapshot: Arc::new(snapshot), text: text.into(), files: Arc::new([file.to_owned()]) })
    }
    pub(crate) fn reload(&self, file: &Path) -> Result<Self, ConfigErrors> {
        Self::load(file).map(|next| next.behind(self))
    }
    pub(crate) fn replace(&self, name: &str, text: &str) -> Result<Self, ConfigErrors> {
        let snapshot = parse(name, text, &SystemSource)?;
        Ok(Self { snapshot: Arc::new(snapshot), text: text.into(), files: self.files.clone() }.behind(self))
    }
    pub(crate) fn patch(&self, name: &str, text: &str) -> Result<Self, PatchError> {
        let _ = PatchError::Conflict { base: 0 };
        self.replace(name, text).map_err(PatchError::Invalid)
    }
    fn behind(mut self, previous: &Self) -> Self {
        let mut snapshot = (*self.snapshot).clone();
        snapshot.generation = previous.snapshot.generation + 1;
        self.snapshot = Arc::new(snapshot);
        self
    }
    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }
    pub(crate) fn text(&self) -> String {
        self.text.to_string()
    }
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.files.to_vec()
    }
    pub(crate) fn settings(&self) -> Vec<(String, String, String)> {
        Vec::new()
    }
}
