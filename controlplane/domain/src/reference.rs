//! `${var:NAME}` in what tenants write: replaced when a revision is published, so that a request finds no question.
//!
//! The contract knows other references (`${env:X}`, `${file:X}`), which read the node's environment and files. No tenant
//! may write one, nor name a file or a Unix socket of the node in any other way: they are refused when a record is
//! saved, and again in the result, so that none can be put together out of variables. `$${` stands for `${` and is
//! passed on as it is.

use crate::refusal::{Code, Refusal};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Variables and what they stand for.
pub type Variables = BTreeMap<String, String>;

/// A piece of a text.
enum Piece<'t> {
    /// Passed on, with the escapes in it.
    Text(&'t str),
    /// What stands between `${` and `}`.
    Reference(&'t str),
    /// A `${` without its `}`.
    Torn,
}

/// `text` in pieces, read as the contract reads it.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut found, mut from, mut at) = (Vec::new(), 0, 0);
    while let Some(next) = text[at..].find("${").map(|next| at + next) {
        // Escaped, if the `$` before it belongs to no escape itself.
        if next > at && text.as_bytes()[next - 1] == b'$' {
            at = next + 2;
            continue;
        }
        found.push(Piece::Text(&text[from..next]));
        let Some(end) = text[next..].find('}').map(|end| next + end) else {
            found.push(Piece::Torn);
            return found;
        };
        found.push(Piece::Reference(&text[next + 2..end]));
        (from, at) = (end + 1, end + 1);
    }
    found.push(Piece::Text(&text[from..]));
    found
}

/// Refuses in `value` what no tenant may refer to, and variables too where there are none.
pub(crate) fn review(value: &Value, place: &str, variables: bool, found: &mut Vec<Refusal>) {
    walk(value, place, &mut |text, place| {
        let allowed = |reference: &str| variables && reference.strip_prefix("var:").is_some_and(is_variable);
        for piece in pieces(text) {
            match piece {
                Piece::Reference(reference) if !allowed(reference) => {
                    found.push(forbidden(reference, place, variables));
                }
                Piece::Torn => found.push(Refusal::new(
                    Code::ForbiddenReference,
                    place,
                    "a `${` without its `}`",
                    "write `$${` for the characters `${`",
                )),
                Piece::Text(text) if text.starts_with("unix:") => found.push(of_node("a Unix socket", place)),
                _ => {}
            }
        }
    });
    walk_keys(value, place, &mut |key, place| {
        if key.ends_with("_file") || key == "file" {
            found.push(of_node("a file", place));
        }
    });
}

fn forbidden(reference: &str, place: &str, variables: bool) -> Refusal {
    let what = format!("`${{{reference}}}` cannot be referred to here");
    let remedy = if variables {
        "write `${var:NAME}` for a variable of the environment, `$${` for the characters `${`"
    } else {
        "write the value itself: variables belong to environments, and so to APIs; `$${` stands for the characters `${`"
    };
    Refusal::new(Code::ForbiddenReference, place, what, remedy)
}

fn of_node(what: &str, place: &str) -> Refusal {
    let what = format!("{what} of the node cannot be named here");
    Refusal::new(Code::ForbiddenReference, place, what, "ask an operator to put it into the node's configuration")
}

/// A letter or `_`, then letters, digits or `_`; at most 64.
pub(crate) fn is_variable(name: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(valid) && !name.as_bytes()[0].is_ascii_digit()
}

/// The variables that `value` names.
#[must_use]
pub fn variables(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(value, "", &mut |text, _| {
        let names = pieces(text).into_iter().filter_map(|piece| match piece {
            Piece::Reference(reference) => reference.strip_prefix("var:"),
            _ => None,
        });
        found.extend(names.map(str::to_owned));
    });
    found
}

/// `value` with every variable replaced. What a variable stands for is text: a `${` in it stays one.
///
/// # Errors
/// `UndefinedVariable` for each that `variables` has not, by name; `ForbiddenReference` for what is none of `${var:..}`.
pub fn substitute(value: &Value, variables: &Variables) -> Result<Value, Vec<Refusal>> {
    let mut found = Vec::new();
    let done = replaced(value, "", variables, &mut found);
    if found.is_empty() {
        review(&done, "", false, &mut found);
    }
    if found.is_empty() { Ok(done) } else { Err(found) }
}

fn replaced(value: &Value, place: &str, variables: &Variables, found: &mut Vec<Refusal>) -> Value {
    match value {
        Value::String(text) => Value::String(filled(text, place, variables, found)),
        Value::Array(values) => {
            let values = values.iter().enumerate();
            values.map(|(at, value)| replaced(value, &format!("{place}[{at}]"), variables, found)).collect()
        }
        Value::Object(map) => {
            let entries = map.iter();
            entries.map(|(key, value)| (key.clone(), replaced(value, &inner(place, key), variables, found))).collect()
        }
        other => other.clone(),
    }
}

