//! Operations of an API: a method and a path below its base path, with what holds for it alone.
//!
//! An import makes them out of an OpenAPI document. Their order does not matter: the routes they become are chosen by
//! the contract's rules.

use crate::{
    limits::{OPERATIONS_MAX, PATH_CHARS_MAX, SCOPE_CHARS_MAX, SCOPES_MAX},
    member::{review_count, review_texts},
    name::Name,
    policies::{Level, Policies},
    refusal::{Code, Refusal},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// What can be asked of an API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Unique in the API. An import makes it out of the `operationId`.
    pub name: Name,
    /// `GET`, `POST` and so on, or `*` for every method.
    pub method: String,
    /// Below the base path, with the contract's patterns: `/`, `/{id}`, `/files/{rest*}`.
    pub path: String,
    /// For people. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What a token must have been granted. Up to 32.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scopes: BTreeSet<String>,
    /// What holds for it beyond what holds for the API.
    #[serde(default, skip_serializing_if = "Policies::is_empty")]
    pub policies: Policies,
    /// What answers while the API is prototyped. Left out: 501.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mock: Option<Mock>,
}

/// An answer that stands in for an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mock {
    /// 200 to 599.
    pub status: u16,
    /// Header fields, `content-type` among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

impl Operation {
    fn review(&self, place: &str, found: &mut Vec<Refusal>) {
        let mut inner = Vec::new();
        review_texts(self.title.as_deref(), None, &mut inner);
        if !is_method(&self.method) {
            let what = format!("`{}` is no method", self.method);
            inner.push(Refusal::new(Code::InvalidValue, "method", what, "write one like GET in capitals, or `*`"));
        }
        review_path(&self.path, &mut inner);
        review_count("scopes", self.scopes.len(), SCOPES_MAX, &mut inner);
        // RFC 6749, section 3.3.
        let token = |scope: &String| {
            let is_char = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
            (1..=SCOPE_CHARS_MAX).contains(&scope.len()) && scope.bytes().all(is_char)
        };
        if let Some(scope) = self.scopes.iter().find(|scope| !token(scope)) {
            let what = format!("`{scope}` is no scope");
            let remedy = format!("write 1 to {SCOPE_CHARS_MAX} visible ASCII characters without spaces");
            inner.push(Refusal::new(Code::InvalidValue, "scopes", what, remedy));
        }
        self.policies.review(Level::Operation, "policies", &mut inner);
        if self.mock.as_ref().is_some_and(|mock| !(200..600).contains(&mock.status)) {
            inner.push(Refusal::new(Code::InvalidValue, "mock.status", "this is no status", "write 200 to 599"));
        }
        found.extend(inner.into_iter().map(|refusal| refusal.inside(place)));
    }
}

/// Refuses operations that are wrong, or share a name, or a method and path.
pub(crate) fn review(operations: &[Operation], found: &mut Vec<Refusal>) {
    review_count("operations", operations.len(), OPERATIONS_MAX, found);
    let (mut names, mut requests) = (BTreeSet::new(), BTreeSet::new());
    for (at, operation) in operations.iter().enumerate() {
        let place = format!("operations[{at}]");
        operation.review(&place, found);
        if !names.insert(&operation.name) {
            let what = format!("`{}` is there twice", operation.name);
            found.push(Refusal::new(Code::Duplicate, format!("{place}.name"), what, "give one of them another name"));
        }
        if !requests.insert((&operation.method, &operation.path)) {
            let what = format!("`{} {}` is there twice", operation.method, operation.path);
            found.push(Refusal::new(Code::Duplicate, place, what, "take one out"));
        }
    }
}

fn is_method(text: &str) -> bool {
    text == "*" || (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
}

/// Refuses what cannot be a path below another. The contract judges the patterns in it.
pub(crate) fn review_path(path: &str, found: &mut Vec<Refusal>) {
    let graphic = path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#'));
    if !path.starts_with('/') || path.len() > PATH_CHARS_MAX || !graphic {
        let what = format!("`{path}` is no path");
        let remedy = format!("begin with `/`, at most {PATH_CHARS_MAX} characters, others than ASCII percent-encoded");
        found.push(Refusal::new(Code::InvalidValue, "path", what, remedy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_are_told_what_is_wrong_with_them() {
        let good = json!({"name": "list", "method": "GET", "path": "/"});
        let with = |key: &str, value: serde_json::Value| {
            let mut operation = good.clone();
            operation[key] = value;
            operation
        };
        let rows = [
            (vec![good.clone(), json!({"name": "add", "method": "POST", "path": "/"})], ""),
            (vec![with("method", json!("get"))], "operations[0].method"),
            (vec![with("path", json!("orders"))], "operations[0].path"),
            (vec![with("path", json!("/a?b"))], "operations[0].path"),
            (vec![with("scopes", json!(["a b"]))], "operations[0].scopes"),
            (vec![with("scopes", json!(["a".repeat(129)]))], "operations[0].scopes"),
            (vec![with("scopes", (0..33).map(|at| format!("s{at}")).collect())], "operations[0].scopes"),
            (vec![with("mock", json!({"status": 100}))], "operations[0].mock.status"),
            (vec![with("policies", json!({"corse": 1}))], "operations[0].policies.corse"),
            (vec![good.clone(), with("path", json!("/x"))], "operations[1].name"),
            (vec![good.clone(), with("name", json!("other"))], "operations[1]"),
        ];
        for (written, place) in rows {
            let operations: Vec<Operation> = serde_json::from_value(json!(written)).unwrap();
            let mut found = Vec::new();
            review(&operations, &mut found);
            let places: Vec<_> = found.iter().map(|refusal| refusal.place.as_str()).collect();
            assert_eq!(places, if place.is_empty() { vec![] } else { vec![place] }, "{written:?}");
        }
    }
}
