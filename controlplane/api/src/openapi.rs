//! The admin API's own description (OpenAPI 3.1), made of the table of endpoints.
//!
//! It is checked in as `openapi.json` beside this crate's manifest, and a test compares the two, so that a change of the
//! API is seen as one.

use crate::{
    endpoint::{Endpoint, Rule},
    endpoints,
    limits::ID_CHARS_MAX,
    schema,
};
use serde_json::{Map, Value, json};
use tollgate_store::PAGE_ROWS_MAX;

/// The description.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints() {
        let item = paths.entry(format!("/api/v1{}", endpoint.path)).or_insert_with(|| json!({}));
        item[endpoint.verb.as_str()] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate admin API",
            "version": "1",
            "description": "Manages tenants, APIs, publications, plans, applications, subscriptions and credentials.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schema::all(),
            "parameters": shared_parameters(),
            "responses": problems(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut operation = json!({
        "operationId": endpoint.name,
        "summary": endpoint.what,
        "parameters": parameters(endpoint),
        "responses": responses(endpoint),
    });
    match endpoint.rule {
        Rule::Public => operation["security"] = json!([]),
        Rule::May(action) => {
            operation["security"] = json!([{ "token": [] }]);
            operation["x-tollgate-action"] = json!(format!("{action:?}"));
        }
    }
    if !endpoint.body.is_empty() {
        let content = if endpoint.body == "Document" {
            json!({
                "application/yaml": { "schema": { "type": "string" } },
                "application/json": { "schema": { "type": "object" } },
            })
        } else {
            json!({ "application/json": { "schema": schema::reference(endpoint.body) } })
        };
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let segments = endpoint.path.split('/');
    let named = segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = named
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(endpoint.query.iter().map(|(name, what)| query(name, what)));
    if endpoint.is_change() {
        let shared = SHARED.iter().map(|(key, ..)| json!({ "$ref": format!("#/components/parameters/{key}") }));
        parameters.extend(shared);
    }
    parameters
}

fn query(name: &str, what: &str) -> Value {
    let schema = match name {
        "limit" => json!({ "type": "integer", "minimum": 1, "maximum": PAGE_ROWS_MAX }),
        "from" | "to" => json!({ "type": "integer", "minimum": 0 }),
        "prune" => json!({ "type": "boolean" }),
        "state" => schema::reference("SubscriptionState"),
        _ => json!({ "type": "string" }),
    };
    json!({ "name": name, "in": "query", "description": what, "schema": schema })
}

/// Parameters of every change: key of the component, name, place, meaning.
const SHARED: [(&str, &str, &str, &str); 3] = [
    ("dry-run", "dry_run", "query", "`true`: judged and answered, not made."),
    ("if-match", "If-Match", "header", "The ETag of the record as it was read; 412 if it is another."),
    ("idempotency-key", "Idempotency-Key", "header", "The same key and request is done once, for a day."),
];

/// Problems: status and when.
const PROBLEMS: [(&str, &str); 8] = [
    ("400", "A header field is no visible ASCII, or the body ended early."),
    ("401", "No token, or one that is not good."),
    ("403", "None of the member's roles allows it."),
    ("404", "It does not exist, or not for who asks."),
    ("409", "It does not fit what there is."),
    ("412", "The record is another than If-Match says."),
    ("413", "The body is too long."),
    ("422", "Something in the request is wrong."),
];

fn shared_parameters() -> Value {
    let parameter = |(key, name, place, what): (&str, &str, &str, &str)| {
        let schema = match key {
            "dry-run" => json!({ "type": "boolean" }),
            "if-match" => json!({ "type": "string", "pattern": "^\"[0-9]{1,18}\"$" }),
            _ => json!({ "type": "string", "minLength": 1, "maxLength": ID_CHARS_MAX }),
        };
        (key.to_owned(), json!({ "name": name, "in": place, "description": what, "schema": schema }))
    };
    Value::Object(SHARED.into_iter().map(parameter).collect())
}

fn problems() -> Value {
    let content = json!({ "application/problem+json": { "schema": schema::reference("Problem") } });
    let problem =
        |(status, what): (&str, &str)| (status.to_owned(), json!({ "description": what, "content": content }));
    Value::Object(PROBLEMS.into_iter().map(problem).collect())
}

fn responses(endpoint: &Endpoint) -> Value {
    let mut responses = Map::new();
    if endpoint.answer.is_empty() {
        responses.insert("204".to_owned(), json!({ "description": "Done." }));
    } else {
        let content = json!({ "application/json": { "schema": schema::reference(endpoint.answer) } });
        responses.insert("200".to_owned(), json!({ "description": "Done.", "content": content }));
        if endpoint.is_change() {
            responses.insert("201".to_owned(), json!({ "description": "Created.", "content": content }));
        }
    }
    let is_public = endpoint.rule == Rule::Public;
    for (status, _) in PROBLEMS {
        let is_possible = match status {
            "403" | "404" => !is_public,
            "409" | "412" | "413" => endpoint.is_change(),
            _ => true,
        };
        if is_possible {
            responses.insert(status.to_owned(), json!({ "$ref": format!("#/components/responses/{status}") }));
        }
    }
    Value::Object(responses)
}
