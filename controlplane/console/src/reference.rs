//! What a page shows of an OpenAPI document: operations by tag with parameters, bodies, answers, examples and security.
//!
//! Read with the same tolerance as an import: what is missing or wrong is not shown, and nothing is fetched. Swagger 2.0 is shown in
//! the words of OpenAPI 3. Bounded in operations, in depth and in properties, so that no document makes a page without end.

mod example;
mod message;
mod schema;

use crate::limits::OPERATIONS_SHOWN_MAX;
use message::{Message, Parameter};
use schema::Shape;
use serde::Serialize;
use tollgate_openapi::{At, Dialect, Document, ImportError};

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "patch", "head", "options", "trace"];

/// A document as it is shown.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Reference {
    title: String,
    description: String,
    groups: Vec<Group>,
    schemes: Vec<Scheme>,
    /// Some operations are not shown.
    is_cut: bool,
}

/// Operations with the same tag.
#[derive(Debug, Serialize)]
struct Group {
    name: String,
    description: String,
    operations: Vec<Operation>,
}

/// What can be asked.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Operation {
    pub(crate) method: String,
    /// As it is written in the document, below the base path.
    pub(crate) path: String,
    summary: String,
    description: String,
    is_deprecated: bool,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Message>,
    answers: Vec<Message>,
    /// Ways to show who one is, any of which will do; each the schemes that it takes. Empty: none is needed.
    security: Vec<String>,
}

/// How callers show who they are.
#[derive(Debug, Serialize)]
struct Scheme {
    name: String,
    what: String,
    description: String,
}

impl Reference {
    /// Reads a document.
    pub(crate) fn read(text: &str) -> Result<Self, ImportError> {
        let document = Document::read(text)?;
        let (root, dialect) = (document.root(), document.dialect);
        let info = root.get("info");
        let told = |key| info.as_ref().and_then(|info| text_of(info, key)).unwrap_or_default();
        let mut reference = Self { title: told("title"), description: told("description"), ..Self::default() };
        reference.schemes = schemes(&root, dialect);
        let mut count = 0;
        for (path, item) in root.get("paths").iter().flat_map(At::entries) {
            for (method, operation) in item.entries().filter(|(method, _)| METHODS.contains(method)) {
                count += 1;
                if count > OPERATIONS_SHOWN_MAX {
                    reference.is_cut = true;
                    return Ok(reference);
                }
                let tag = operation.get("tags").and_then(|tags| tags.items().next()?.scalar()).unwrap_or_default();
                let operation = Operation::read(&root, (method, path), &item, &operation, dialect);
                reference.group(&root, &tag).operations.push(operation);
            }
        }
        Ok(reference)
    }

    /// The operation that a form names: `get /orders/{id}`.
    pub(crate) fn operation(&self, name: &str) -> Option<&Operation> {
        let mut all = self.groups.iter().flat_map(|group| &group.operations);
        all.find(|operation| name.split_once(' ') == Some((operation.method.as_str(), operation.path.as_str())))
    }

    /// The group of a tag: the one that there is, or a new one.
    fn group(&mut self, root: &At<'_>, tag: &str) -> &mut Group {
        let at = self.groups.iter().position(|group| group.name == tag).unwrap_or_else(|| {
            let all = root.get("tags");
            let found = all.iter().flat_map(At::items).find(|one| text_of(one, "name").as_deref() == Some(tag));
            let description = found.and_then(|one| text_of(&one, "description")).unwrap_or_default();
            self.groups.push(Group { name: tag.to_owned(), description, operations: Vec::new() });
            self.groups.len() - 1
        });
        &mut self.groups[at]
    }
}

impl Operation {
    fn read(root: &At<'_>, of: (&str, &str), item: &At<'_>, at: &At<'_>, dialect: Dialect) -> Self {
        let told = |key| text_of(at, key).unwrap_or_default();
        let mut own: Vec<_> = at.get("parameters").iter().flat_map(At::items).collect();
        let key = |one: &At<'_>| (text_of(one, "name"), text_of(one, "in"));
        let keys: Vec<_> = own.iter().map(key).collect();
        own.extend(item.get("parameters").iter().flat_map(At::items).filter(|one| !keys.contains(&key(one))));
        let parameters = own.iter().filter_map(|one| Parameter::read(one, dialect)).collect();
        let body = Message::of_request(root, at, &own, dialect);
        let answers = at.get("responses");
        let answers = answers.iter().flat_map(At::entries);
        Self {
            method: of.0.to_owned(),
            path: of.1.to_owned(),
            summary: told("summary"),
            description: told("description"),
            is_deprecated: at.get("deprecated").and_then(|at| at.flag()).unwrap_or_default(),
            parameters,
            body,
            answers: answers.map(|(status, answer)| Message::of_answer(root, at, status, &answer, dialect)).collect(),
            security: security(root, at),
        }
    }
}

/// Each way as `a + b`.
fn security(root: &At<'_>, operation: &At<'_>) -> Vec<String> {
    let ways = operation.get("security").or_else(|| root.get("security"));
    let way = |way: At<'_>| way.entries().map(|(name, _)| name.to_owned()).collect::<Vec<_>>().join(" + ");
    ways.iter().flat_map(At::items).map(way).collect()
}

fn schemes(root: &At<'_>, dialect: Dialect) -> Vec<Scheme> {
    let all = match dialect {
        Dialect::Swagger20 => root.get("securityDefinitions"),
        Dialect::OpenApi30 | Dialect::OpenApi31 => root.get("components").and_then(|at| at.get("securitySchemes")),
    };
    let scheme = |(name, at): (&str, At<'_>)| {
        let told = |key| text_of(&at, key).unwrap_or_default();
        let what = match told("type").as_str() {
            "apiKey" => format!("API key in the {} {}", told("in"), told("name")),
            "http" => format!("{} in Authorization", told("scheme")),
            "basic" => "basic in Authorization".to_owned(),
            "oauth2" | "openIdConnect" => "token in Authorization: Bearer".to_owned(),
            other => other.to_owned(),
        };
        Scheme { name: name.to_owned(), what, description: told("description") }
    };
    all.iter().flat_map(At::entries).map(scheme).collect()
}

/// A text of a mapping; numbers and truth values as they are written.
fn text_of(at: &At<'_>, key: &str) -> Option<String> {
    at.get(key)?.scalar()
}

#[cfg(test)]
mod tests;
