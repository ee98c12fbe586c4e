//! An OpenAPI 3 document as requests: one for each operation, with examples as values, or such as their schemas allow.
//!
//! Tolerant: what is missing or unknown is passed over, and an operation that no request can be made of is left out and told.
//! Only what an operation requires, or gives an example for, is sent. Credentials are not in a document: they come by `-H`.
//! References lead within the document and to a bounded depth.

use super::{
    SourceError, Sourced, checked, is_safe,
    limits::{DEPTH_MAX, DOCUMENT_BYTES_MAX, REQUESTS_MAX, VALUES_MAX},
};
use crate::load::Request;
use serde_json::{Map, Value};
use std::{cell::Cell, fmt::Write as _, path::Path};

const METHODS: [&str; 7] = ["get", "head", "options", "post", "put", "patch", "delete"];

/// What is sent of a document.
#[derive(Clone, Copy, Debug)]
pub struct Options<'o> {
    /// Instead of the path of the document's first server; without a `/` at its end.
    pub base: Option<&'o str>,
    /// Whether POST, DELETE and others are sent, too.
    pub all_methods: bool,
}

/// Reads the text of the OpenAPI document at `path`, YAML or JSON.
///
/// # Errors
/// It is no such document, or no request can be made of it.
pub fn read(path: &Path, text: &str, options: Options<'_>) -> Result<Sourced, SourceError> {
    let name = path.display().to_string();
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(SourceError::new(name, "the document is larger than 16 MiB"));
    }
    let yaml = serde_saphyr::options! { with_snippet: false };
    let root: Value = serde_saphyr::from_str_with_options(text, yaml)
        .map_err(|error| SourceError::new(name.clone(), format!("no YAML or JSON: {error}")))?;
    let version = root["openapi"].as_str().unwrap_or_default();
    if !version.starts_with("3.") {
        let what = "no OpenAPI 3 document: it has no `openapi: 3.x`; convert one of version 2 first";
        return Err(SourceError::new(name, what));
    }
    let base = options.base.map_or_else(|| base(&root), str::to_owned);
    let mut found = Sourced::default();
    let mut unsafe_methods = 0;
    for (pattern, item) in object(&root["paths"]) {
        let values = Cell::new(VALUES_MAX);
        let document = Document { root: &root, values: &values };
        let item = document.follow(item);
        for method in METHODS.iter().filter(|method| item[**method].is_object()) {
            let operation = Operation { document, method: method.to_uppercase(), pattern, item };
            if !options.all_methods && !is_safe(&operation.method) {
                unsafe_methods += 1;
                continue;
            }
            match operation.request(&base) {
                Ok(request) => found.requests.push(request),
                Err(what) => found.notes.push(format!("{name}: {} {pattern} left out: {what}", operation.method)),
            }
        }
    }
    if unsafe_methods > 0 {
        let what =
            format!("{name}: {unsafe_methods} operations with unsafe methods left out; --all-methods sends them");
        found.notes.push(what);
    }
    match found.requests.len() {
        0 => Err(SourceError::new(name, format!("no request can be made of it. {}", found.notes.join("; ")))),
        1..=REQUESTS_MAX => Ok(found),
        _ => Err(SourceError::new(name, "more than 10,000 operations")),
    }
}

/// Path of the first server, its variables at their defaults.
fn base(root: &Value) -> String {
    let server = &root["servers"][0];
    let mut url = server["url"].as_str().unwrap_or("/").to_owned();
    for (name, variable) in object(&server["variables"]) {
        url = url.replace(&format!("{{{name}}}"), variable["default"].as_str().unwrap_or_default());
    }
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => &url,
    };
    path.trim_end_matches('/').to_owned()
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// A document, for its references.
#[derive(Clone, Copy)]
struct Document<'d> {
    root: &'d Value,
    /// How many values may still be made of schemas: they may branch into themselves.
    values: &'d Cell<usize>,
}

/// A method of a path.
struct Operation<'d> {
    document: Document<'d>,
    method: String,
    pattern: &'d str,
    item: &'d Value,
}

