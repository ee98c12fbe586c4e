//! Environments: where APIs are published to.
//!
//! An environment is told from others by its hosts, or by the value of `X-Stage`; it defines the variables that are
//! replaced when something is published into it. A publication keeps the values it was made with, so that changing a
//! variable changes nothing until the next one.

use crate::{
    limits::{HOSTS_MAX, VARIABLE_CHARS_MAX, VARIABLES_MAX},
    member::{review_count, review_texts},
    name::Name,
    reference::{Variables, is_variable},
    refusal::{Code, Refusal, Refusals},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Where APIs are published to: `production`, `sandbox`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Unique in the tenant.
    pub name: Name,
    /// For people. Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The hosts of its APIs that name none themselves: `api.example.com`, `*.example.com`. Up to 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The value of the header field `X-Stage` that requests for it have. Left out: they need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// What `${var:NAME}` stands for in APIs. Up to 1024. No place for secrets: whoever may see APIs sees them.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub variables: Variables,
}

impl Environment {
    /// # Errors
    /// All that is wrong in it.
    pub fn check(&self) -> Result<(), Refusals> {
        let mut found = Vec::new();
        review_texts(self.title.as_deref(), None, &mut found);
        review_hosts(&self.hosts, false, &mut found);
        let stage =
            self.stage.as_ref().is_some_and(|stage| stage.is_empty() || !stage.bytes().all(|b| b.is_ascii_graphic()));
        if stage {
            let what = "a stage is the value of a header field";
            found.push(Refusal::new(Code::InvalidValue, "stage", what, "write visible ASCII characters, like `test`"));
        }
        review_count("variables", self.variables.len(), VARIABLES_MAX, &mut found);
        for (name, value) in &self.variables {
            let place = format!("variables.{name}");
            if !is_variable(name) {
                let remedy = "write a letter or `_`, then letters, digits or `_`, at most 64";
                found.push(Refusal::new(Code::InvalidName, place.as_str(), "this cannot name a variable", remedy));
            }
            if value.len() > VARIABLE_CHARS_MAX || value.contains(['\0', '\r', '\n']) {
                let what = format!("a variable is one line of at most {VARIABLE_CHARS_MAX} characters");
                found.push(Refusal::new(Code::InvalidValue, place, what, "shorten it"));
            }
        }
        Refusals::none(found)
    }
}

/// Refuses what cannot be a host or a pattern of hosts. With `variables`, those are taken for anything.
pub(crate) fn review_hosts(hosts: &[String], variables: bool, found: &mut Vec<Refusal>) {
    review_count("hosts", hosts.len(), HOSTS_MAX, found);
    let mut seen = BTreeSet::new();
    for (at, host) in hosts.iter().enumerate() {
        let place = format!("hosts[{at}]");
        if !(is_host(host) || variables && host.contains("${var:")) {
            let what = format!("`{host}` is no host");
            let remedy = "write one like `api.example.com` or `*.example.com`, without scheme and port";
            found.push(Refusal::new(Code::InvalidValue, place, what, remedy));
        } else if !seen.insert(host.to_ascii_lowercase()) {
            found.push(Refusal::new(Code::Duplicate, place, format!("`{host}` is there twice"), "take one out"));
        }
    }
}

fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(valid);
    text.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_cannot_be_is_refused_at_its_place() {
        let rows = [
            (json!({"hosts": ["api.example.com", "*.example.com"], "variables": {"A_1": "x"}}), ""),
            (json!({"hosts": ["https://a"]}), "hosts[0]"),
            (json!({"hosts": ["a.b", "A.b"]}), "hosts[1]"),
            (json!({"hosts": ["a..b"]}), "hosts[0]"),
            (json!({"stage": "a b"}), "stage"),
            (json!({"variables": {"1": "x"}}), "variables.1"),
            (json!({"variables": {"A": "x\ny"}}), "variables.A"),
        ];
        for (mut written, place) in rows {
            written["name"] = json!("test");
            let environment: Environment = serde_json::from_value(written.clone()).unwrap();
            let found = environment.check().err().and_then(|refused| refused.into_iter().next());
            assert_eq!(found.map(|refusal| refusal.place).unwrap_or_default(), place, "{written}");
            assert_eq!(serde_json::to_value(&environment).unwrap(), written);
        }
    }
}
