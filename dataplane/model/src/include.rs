//! A file and the files it includes, read and put together to one.
//!
//! Items of all files stand one behind the other, those of a file before those of the files it includes; a setting may be
//! written in one of them only. Bounds: `limits::FILES_MAX` files, `limits::INCLUDE_DEPTH_MAX` inside each other. A file
//! that cannot be read as YAML ends the reading; other mistakes of inclusion are told together.

use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::{
    limits,
    raw::{self, Location, Text},
    source::Source,
};
use tollgate_document::{ConfigError, ConfigErrors, Documents};

/// In the last part of a path only, and never what is hidden.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// How texts are read.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// JSON by a reader that knows the places of items only, see `json`.
    Fast,
    /// With the place of every value.
    Exact,
}

/// Reads `text`, which is called `name`, and all it includes.
pub(crate) fn read(
    name: &str,
    text: String,
    documents: &mut Documents,
    source: &dyn Source,
    pace: Pace,
) -> Result<raw::File, ConfigErrors> {
    let mut reader = Reader { documents, source, pace, files: Vec::new(), errors: Vec::new() };
    let file = reader.file(Path::new(name), name, text, Location::UNKNOWN, 0)?;
    match ConfigErrors::new(reader.errors, 0) {
        Some(errors) => Err(errors),
        None => Ok(file),
    }
}

struct Reader<'r> {
    documents: &'r mut Documents,
    source: &'r dyn Source,
    pace: Pace,
    /// Each file so far, and where it was included.
    files: Vec<(PathBuf, Location)>,
    errors: Vec<ConfigError>,
}

impl Reader<'_> {
    /// Reads a file whose text is at hand, and what it includes.
    fn file(
        &mut self,
        path: &Path,
        name: &str,
        text: String,
        place: Location,
        depth: usize,
    ) -> Result<raw::File, ConfigErrors> {
        self.files.push((plain(path), place));
        let number = self.documents.add(name, text);
        let text = self.documents.text(number).unwrap_or_default();
        let plain = if self.pace == Pace::Fast { raw::File::read_fast(number, name, text) } else { None };
        let mut file: raw::File = plain.map_or_else(|| raw::File::read(number, name, text), Ok)?;
        let Some(includes) = file.include.take() else { return Ok(file) };
        for entry in &includes.value {
            if depth == limits::INCLUDE_DEPTH_MAX {
                let message = format!("files are included {} deep at most", limits::INCLUDE_DEPTH_MAX);
                self.error(entry, message, None);
                break;
            }
            for path in self.paths(path, entry) {
                if let Some(text) = self.text(&path, entry) {
                    let name = path.display().to_string();
                    let included = self.file(&path, &name, text, entry.referenced, depth + 1)?;
                    self.merge(&mut file, included);
                }
            }
        }
        Ok(file)
    }

    /// The files that an entry of `include` names, in the order of their names.
    fn paths(&mut self, from: &Path, entry: &Text) -> Vec<PathBuf> {
        if entry.value.is_empty() || entry.value.contains(['\0', '$']) {
            let help = "write a path like `routes/*.yaml`; it has no references".to_owned();
            self.error(entry, format!("`{}` is not a path of a file", entry.value), Some(help));
            return Vec::new();
        }
        let path = from.parent().unwrap_or(Path::new("")).join(&entry.value);
        let last = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !last.contains(['*', '?', '[']) {
            return vec![path];
        }
        let pattern = match Pattern::new(last) {
            Ok(pattern) => pattern,
            Err(error) => {
                self.error(entry, format!("`{last}` is not a pattern: {}", error.msg), None);
                return Vec::new();
            }
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        match self.source.list(&folder) {
            Ok(mut names) => {
                names.retain(|name| pattern.matches_with(name, OPTIONS));
                names.sort_unstable();
                names.iter().map(|name| folder.join(name)).collect()
            }
            Err(error) => {
                self.error(entry, format!("the folder `{}` cannot be listed: {error}", folder.display()), None);
                Vec::new()
            }
        }
    }

    /// The text of a file that may be included.
    fn text(&mut self, path: &Path, entry: &Text) -> Option<String> {
        if let Some((_, first)) = self.files.iter().find(|(file, _)| *file == plain(path)) {
            let message = match *first {
                Location::UNKNOWN => format!("`{}` is the file that includes all others", path.display()),
                first => {
                    let first = self.documents.seen_from(entry.referenced, first);
                    format!("`{}` is included twice, first in {first}", path.display())
                }
            };
            self.error(entry, message, Some("include each file once, and none that includes this one".to_owned()));
            return None;
        }
        if self.files.len() == limits::FILES_MAX {
            self.error(entry, format!("a configuration has at most {} files", limits::FILES_MAX), None);
            return None;
        }
        match self.source.read(path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.error(entry, format!("`{}` cannot be read: {error}", path.display()), None);
                None
            }
        }
    }

    /// Puts an included file behind what is there.
    fn merge(&mut self, file: &mut raw::File, mut included: raw::File) {
        match (&mut file.listeners, included.listeners.take()) {
            (Some(list), Some(more)) => list.value.extend(more.value),
            (list @ None, more) => *list = more,
            (Some(_), None) => {}
        }
        file.upstreams.append(&mut included.upstreams);
        file.routes.append(&mut included.routes);
        file.plans.append(&mut included.plans);
        file.applications.append(&mut included.applications);
        if file.version == included.version {
            included.version = None;
        }
        let Self { documents, errors, .. } = self;
        file.lay_over(included, |key, first, second| {
            let first = documents.seen_from(second, first);
            let help = Some("a setting stands in one file".to_owned());
            errors.push(documents.error(second, format!("`{key}` is set twice, first in {first}"), help));
        });
    }

    fn error(&mut self, entry: &Text, message: String, help: Option<String>) {
        if self.errors.len() < limits::ERRORS_MAX {
            self.errors.push(self.documents.error(entry.referenced, message, help));
        }
    }
}

/// A path without `.` and `..`, to tell whether two are the same.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}