/// Where a parameter goes.
#[derive(Default)]
struct Filled {
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    cookies: Vec<String>,
}

impl<'d> Document<'d> {
    /// What a value is, after all references; `null` where one leads nowhere.
    fn follow(self, mut value: &'d Value) -> &'d Value {
        for _ in 0..DEPTH_MAX {
            let Some(reference) = value["$ref"].as_str() else { return value };
            let found = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            value = found.unwrap_or(&Value::Null);
        }
        &Value::Null
    }

    /// An example of a parameter or of a media type: its own, else of its schema.
    fn example(self, holder: &'d Value) -> Value {
        if let Some(example) = given(self, holder) {
            return example;
        }
        self.of_schema(&holder["schema"], 0)
    }

    /// A value that a schema allows, as far as types, formats and smallest sizes say.
    fn of_schema(self, schema: &'d Value, depth: usize) -> Value {
        let schema = self.follow(schema);
        let Some(left) = self.values.get().checked_sub(1).filter(|_| depth <= DEPTH_MAX) else { return Value::Null };
        self.values.set(left);
        let own =
            [&schema["example"], &schema["examples"][0], &schema["default"], &schema["const"], &schema["enum"][0]];
        if let Some(own) = own.into_iter().find(|value| !value.is_null()) {
            return own.clone();
        }
        for choice in ["oneOf", "anyOf"] {
            if schema[choice][0].is_object() {
                return self.of_schema(&schema[choice][0], depth + 1);
            }
        }
        match kind(schema) {
            "object" => Value::Object(self.of_object(schema, depth)),
            "array" => Value::Array(vec![self.of_schema(&schema["items"], depth + 1)]),
            "boolean" => Value::Bool(true),
            "integer" | "number" => number(schema),
            "null" => Value::Null,
            _ => Value::String(text(schema)),
        }
    }

    /// What is required of an object, also by the parts that it is all of.
    fn of_object(self, schema: &'d Value, depth: usize) -> Map<String, Value> {
        let mut made = Map::new();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            if let Value::Object(part) = self.of_schema(part, depth + 1) {
                made.extend(part);
            }
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for name in required {
            let value = self.of_schema(&schema["properties"][name], depth + 1);
            made.insert(name.to_owned(), value);
        }
        made
    }
}

/// An example that a document gives of a parameter or media type, or of its schema.
fn given(document: Document<'_>, holder: &Value) -> Option<Value> {
    let named = object(&holder["examples"]).next().map(|(_, example)| example["value"].clone());
    let own = [holder["example"].clone(), named.unwrap_or_default()];
    let schema = document.follow(&holder["schema"]);
    let of_schema = [schema["example"].clone(), schema["examples"][0].clone()];
    own.into_iter().chain(of_schema).find(|value| !value.is_null())
}

/// The type of a schema: the first of several, or what its keys let suppose.
fn kind(schema: &Value) -> &str {
    let several = schema["type"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let first = schema["type"].as_str().or_else(|| several.into_iter().find(|kind| *kind != "null"));
    first.unwrap_or_else(|| {
        if schema["properties"].is_object() || schema["allOf"].is_array() {
            "object"
        } else if schema["items"].is_object() {
            "array"
        } else {
            "string"
        }
    })
}

fn number(schema: &Value) -> Value {
    let least = schema["minimum"].as_f64().or_else(|| schema["exclusiveMinimum"].as_f64().map(|least| least + 1.0));
    let most = schema["maximum"].as_f64().unwrap_or(f64::INFINITY);
    Value::from(least.unwrap_or(1.0).min(most).ceil() as i64)
}

fn text(schema: &Value) -> String {
    let known = match schema["format"].as_str().unwrap_or_default() {
        "date" => "2026-01-01",
        "date-time" => "2026-01-01T00:00:00Z",
        "uuid" => "00000000-0000-4000-8000-000000000000",
        "email" => "somebody@example.com",
        "uri" | "url" => "https://example.com/",
        "ipv4" => "192.0.2.1",
        "byte" => "AAAA",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let length = schema["minLength"].as_u64().unwrap_or(1).clamp(1, 1024);
    "a".repeat(usize::try_from(length).unwrap_or(1))
}

impl Operation<'_> {
    fn request(&self, base: &str) -> Result<Request, String> {
        let operation = &self.item[self.method.to_lowercase()];
        let mut filled = Filled { path: self.pattern.to_owned(), ..Filled::default() };
        let of_operation = operation["parameters"].as_array().into_iter().flatten();
        let of_path = self.item["parameters"].as_array().into_iter().flatten();
        let mut seen = Vec::new();
        for parameter in of_operation.chain(of_path).map(|parameter| self.document.follow(parameter)) {
            let key = (&parameter["in"], &parameter["name"]);
            if seen.contains(&key) {
                continue;
            }
            seen.push(key);
            self.fill(parameter, &mut filled)?;
        }
        if let Some(at) = filled.path.find('{') {
            return Err(format!("no parameter of it is called as in `{}`", &filled.path[at..]));
        }
        let body = self.body(operation, &mut filled.headers)?;
        if !filled.cookies.is_empty() {
            filled.headers.push(("Cookie".to_owned(), filled.cookies.join("; ")));
        }
        let mark = if filled.query.is_empty() { "" } else { "?" };
        let path = format!("{base}{}{mark}{}", filled.path, filled.query);
        checked(Request { headers: filled.headers, body, ..Request::new(&self.method, &path) })
    }

    /// Puts the value of a parameter where it belongs.
    fn fill(&self, parameter: &Value, filled: &mut Filled) -> Result<(), String> {
        let name = parameter["name"].as_str().unwrap_or_default();
        let place = parameter["in"].as_str().unwrap_or_default();
        let is_wanted = parameter["required"] == true || given(self.document, parameter).is_some();
        if name.is_empty() || place != "path" && !is_wanted {
            return Ok(());
        }
        let value = plain(&self.document.example(parameter))
            .ok_or_else(|| format!("the parameter `{name}` has no plain value: give it an `example`"))?;
        match place {
            "path" => filled.path = filled.path.replace(&format!("{{{name}}}"), &encoded(&value)),
            "query" => {
                let mark = if filled.query.is_empty() { "" } else { "&" };
                // Writing to a string cannot fail.
                let _ = write!(filled.query, "{mark}{}={}", encoded(name), encoded(&value));
            }
            // OpenAPI 3, "Parameter Object": these three are said elsewhere.
            "header" if !["accept", "content-type", "authorization"].contains(&name.to_lowercase().as_str()) => {
                filled.headers.push((name.to_owned(), value));
            }
            "cookie" => filled.cookies.push(format!("{name}={}", encoded(&value))),
            _ => {}
        }
        Ok(())
    }

    /// The body, if there is one, and its type among the headers.
    fn body(&self, operation: &Value, headers: &mut Vec<(String, String)>) -> Result<Vec<u8>, String> {
        let body = self.document.follow(&operation["requestBody"]);
        let Some(content) = body["content"].as_object().filter(|content| !content.is_empty()) else {
            return Ok(Vec::new());
        };
        let is_json = |kind: &str| kind.starts_with("application/json") || kind.contains("+json");
        let json = content.iter().find(|(kind, _)| is_json(kind));
        let plain = content.iter().find(|(kind, _)| kind.starts_with("text/"));
        let (kind, media) = json.or(plain).ok_or("its body is neither JSON nor text")?;
        headers.push(("Content-Type".to_owned(), kind.clone()));
        let example = self.document.example(media);
        match example {
            Value::String(text) if !is_json(kind) => Ok(text.into_bytes()),
            value => Ok(value.to_string().into_bytes()),
        }
    }
}

/// A value as one text, lists with commas between (style `simple`, and `form` without `explode`).
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(values) => values.iter().map(plain).collect::<Option<Vec<_>>>().map(|values| values.join(",")),
        Value::Null | Value::Object(_) => None,
    }
}

/// All but unreserved characters (RFC 3986, section 2.3) and commas as `%XX`.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~,".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests;
