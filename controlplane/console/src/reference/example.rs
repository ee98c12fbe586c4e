//! Examples of bodies: what the document has, or one made of the schema.

use super::text_of;
use crate::limits::SCHEMA_DEPTH_MAX;
use serde_json::{Map, Value, json};
use tollgate_openapi::At;

/// Values of an example that is made.
const VALUES_MAX: usize = 200;

/// What an example is made with: the places above, and how many values there may still be.
struct Making {
    above: Vec<String>,
    left: usize,
}

/// The example that is told, or one of the schema; empty if there is neither.
pub(super) fn text(told: Option<&At<'_>>, schema: Option<&At<'_>>) -> String {
    let value = told
        .map(At::value)
        .or_else(|| schema.map(|schema| made(schema, &mut Making { above: Vec::new(), left: VALUES_MAX })));
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(value) => serde_json::to_string_pretty(&value).unwrap_or_default(),
    }
}

/// A value that the schema describes, more or less.
fn made(at: &At<'_>, making: &mut Making) -> Value {
    let examples = at.get("examples").and_then(|all| all.items().next());
    let choice = at.get("enum").and_then(|all| all.items().next());
    let told = [at.get("example"), examples, at.get("default"), at.get("const"), choice].into_iter().flatten().next();
    if let Some(told) = told {
        return told.value();
    }
    let is_within = making.above.iter().any(|place| place == at.place());
    if making.left == 0 || making.above.len() >= SCHEMA_DEPTH_MAX || at.is_reference() || is_within {
        return Value::Null;
    }
    making.left -= 1;
    making.above.push(at.place().to_owned());
    let value = of_kind(at, making);
    making.above.pop();
    value
}

fn of_kind(at: &At<'_>, making: &mut Making) -> Value {
    let first = at.get("type").and_then(|kind| {
        let several = kind.items().filter_map(|one| one.scalar()).find(|one| one != "null");
        kind.scalar().or(several)
    });
    for choice in ["oneOf", "anyOf"] {
        if let Some(one) = at.get(choice).and_then(|all| all.items().next()) {
            return made(&one, making);
        }
    }
    match first.as_deref() {
        Some("string") => json!(string(text_of(at, "format").as_deref())),
        Some("integer" | "number") => at.get("minimum").map_or(json!(0), |least| least.value()),
        Some("boolean") => json!(true),
        Some("array") => at.get("items").map_or(json!([]), |items| json!([made(&items, making)])),
        _ => object(at, making),
    }
}

fn object(at: &At<'_>, making: &mut Making) -> Value {
    let mut object = Map::new();
    for part in at.get("allOf").iter().flat_map(At::items) {
        if let Value::Object(part) = made(&part, making) {
            object.extend(part);
        }
    }
    for (name, part) in at.get("properties").iter().flat_map(At::entries).take(making.left) {
        if !part.get("readOnly").and_then(|at| at.flag()).unwrap_or_default() {
            object.insert(name.to_owned(), made(&part, making));
        }
    }
    if object.is_empty() && at.get("properties").is_none() && at.get("type").is_none() {
        return Value::Null;
    }
    Value::Object(object)
}

fn string(format: Option<&str>) -> &'static str {
    match format {
        Some("date") => "2026-01-31",
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        Some("email") => "ann@example.com",
        Some("uri") => "https://example.com",
        _ => "text",
    }
}
