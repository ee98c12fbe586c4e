//! The first example of a good response of an operation as its mock.
//!
//! `content` of OpenAPI 3 with `example` or `examples`, `examples` by media type of Swagger 2.0; JSON before anything else.
//! References are followed within the document, a few in a row. An example that is larger than what the contract takes is
//! a note.

use super::Notes;
use serde_json::Value;
use std::collections::BTreeMap;
use tollgate_domain::Mock;
use tollgate_model::ANSWER_BYTES_MAX;
use tollgate_openapi::Operation;

/// References that lead to one another.
const REFERENCES_MAX: usize = 8;

/// `None` without an example.
pub(super) fn mock(document: &Value, operation: &Operation, place: &str, notes: &mut Notes) -> Option<Mock> {
    let item = followed(document, document["paths"].get(&operation.template)?)?;
    let key = operation.method.to_ascii_lowercase();
    let responses = item.get(&key).or_else(|| item.get("x-apigateway-any-method"))?.get("responses")?.as_object()?;
    let good = responses.iter().filter_map(|(status, response)| {
        let status: u16 = status.parse().ok().filter(|status| (200..300).contains(status))?;
        Some((status, followed(document, response)?))
    });
    let (status, response) = good.min_by_key(|(status, _)| *status)?;
    let Some((media, example)) = example(document, response) else {
        // A response without a body is an example of itself.
        let is_empty = response.get("content").is_none() && response.get("schema").is_none();
        return is_empty.then(|| Mock { status, headers: BTreeMap::new(), body: String::new() });
    };
    let body = match example {
        Value::String(text) if !media.ends_with("json") => text.clone(),
        value => value.to_string(),
    };
    if body.len() > ANSWER_BYTES_MAX {
        notes.add(place, "the example of its response is too large for a mock");
        return None;
    }
    // The contract would follow a reference in it.
    let body = body.replace("${", "$${");
    Some(Mock { status, headers: [("content-type".to_owned(), media.to_owned())].into(), body })
}

/// Media type and value.
fn example<'d>(document: &'d Value, response: &'d Value) -> Option<(&'d str, &'d Value)> {
    let old = response.get("examples").and_then(Value::as_object).into_iter().flatten();
    let new = response.get("content").and_then(Value::as_object).into_iter().flatten();
    let new = new.filter_map(|(media, content)| Some((media, in_content(document, content)?)));
    let mut found: Vec<_> = old.chain(new).map(|(media, value)| (media.as_str(), value)).collect();
    found.retain(|(media, _)| media.contains('/') && !media.contains('*'));
    found.sort_by_key(|(media, _)| !media.ends_with("json"));
    found.into_iter().next()
}

fn in_content<'d>(document: &'d Value, content: &'d Value) -> Option<&'d Value> {
    if let Some(example) = content.get("example") {
        return Some(example);
    }
    let first = content.get("examples").and_then(Value::as_object).and_then(|examples| examples.values().next());
    first.and_then(|example| followed(document, example)?.get("value"))
}

/// What a reference leads to, if it is one.
fn followed<'d>(document: &'d Value, value: &'d Value) -> Option<&'d Value> {
    let mut value = value;
    for _ in 0..REFERENCES_MAX {
        let Some(reference) = value.get("$ref") else { return Some(value) };
        value = document.pointer(reference.as_str()?.strip_prefix('#')?)?;
    }
    None
}