fn filled(text: &str, place: &str, variables: &Variables, found: &mut Vec<Refusal>) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Reference(reference) => match reference.strip_prefix("var:") {
                Some(name) => match variables.get(name) {
                    Some(value) => out.push_str(&value.replace("${", "$${")),
                    None => found.push(undefined(name, place)),
                },
                None => found.push(forbidden(reference, place, true)),
            },
            Piece::Torn => found.push(forbidden("", place, true)),
        }
    }
    out
}

fn undefined(name: &str, place: &str) -> Refusal {
    let what = format!("the environment does not define the variable `{name}`");
    Refusal::new(
        Code::UndefinedVariable,
        place,
        what,
        format!("add `{name}` to its `variables`, or take the reference out"),
    )
}

/// Every text of `value` with its place.
fn walk(value: &Value, place: &str, each: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => each(text, place),
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| walk(value, &format!("{place}[{at}]"), each));
        }
        Value::Object(map) => map.iter().for_each(|(key, value)| walk(value, &inner(place, key), each)),
        _ => {}
    }
}

/// Every key of the objects in `value` with its place.
fn walk_keys(value: &Value, place: &str, each: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| walk_keys(value, &format!("{place}[{at}]"), each));
        }
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            let place = inner(place, key);
            each(key, &place);
            walk_keys(value, &place, each);
        }),
        _ => {}
    }
}

fn inner(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn texts(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn variables_are_replaced_and_escapes_stay() {
        let values = texts(&[("HOST", "orders.internal"), ("PORT", "9000"), ("ODD", "a${env:X}"), ("DOLLAR", "$")]);
        let rows = [
            ("plain", Some("plain")),
            ("${var:HOST}:${var:PORT}", Some("orders.internal:9000")),
            ("$${var:HOST}", Some("$${var:HOST}")),
            ("$$${var:HOST}", Some("$$${var:HOST}")),
            // What a variable stands for is not looked at again.
            ("${var:ODD}", Some("a$${env:X}")),
            // And nothing is put together.
            ("${var:DOLLAR}{env:X}", None),
            ("${var:NONE}", None),
            ("${env:HOME}", None),
            ("${var:HOST", None),
        ];
        for (text, wanted) in rows {
            let found = substitute(&json!({"a": [text]}), &values);
            assert_eq!(found.ok(), wanted.map(|text| json!({"a": [text]})), "{text}");
        }
    }

    #[test]
    fn an_undefined_one_is_told_by_name_and_place() {
        let value = json!({"upstream": {"endpoints": [{"address": "${var:HOST}:${var:PORT}"}]}});
        let refused = substitute(&value, &texts(&[("HOST", "a")])).unwrap_err();
        assert_eq!(refused.len(), 1);
        assert!(refused[0].what.contains("`PORT`"), "{}", refused[0]);
        assert_eq!(refused[0].place, "upstream.endpoints[0].address");
        assert_eq!(variables(&value), ["HOST".to_owned(), "PORT".to_owned()].into());
    }

    #[test]
    fn nothing_of_the_node_can_be_named() {
        let rows = [
            (json!({"a": "${env:TOKEN}"}), 1),
            (json!({"a": "${file:key.pem}"}), 1),
            (json!({"tls": {"key_file": "key.pem"}}), 1),
            (json!(["unix:/run/x"]), 1),
            (json!({"a": "${var:1}"}), 1),
            (json!({"a": "${var:HOST} $${env:X}", "file_name": "x"}), 0),
        ];
        for (value, count) in rows {
            let mut found = Vec::new();
            review(&value, "policies", true, &mut found);
            assert_eq!(found.len(), count, "{value}: {found:?}");
            assert!(found.iter().all(|refusal| refusal.code == Code::ForbiddenReference));
        }
    }

    proptest! {
        /// However texts and variables are put together: what comes out refers to nothing.
        #[test]
        fn what_comes_out_refers_to_nothing(
            text in "([${}:ae]|\\$\\{var:A\\}|\\{env:X\\}){0,8}",
            variable in "([${}:]|env:X){0,5}",
        ) {
            if let Ok(Value::String(out)) = substitute(&Value::String(text), &texts(&[("A", &variable)])) {
                prop_assert!(pieces(&out).iter().all(|piece| matches!(piece, Piece::Text(_))), "{}", out);
            }
        }
    }
}
