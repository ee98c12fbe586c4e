//! What a form or a query says: names and values, each name once.
//!
//! What is not there is empty: a form of a browser always has all of its fields. White space around a value is not meant.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Names and values. Neither is shown by `Debug`: passwords and keys are among them.
#[derive(Default)]
pub(crate) struct Form(BTreeMap<String, Zeroizing<String>>);

/// Fields that no page shows again.
const SECRET: [&str; 6] = ["current", "password", "again", "credential", "token", "csrf"];

impl Form {
    /// Reads `a=b&c=d`. Of a name that comes twice the first counts.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut form = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            form.entry(name.into_owned()).or_insert_with(|| Zeroizing::new(value.into_owned()));
        }
        Self(form)
    }

    /// A value, without the white space around it.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A value as it is.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.as_str())
    }

    /// A value, or nothing.
    pub(crate) fn some(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// What a page that refuses it shows again in its fields.
    pub(crate) fn shown(&self) -> Value {
        let shown = self.0.iter().filter(|(name, _)| !SECRET.contains(&name.as_str()));
        Value::Object(shown.map(|(name, value)| (name.clone(), json!(value.as_str()))).collect::<Map<_, _>>())
    }
}
