//! What goes to an API and comes back: parameters, bodies, answers, with their media types.
//!
//! Read out of a document that was accepted when it was imported; whatever is not as OpenAPI wants it is left out of the page.
//! Schemas are cut by [`Shape`], so that none grows without bound.

use super::{Shape, example, text_of};
use serde::Serialize;
use tollgate_openapi::{At, Dialect};

/// A parameter of path, query, header or cookie.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// `path`, `query`, `header`, `cookie`.
    pub(crate) place: String,
    pub(crate) is_required: bool,
    description: String,
    kind: String,
    notes: Vec<String>,
    /// A value to begin with; may be empty.
    example: String,
    /// Values that it may have, if they are few.
    choices: Vec<String>,
}

/// A body that is sent or answered.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Message {
    /// Of an answer: `200`, `4XX`, `default`.
    status: String,
    description: String,
    is_required: bool,
    pub(crate) contents: Vec<Content>,
    /// Header fields of an answer, each with what it means.
    fields: Vec<(String, String)>,
}

/// A media type with what it has.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Content {
    pub(crate) media: String,
    shape: Shape,
    pub(super) example: String,
}

impl Parameter {
    /// A parameter that is none of these places, or has no name, is none.
    pub(super) fn read(at: &At<'_>, dialect: Dialect) -> Option<Self> {
        let (name, place) = (text_of(at, "name")?, text_of(at, "in")?);
        if !matches!(place.as_str(), "path" | "query" | "header" | "cookie") {
            return None;
        }
        let content = at.get("content").and_then(|content| content.entries().next()?.1.get("schema"));
        let schema = match dialect {
            Dialect::Swagger20 => Some(at.clone()),
            Dialect::OpenApi30 | Dialect::OpenApi31 => at.get("schema").or(content),
        };
        let shape = schema.as_ref().map(Shape::head).unwrap_or_default();
        let examples = at.get("examples").and_then(|all| all.entries().next()?.1.get("value"));
        let told = at.get("example").or(examples).or_else(|| {
            let schema = schema.as_ref()?;
            schema.get("example").or_else(|| schema.get("default"))
        });
        Some(Self {
            is_required: place == "path" || at.get("required").and_then(|at| at.flag()).unwrap_or_default(),
            description: text_of(at, "description").unwrap_or_default(),
            kind: shape.kind,
            notes: shape.notes,
            example: told.and_then(|at| at.scalar()).unwrap_or_default(),
            choices: schema.as_ref().map(choices).unwrap_or_default(),
            name,
            place,
        })
    }
}

fn choices(schema: &At<'_>) -> Vec<String> {
    let all = schema.get("enum");
    let values: Vec<_> = all.iter().flat_map(At::items).filter_map(|at| at.scalar()).collect();
    if values.len() <= 50 { values } else { Vec::new() }
}

impl Message {
    /// The body of a request, if the operation takes one.
    pub(super) fn of_request(
        root: &At<'_>,
        operation: &At<'_>,
        parameters: &[At<'_>],
        dialect: Dialect,
    ) -> Option<Self> {
        if dialect == Dialect::Swagger20 {
            let body = parameters.iter().find(|one| text_of(one, "in").as_deref() == Some("body"))?;
            return Some(Self::of_swagger(root, operation, "consumes", body));
        }
        let body = operation.get("requestBody")?;
        Some(Self::read("", &body))
    }

    /// An answer.
    pub(super) fn of_answer(root: &At<'_>, operation: &At<'_>, status: &str, at: &At<'_>, dialect: Dialect) -> Self {
        let mut message = match dialect {
            Dialect::Swagger20 => Self::of_swagger(root, operation, "produces", at),
            Dialect::OpenApi30 | Dialect::OpenApi31 => Self::read(status, at),
        };
        message.status = status.to_owned();
        message
    }

    fn read(status: &str, at: &At<'_>) -> Self {
        let all = at.get("content");
        let contents = all.iter().flat_map(At::entries).map(|(media, content)| {
            let schema = content.get("schema");
            let examples = content.get("examples").and_then(|all| all.entries().next()?.1.get("value"));
            let told = content.get("example").or(examples);
            Content {
                media: media.to_owned(),
                shape: schema.as_ref().map(Shape::read).unwrap_or_default(),
                example: example::text(told.as_ref(), schema.as_ref()),
            }
        });
        Self {
            status: status.to_owned(),
            description: text_of(at, "description").unwrap_or_default(),
            is_required: at.get("required").and_then(|at| at.flag()).unwrap_or_default(),
            contents: contents.collect(),
            fields: fields(at),
        }
    }

    /// Of Swagger 2.0: the schema is here, the media types (`of`) are elsewhere.
    fn of_swagger(root: &At<'_>, operation: &At<'_>, of: &str, at: &At<'_>) -> Self {
        let media = operation.get(of).or_else(|| root.get(of));
        let media = media.and_then(|all| all.items().next()?.scalar()).unwrap_or_else(|| "application/json".to_owned());
        let schema = at.get("schema");
        let told = at.get("examples").and_then(|all| all.entries().next().map(|(_, at)| at));
        let contents = schema.iter().map(|schema| Content {
            media: media.clone(),
            shape: Shape::read(schema),
            example: example::text(told.as_ref(), Some(schema)),
        });
        Self {
            status: String::new(),
            description: text_of(at, "description").unwrap_or_default(),
            is_required: at.get("required").and_then(|at| at.flag()).unwrap_or_default(),
            contents: contents.collect(),
            fields: fields(at),
        }
    }
}

fn fields(at: &At<'_>) -> Vec<(String, String)> {
    let all = at.get("headers");
    let field = |(name, at): (&str, At<'_>)| (name.to_owned(), text_of(&at, "description").unwrap_or_default());
    all.iter().flat_map(At::entries).map(field).collect()
}
