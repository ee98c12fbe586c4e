//! Text to raw structs: the one place that calls the YAML reader and turns its errors into ours.
//!
//! Alias bombs, deep nesting and huge files are refused by its budget. An error here is always a single one, since
//! nothing behind a broken line can be trusted.

use serde::de::DeserializeOwned;
use serde_saphyr::{DefaultMessageFormatter, Error, MessageFormatter as _};

use crate::limits;
use tollgate_document::{ConfigError, ConfigErrors};
use tollgate_pattern::nearest;
use tollgate_place::{Location, read_as};

/// Reads the text of a document, which has `name` in errors and `number` in places.
pub(crate) fn read<T: DeserializeOwned>(number: u32, name: &str, text: &str) -> Result<T, ConfigErrors> {
    if text.len() > limits::FILE_BYTES_MAX {
        return Err(ConfigError::whole_file(name, "larger than 256 MiB".to_owned()).into());
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        emit_comments: false,
        // Else a plain `off` is a truth value.
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_events: 2 * limits::NODES_MAX,
            max_nodes: limits::NODES_MAX,
            max_depth: limits::DEPTH_MAX,
            max_total_scalar_bytes: limits::FILE_BYTES_MAX,
        },
    };
    let read = || serde_saphyr::from_str_with_options(text, options);
    read_as(number, read).map_err(|error| translate(name, text, &error).into())
}

fn translate(name: &str, text: &str, error: &Error) -> ConfigError {
    let mut cause = error.without_snippet();
    while let Error::AliasError { error, .. } = cause {
        cause = error;
    }
    let location = cause.location().map_or(Location::UNKNOWN, Location::of);
    let (message, help) = match cause {
        Error::SerdeUnknownField { field, expected, .. } => unknown_key(field, expected),
        Error::DuplicateMappingKey { key: Some(key), .. } => (format!("the key `{key}` is written twice"), None),
        Error::Unexpected { expected, .. } => unexpected(expected),
        Error::SerdeInvalidType { expected, .. } => (format!("expected {expected}"), None),
        Error::MultipleDocuments { .. } => {
            ("a second document begins here, and a file is one document".to_owned(), None)
        }
        Error::Budget { .. } => ("the file is too large or too deeply nested".to_owned(), None),
        Error::UnknownAnchor { .. } => ("a value with `*` in front is an alias".to_owned(), Some(QUOTES.to_owned())),
        _ => (DefaultMessageFormatter.format_message(cause).into_owned(), quotes(text, location)),
    };
    ConfigError::new(name, Some(text), location, message, help)
}

/// Another shape than the key has; the reader names it by its own events.
fn unexpected(expected: &str) -> (String, Option<String>) {
    match expected {
        "mapping start" => ("expected a mapping of keys and values".to_owned(), None),
        "sequence start" => ("expected a list like `[a, b]`".to_owned(), None),
        "string scalar" => ("expected a single value".to_owned(), Some(QUOTES.to_owned())),
        _ => (format!("expected {expected}"), None),
    }
}

fn unknown_key(key: &str, allowed: &[&'static str]) -> (String, Option<String>) {
    let message = match nearest(key, allowed.iter().copied()) {
        Some(near) => format!("unknown key `{key}`, did you mean `{near}`?"),
        None => format!("unknown key `{key}`"),
    };
    (message, Some(format!("allowed here: {}", allowed.join(", "))))
}

const QUOTES: &str = "put quotes around a value with `{`, `}` or `*`, like \"/orders/{rest*}\" or \"*.example.com\"";

/// The usual reason why a line that looks right is no YAML: braces mean something there.
fn quotes(text: &str, location: Location) -> Option<String> {
    let number = (location.line as usize).checked_sub(1)?;
    let line = text.lines().nth(number)?;
    let unquoted = (line.contains("/{") || line.contains("${")) && !line.contains('"');
    unquoted.then(|| QUOTES.to_owned())
}
