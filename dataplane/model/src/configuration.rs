//! A configuration: what is written, the snapshot it was resolved into, and the changes it can take.
//!
//! It is immutable as the snapshot is: a change gives the next one, which shares with it whatever did not change, and a
//! change with a mistake gives errors and leaves it as it was. A patch costs what it names and not what is there.
//! `settings` and `to_text` show what is written, with references and never with what they stand for.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    include::{self, Pace},
    patch::{self, PatchError},
    raw,
    resolve::{self, Change, Report, State},
    snapshot::Snapshot,
    source::{Recorder, Source},
};
use tollgate_document::{ConfigError, ConfigErrors, Documents};

/// A configuration that a node runs or could run.
#[derive(Clone)]
pub struct Configuration {
    pub(crate) state: State,
    /// A copy of that of the state, to be handed out.
    snapshot: Arc<Snapshot>,
    /// The names of the files, for places.
    pub(crate) documents: Documents,
    files: Arc<BTreeSet<PathBuf>>,
}

/// As that of the snapshot: no value of a reference.
impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Configuration").field(&self.snapshot).finish()
    }
}

impl Configuration {
    /// Reads and resolves a file and those it includes; the snapshot is generation 1.
    ///
    /// # Errors
    /// Every mistake that can be told at one time. A file that cannot be read, or whose YAML is broken, is a single one.
    pub fn load(file: &Path, source: &dyn Source) -> Result<Self, ConfigErrors> {
        Self::read_file(None, file, source)
    }

    /// Resolves a text; `name` stands for it in errors, and files it includes are looked for beside it. The snapshot is
    /// generation 1.
    ///
    /// # Errors
    /// As [`Configuration::load`].
    pub fn parse(name: &str, text: &str, source: &dyn Source) -> Result<Self, ConfigErrors> {
        Self::read(None, name, text.to_owned(), &Recorder::new(source))
    }

    /// What a whole new text makes of it: the next generation. Items that stay as they are keep their `Arc` and all that
    /// keep their name keep their slot, so that the rest of the system can tell what changed.
    ///
    /// # Errors
    /// As [`Configuration::load`]; this configuration stays as it is.
    pub fn replace(&self, name: &str, text: &str, source: &dyn Source) -> Result<Self, ConfigErrors> {
        Self::read(Some(self), name, text.to_owned(), &Recorder::new(source))
    }

    /// As [`Configuration::replace`], with the text of a file.
    ///
    /// # Errors
    /// As [`Configuration::load`]; this configuration stays as it is.
    pub fn reload(&self, file: &Path, source: &dyn Source) -> Result<Self, ConfigErrors> {
        Self::read_file(Some(self), file, source)
    }

    /// What a patch makes of it: the next generation. `delta` is YAML or JSON,
    /// `{ base, changed: { routes, upstreams, listeners, .. }, removed: { routes, upstreams, listeners, settings } }`;
    /// `name` stands for it in errors. Costs what the patch names, unless it changes what all routes inherit.
    ///
    /// # Errors
    /// [`PatchError::Conflict`] when `base` is not the generation or the digest of this configuration, else as
    /// [`Configuration::load`]; this configuration stays as it is.
    ///
    /// ```
    /// use tollgate_model::{Configuration, NoSource};
    /// let text = "version: 1\nlisteners: [ { name: public, bind: 127.0.0.1:8080 } ]\n";
    /// let first = Configuration::parse("gateway.yaml", text, &NoSource).unwrap();
    /// let delta = r#"{ "base": 1, "changed": { "upstreams": [
    ///     { "name": "orders", "endpoints": [ { "address": "127.0.0.1:9001" } ] } ] } }"#;
    /// let second = first.patch("a patch", delta, &NoSource).unwrap();
    /// assert_eq!((second.snapshot().generation, second.snapshot().upstreams.len()), (2, 1));
    /// ```
    pub fn patch(&self, name: &str, delta: &str, source: &dyn Source) -> Result<Self, PatchError> {
        patch::apply(self, name, delta, &Recorder::new(source))
    }

    /// What it was resolved into.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The files it was read from, certificates included, and the folders that `include` looks through: what to watch.
    /// Each path as it is written, relative ones to the working directory.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    fn read_file(previous: Option<&Self>, file: &Path, source: &dyn Source) -> Result<Self, ConfigErrors> {
        let name = file.display().to_string();
        let recorder = Recorder::new(source);
        match recorder.read(file) {
            Ok(text) => Self::read(previous, &name, text, &recorder),
            Err(error) => Err(ConfigError::whole_file(&name, format!("cannot be read: {error}")).into()),
        }
    }

    fn read(previous: Option<&Self>, name: &str, text: String, source: &Recorder<'_>) -> Result<Self, ConfigErrors> {
        if text.trim_start().starts_with('{') {
            // A mistake is told by the other reader, which knows its place.
            if let Ok(read) = Self::read_at(Pace::Fast, previous, name, text.clone(), source) {
                return Ok(read);
            }
        }
        Self::read_at(Pace::Exact, previous, name, text, source)
    }

    fn read_at(
        pace: Pace,
        previous: Option<&Self>,
        name: &str,
        text: String,
        source: &Recorder<'_>,
    ) -> Result<Self, ConfigErrors> {
        let mut documents = Documents::default();
        let mut file = include::read(name, text, &mut documents, source, pace)?;
        let change = Change {
            listeners: file.listeners.take(),
            upstreams: std::mem::take(&mut file.upstreams),
            routes: std::mem::take(&mut file.routes),
            plans: std::mem::take(&mut file.plans),
            applications: std::mem::take(&mut file.applications),
            settings: Some(file),
            removed: raw::Removed::default(),
            is_whole: true,
        };
        Self::resolve(previous, documents, &change, source)
    }

    /// Resolves a change.
    pub(crate) fn resolve(
        previous: Option<&Self>,
        mut documents: Documents,
        change: &Change,
        source: &Recorder<'_>,
    ) -> Result<Self, ConfigErrors> {
        let mut report = Report::new(&documents, source);
        let state = resolve::resolve(&mut report, previous.map(|previous| &previous.state), change);
        report.finish()?;
        let asked = source.take();
        // What a patch leaves as it is still comes from the files of before.
        let files = match previous.filter(|_| !change.is_whole) {
            Some(previous) if asked.is_empty() => previous.files.clone(),
            Some(previous) => Arc::new(previous.files.union(&asked).cloned().collect()),
            None => Arc::new(asked),
        };
        documents.forget_texts();
        let snapshot = Arc::new(state.snapshot.clone());
        Ok(Self { state, snapshot, documents, files })
    }
}
