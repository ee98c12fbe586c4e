//! Audit events: who changed what, when and from where. They are appended and never changed.
//!
//! What a record was before and after is told without what could be used: hashes of credentials and passwords are
//! left out (`redacted`).

use crate::name::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditEvent {
    /// Ordered by time: a UUID of version 7 (RFC 9562), made by who makes the change.
    pub id: String,
    /// In Unix milliseconds.
    pub at_ms: u64,
    /// The tenant that was changed. `None`: the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Name>,
    /// The member. `None`: the installation itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Name>,
    /// The address of the client. `None`: from within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The request, as in logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What was done: `api.publish`, `credential.revoke`.
    pub action: String,
    /// What kind of record: `api`, `credential`.
    pub kind: String,
    /// Which one.
    pub key: String,
    /// What it was. `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is. `None`: nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Keys whose values no event tells.
const HIDDEN: [&str; 5] = ["hash", "password", "secret", "private_key", "token"];

/// `record` for an event.
#[must_use]
pub fn redacted(record: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    hide(&mut value);
    value
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                if HIDDEN.contains(&key.as_str()) && value.is_string() {
                    *value = Value::from("(hidden)");
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_could_be_used_is_hidden() {
        let record = json!({"id": "a", "hash": "x", "in": [{"password": "p", "secret": {"token": "t", "ref": "r"}}]});
        let told = json!({"id": "a", "hash": "(hidden)",
            "in": [{"password": "(hidden)", "secret": {"token": "(hidden)", "ref": "r"}}]});
        assert_eq!(redacted(&record), told);
    }
}
