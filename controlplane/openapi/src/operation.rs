//! The operations of a document: a method and a path each, and what is known of them.
//!
//! Two whose paths differ in the names of parameters only take the same requests, which is a mistake. An operation without
//! an identifier is named by its method and path; whatever is no name in the gateway's configuration is spelled so that it
//! is one. At most 10,000 of them.

use crate::{
    document::{At, Dialect},
    error::{Mistake, Note},
    extensions::{self, Policies},
    limits::OPERATIONS_MAX,
    path::RoutePath,
    security::{self, Need},
};
use std::collections::{BTreeMap, BTreeSet};

/// Something that can be asked of an API.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// `operationId`, else of method and path; unique in the API, and a name as the gateway's configuration takes it.
    pub name: String,
    /// `GET`.
    pub method: String,
    /// The template as it stands in the document.
    pub template: String,
    /// What the gateway matches, with the base path.
    pub path: RoutePath,
    /// One line; may be empty.
    pub summary: String,
    /// Those of the document, in its order.
    pub tags: Vec<String>,
    /// Whether nobody should use it any more.
    pub is_deprecated: bool,
    /// Those of the path and its own, which take the place of those.
    pub parameters: Vec<Parameter>,
    /// What a caller must show; `None` for what the document says for all.
    pub need: Option<Need>,
    /// Its own, in the words of the gateway's configuration.
    pub policies: Policies,
}

/// What a request carries besides its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub place: ParameterPlace,
    /// Whether there is no request without it.
    pub is_required: bool,
}

/// Where a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParameterPlace {
    /// A part of the path.
    Path,
    /// A query parameter.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
}

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// What is gathered on the way.
pub(crate) struct Reader<'r> {
    pub(crate) dialect: Dialect,
    pub(crate) base_path: &'r str,
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) notes: Vec<Note>,
}

