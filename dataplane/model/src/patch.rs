//! A patch: which configuration it is for, what it changes and what it takes away.
//!
//! Reads the delta and hands it to `resolve` as a change. The settings it names are laid over those there are, each as a
//! whole value; items come or take the place of those of their name.

use std::{error::Error, fmt};

use crate::{
    configuration::Configuration,
    raw::{self, Location, Text},
    resolve::Change,
    source::Recorder,
};
use tollgate_document::{ConfigError, ConfigErrors, Documents};
use tollgate_pattern::nearest;

/// Why a patch was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// It was made for another configuration. Read what is there now and make it again.
    Conflict(ConfigError),
    /// It, or what it would lead to, has mistakes.
    Invalid(ConfigErrors),
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(error) => error.fmt(f),
            Self::Invalid(errors) => errors.fmt(f),
        }
    }
}

impl Error for PatchError {}

impl From<ConfigErrors> for PatchError {
    fn from(errors: ConfigErrors) -> Self {
        Self::Invalid(errors)
    }
}

impl From<ConfigError> for PatchError {
    fn from(error: ConfigError) -> Self {
        Self::Invalid(error.into())
    }
}

/// The configuration that `text` makes of `from`.
pub(crate) fn apply(
    from: &Configuration,
    name: &str,
    text: &str,
    source: &Recorder<'_>,
) -> Result<Configuration, PatchError> {
    let (documents, number) = from.documents.with_patch(name, text, from.snapshot().generation + 1);
    // A mistake is told by the other reader, which knows its place.
    let fast = raw::Delta::read_fast(number, name, text);
    if let Some(Ok(done)) = fast.map(|delta| made_of(from, documents.clone(), delta, source)) {
        return Ok(done);
    }
    made_of(from, documents, raw::Delta::read(number, name, text)?, source)
}

fn made_of(
    from: &Configuration,
    documents: Documents,
    mut delta: raw::Delta,
    source: &Recorder<'_>,
) -> Result<Configuration, PatchError> {
    check_base(from, &documents, delta.base.as_ref())?;
    if let Some(include) = &delta.changed.include {
        let help = "write what changes into the patch, or replace the whole configuration".to_owned();
        return Err(documents.error(include.referenced, "a patch includes no files".to_owned(), Some(help)).into());
    }
    let listeners = delta.changed.listeners.take();
    let upstreams = std::mem::take(&mut delta.changed.upstreams);
    let routes = std::mem::take(&mut delta.changed.routes);
    let plans = std::mem::take(&mut delta.changed.plans);
    let applications = std::mem::take(&mut delta.changed.applications);
    let settings = settings(from, &documents, &mut delta)?;
    let change =
        Change { settings, listeners, upstreams, routes, plans, applications, removed: delta.removed, is_whole: false };
    Ok(Configuration::resolve(Some(from), documents, &change, source)?)
}

/// A patch is for one configuration only, so that nobody undoes what he has not seen.
fn check_base(from: &Configuration, documents: &Documents, base: Option<&Text>) -> Result<(), PatchError> {
    let (generation, digest) = (from.snapshot().generation, from.snapshot().digest);
    let help = Some(format!("the configuration is generation {generation}, digest {digest:016x}"));
    let Some(base) = base else {
        return Err(documents.whole_error("`base` is missing".to_owned(), help).into());
    };
    let written = base.value.as_str();
    let is_hex = written.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_met = match written.len() {
        16 if is_hex => u64::from_str_radix(written, 16) == Ok(digest),
        1..=15 if written.bytes().all(|byte| byte.is_ascii_digit()) => written.parse() == Ok(generation),
        _ => {
            let message = format!("`{written}` is neither a generation nor a digest");
            let help = "write the generation, like `7`, or the 16 digits of the digest".to_owned();
            return Err(documents.error(base.referenced, message, Some(help)).into());
        }
    };
    let message = || format!("the patch is for `{written}`, which is not the configuration any more");
    if is_met { Ok(()) } else { Err(PatchError::Conflict(documents.error(base.referenced, message(), help))) }
}

/// All settings, when the patch changes or removes one.
fn settings(
    from: &Configuration,
    documents: &Documents,
    delta: &mut raw::Delta,
) -> Result<Option<raw::File>, PatchError> {
    if delta.removed.settings.is_empty() && !delta.changed.has_settings() {
        return Ok(None);
    }
    let mut settings = raw::File::clone(&from.state.written.settings);
    let mut removed: Vec<(&str, Location)> = Vec::new();
    for text in &delta.removed.settings {
        let mut all = settings.settings();
        let Some((key, setting)) = all.iter_mut().find(|(key, _)| *key == text.value) else {
            let near = nearest(&text.value, all.iter().map(|(key, _)| *key));
            let near = near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
            let message = format!("`{}` is no setting{near}", text.value);
            return Err(documents.error(text.referenced, message, None).into());
        };
        setting.clear();
        removed.push((key, text.referenced));
    }
    for (key, setting) in delta.changed.settings() {
        if let (Some(_), Some((_, at))) = (setting.place(), removed.iter().find(|(removed, _)| *removed == key)) {
            return Err(documents.error(*at, format!("`{key}` is both changed and removed"), None).into());
        }
    }
    settings.lay_over(std::mem::take(&mut delta.changed), |_, _, _| {});
    Ok(Some(settings))
}
