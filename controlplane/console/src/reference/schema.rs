//! Schemas as rows: what a value is, and what its parts are, each with how deep it lies.
//!
//! `allOf` is what all of them say together; of `oneOf` and `anyOf` each is a row. A schema that contains itself is shown once and
//! named where it comes again; so is what lies too deep.

use super::text_of;
use crate::limits::{PROPERTIES_SHOWN_MAX, SCHEMA_DEPTH_MAX, SCHEMAS_LOOKED_AT_MAX};
use serde::Serialize;
use tollgate_openapi::At;

/// What a value is.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Shape {
    /// `array of string (date)`.
    pub(super) kind: String,
    /// What else holds: bounds, values.
    pub(super) notes: Vec<String>,
    rows: Vec<Row>,
}

/// A part of a value.
#[derive(Clone, Debug, Serialize)]
struct Row {
    name: String,
    /// 0 for the parts of the value itself.
    depth: usize,
    kind: String,
    is_required: bool,
    is_deprecated: bool,
    description: String,
    notes: Vec<String>,
}

impl Shape {
    /// A schema without its parts.
    pub(super) fn head(at: &At<'_>) -> Self {
        Self { kind: kind(at, 0), notes: notes(at), rows: Vec::new() }
    }

    /// A schema.
    pub(super) fn read(at: &At<'_>) -> Self {
        let mut shape = Self::head(at);
        let mut walk = Walk { above: Vec::new(), found: Vec::new(), left: SCHEMAS_LOOKED_AT_MAX };
        walk.within(at, 0);
        shape.rows = walk.found;
        shape
    }
}

/// The last name of a place in the document, if that is one of named schemas.
fn name(at: &At<'_>) -> Option<String> {
    let (above, name) = at.place().rsplit_once('/')?;
    let is_named = above.ends_with("/schemas") || above.ends_with("/definitions");
    is_named.then(|| name.replace("~1", "/").replace("~0", "~"))
}

fn kind(at: &At<'_>, depth: usize) -> String {
    if depth > SCHEMA_DEPTH_MAX {
        return "...".to_owned();
    }
    let written = at.get("type").map(|at| match at.scalar() {
        Some(text) => text,
        // 3.1: several.
        None => at.items().filter_map(|at| at.scalar()).collect::<Vec<_>>().join(" or "),
    });
    let known = written.or_else(|| {
        let guess = [("properties", "object"), ("items", "array"), ("enum", "value")];
        guess.iter().find(|(key, _)| at.get(key).is_some()).map(|(_, kind)| (*kind).to_owned())
    });
    let mut shown = match known.as_deref() {
        Some("array") => match at.get("items") {
            Some(items) => format!("array of {}", kind(&items, depth + 1)),
            None => "array".to_owned(),
        },
        Some("object") => name(at).map_or_else(|| "object".to_owned(), |name| format!("object {name}")),
        Some(other) => other.to_owned(),
        None if at.get("oneOf").is_some() || at.get("anyOf").is_some() => "one of several".to_owned(),
        None => name(at).unwrap_or_else(|| "value".to_owned()),
    };
    if let Some(format) = text_of(at, "format") {
        shown = format!("{shown} ({format})");
    }
    if at.get("nullable").and_then(|at| at.flag()).unwrap_or_default() {
        shown.push_str(" or null");
    }
    shown
}

fn notes(at: &At<'_>) -> Vec<String> {
    let told = |key| text_of(at, key);
    let mut notes = Vec::new();
    let all = at.get("enum");
    let values: Vec<_> = all.iter().flat_map(At::items).filter_map(|at| at.scalar()).take(50).collect();
    if !values.is_empty() {
        notes.push(format!("one of {}", values.join(", ")));
    }
    for (key, label) in [
        ("const", "always"),
        ("default", "default"),
        ("minimum", "at least"),
        ("exclusiveMinimum", "more than"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "less than"),
        ("multipleOf", "multiple of"),
        ("minLength", "characters at least"),
        ("maxLength", "characters at most"),
        ("minItems", "items at least"),
        ("maxItems", "items at most"),
        ("pattern", "like"),
    ] {
        notes.extend(told(key).map(|value| format!("{label} {value}")));
    }
    for (key, label) in [("readOnly", "only answered"), ("writeOnly", "only sent"), ("uniqueItems", "none twice")] {
        if at.get(key).and_then(|at| at.flag()).unwrap_or_default() {
            notes.push(label.to_owned());
        }
    }
    notes
}

/// A walk over a schema: the places above, what was found, and how many schemas may still be looked at.
struct Walk {
    above: Vec<String>,
    found: Vec<Row>,
    left: usize,
}

impl Walk {
    /// The parts of a value.
    fn rows(&mut self, at: &At<'_>, depth: usize) {
        if let Some(items) = at.get("items") {
            return self.within(&items, depth);
        }
        for part in at.get("allOf").iter().flat_map(At::items) {
            self.within(&part, depth);
        }
        let all = at.get("required");
        let required: Vec<_> = all.iter().flat_map(At::items).filter_map(|at| at.scalar()).collect();
        for (name, part) in at.get("properties").iter().flat_map(At::entries) {
            self.row(name.to_owned(), required.iter().any(|one| one == name), &part, depth);
        }
        if let Some(part) = at.get("additionalProperties").filter(|part| part.flag().is_none()) {
            self.row("(any name)".to_owned(), false, &part, depth);
        }
        for choice in ["oneOf", "anyOf"].iter().filter_map(|key| at.get(key)) {
            for (number, part) in choice.items().enumerate() {
                let name = name(&part).unwrap_or_else(|| format!("{}", number + 1));
                self.row(format!("or: {name}"), false, &part, depth);
            }
        }
    }

    fn row(&mut self, name: String, is_required: bool, at: &At<'_>, depth: usize) {
        if self.found.len() >= PROPERTIES_SHOWN_MAX {
            return;
        }
        self.found.push(Row {
            name,
            depth,
            kind: kind(at, 0),
            is_required,
            is_deprecated: at.get("deprecated").and_then(|at| at.flag()).unwrap_or_default(),
            description: text_of(at, "description").unwrap_or_default(),
            notes: notes(at),
        });
        self.within(at, depth + 1);
    }

    /// The parts of a schema, unless it is within itself or too deep.
    fn within(&mut self, at: &At<'_>, depth: usize) {
        let is_within = self.above.iter().any(|place| place == at.place());
        if self.left == 0 || depth >= SCHEMA_DEPTH_MAX || at.is_reference() || is_within {
            return;
        }
        self.left -= 1;
        self.above.push(at.place().to_owned());
        self.rows(at, depth);
        self.above.pop();
    }
}