impl Reader<'_> {
    /// All operations of `paths`, in the order of the document.
    pub(crate) fn operations(&mut self, root: &At<'_>) -> Vec<Operation> {
        let mut operations = Vec::new();
        let (mut names, mut taken) = (BTreeSet::new(), BTreeMap::new());
        let paths = root.get("paths");
        for (template, item) in paths.iter().flat_map(At::entries).filter(|(key, _)| !key.starts_with("x-")) {
            if item.is_reference() {
                self.note(&item, "a reference to another document is not followed");
                continue;
            }
            let path = match RoutePath::of(self.base_path, template) {
                Ok(path) => path,
                Err(why) => {
                    self.mistake(&item, why);
                    continue;
                }
            };
            for (key, at) in item.entries() {
                let Some(method) = method(key) else {
                    self.unused(&at, key);
                    continue;
                };
                if let Some(other) = taken.insert((method.to_owned(), shape(template)), at.place().to_owned()) {
                    self.mistake(&at, format!("takes the same requests as {other}"));
                    continue;
                }
                let operation = self.operation(template, &path, method, &item, &at);
                operations.push(Operation { name: unique(&mut names, &operation.name), ..operation });
            }
        }
        if operations.len() > OPERATIONS_MAX {
            self.mistake(root, format!("{} operations, and an API has at most {OPERATIONS_MAX}", operations.len()));
        }
        operations
    }

    fn operation(&mut self, template: &str, path: &RoutePath, method: &str, item: &At<'_>, at: &At<'_>) -> Operation {
        let text = |key| at.get(key).and_then(|at| at.text()).unwrap_or_default();
        let parameters = self.parameters(item, at);
        for name in names_of(template).filter(|name| !has(&parameters, name)) {
            self.note(at, &format!("the path's parameter `{name}` is not described"));
        }
        let id = text("operationId");
        let tags = at.get("tags");
        Operation {
            name: name(
                if id.is_empty() { format!("{}-{template}", method.to_ascii_lowercase()) } else { id.to_owned() }
                    .as_str(),
            ),
            method: method.to_owned(),
            template: template.to_owned(),
            path: path.clone(),
            summary: text("summary").to_owned(),
            tags: tags.iter().flat_map(At::items).filter_map(|tag| tag.text().map(str::to_owned)).collect(),
            is_deprecated: at.get("deprecated").and_then(|at| at.flag()).unwrap_or(false),
            parameters,
            need: security::need(at),
            policies: extensions::read(at, &mut self.notes),
        }
    }

    /// Those of the path item, then those of the operation, which take the place of the former.
    fn parameters(&mut self, item: &At<'_>, at: &At<'_>) -> Vec<Parameter> {
        let mut all: Vec<Parameter> = Vec::new();
        let lists = [item.get("parameters"), at.get("parameters")];
        for parameter in lists.iter().flatten().flat_map(At::items) {
            let text = |key| parameter.get(key).and_then(|at| at.text()).unwrap_or_default();
            let place = match text("in") {
                "path" => ParameterPlace::Path,
                "query" => ParameterPlace::Query,
                "header" => ParameterPlace::Header,
                "cookie" if self.dialect != Dialect::Swagger20 => ParameterPlace::Cookie,
                // The body is no parameter any more in OpenAPI 3.
                "body" | "formData" if self.dialect == Dialect::Swagger20 => continue,
                other => {
                    let what = if parameter.is_reference() { "a reference that leads nowhere here" } else { other };
                    self.note(&parameter, &format!("a parameter in `{what}` is not known"));
                    continue;
                }
            };
            let name = text("name").to_owned();
            all.retain(|known| (known.place, &known.name) != (place, &name));
            let is_required = parameter.get("required").and_then(|at| at.flag()).unwrap_or(false);
            all.push(Parameter { name, place, is_required });
        }
        all
    }

    /// Notes a key of a path item that is no method and has a meaning.
    fn unused(&mut self, at: &At<'_>, key: &str) {
        match key {
            "parameters" | "summary" | "description" | "$ref" => {}
            "servers" => self.note(at, "servers of a single path are not used: split the API"),
            _ if key.starts_with("x-") => self.note(at, "an extension that is not read here"),
            _ => self.note(at, "neither a method nor anything that is known here"),
        }
    }

    pub(crate) fn note(&mut self, at: &At<'_>, message: &str) {
        self.notes.push(Note { place: at.place().to_owned(), line: at.line(), message: message.to_owned() });
    }

    pub(crate) fn mistake(&mut self, at: &At<'_>, message: String) {
        self.mistakes.push(Mistake { place: at.place().to_owned(), line: at.line(), message });
    }
}

/// The method a key of a path item names. `x-apigateway-any-method` stands for all.
fn method(key: &str) -> Option<&'static str> {
    const UPPER: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];
    if key == "x-apigateway-any-method" {
        return Some("ANY");
    }
    METHODS.iter().position(|method| *method == key).map(|index| UPPER[index])
}

fn has(parameters: &[Parameter], name: &str) -> bool {
    parameters.iter().any(|parameter| parameter.place == ParameterPlace::Path && parameter.name == name)
}

fn names_of(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// A template without the names of its parameters: two of the same shape take the same requests.
fn shape(template: &str) -> String {
    let mut shape = String::new();
    for (index, piece) in template.split('{').enumerate() {
        let behind = if index == 0 { piece } else { piece.split_once('}').map_or(piece, |(_, behind)| behind) };
        shape.push_str(if index == 0 { "" } else { "{}" });
        shape.push_str(behind);
    }
    shape
}

/// A name as the gateway's configuration takes it: letters, digits, `.`, `_`, `-`, at most 64.
pub(crate) fn name(text: &str) -> String {
    let mut name = String::new();
    for letter in text.chars() {
        let letter = if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_') { letter } else { '-' };
        if letter != '-' || !(name.is_empty() || name.ends_with('-')) {
            name.push(letter);
        }
    }
    name.truncate(56);
    let name = name.trim_end_matches('-');
    if name.is_empty() { "operation".to_owned() } else { name.to_owned() }
}

fn unique(names: &mut BTreeSet<String>, name: &str) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2;
    while !names.insert(candidate.clone()) {
        candidate = format!("{name}-{number}");
        number += 1;
    }
    candidate
}
