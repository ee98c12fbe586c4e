//! `/quotas`: what operators see of quotas and do to them.
//!
//! ```text
//! GET  /quotas                                                    the rules there are
//! GET  /quotas?rule=routes/orders/quota/daily&key=10.0.0.1        what a key has used
//! POST /quotas {"rule": .., "key": [..], "action": "grant", "units": 5}
//! ```
//!
//! A `key` for each part of the rule's key, in their order. For whoever may change the configuration: keys are of people.
//! Done at once: a command is one step on memory.

use super::{
    config::problem,
    pages::{JSON, Page},
};
use crate::{certificates::SystemClock, publish::Publisher};
use serde_json::{Value, json};
use tollgate_tls::WallClock as _;
use tollgate_worker::{KeyError, QuotaCommand, QuotaUsage};

/// Parts of a key that are read.
const PARTS_MAX: usize = 16;

/// What is asked of which key.
struct Question {
    rule: String,
    key: Vec<String>,
    command: QuotaCommand,
}

/// The answer to `GET`.
pub(super) fn show(publisher: &Publisher, query: &[u8]) -> Page {
    if query.is_empty() {
        return publisher.quota_rules().map_or_else(busy, |rules| Page::json(200, JSON, &json!({ "rules": rules })));
    }
    Question::of_query(query).map_or_else(|page| page, |question| question.ask(publisher))
}

/// The answer to `POST`.
pub(super) fn operate(publisher: &Publisher, body: &[u8]) -> Page {
    Question::of_body(body).map_or_else(|page| page, |question| question.ask(publisher))
}

impl Question {
    fn of_query(query: &[u8]) -> Result<Self, Page> {
        let (mut rule, mut key) = (None, Vec::new());
        for parameter in query.split(|byte| *byte == b'&').filter(|parameter| !parameter.is_empty()) {
            let at = parameter.iter().position(|byte| *byte == b'=').unwrap_or(parameter.len());
            let (name, value) = parameter.split_at(at);
            match (name, decoded(value.get(1..).unwrap_or_default())) {
                (b"rule", Some(value)) if rule.is_none() => rule = Some(value),
                (b"key", Some(value)) if key.len() < PARTS_MAX => key.push(value),
                _ => return Err(misunderstood("`rule`, and `key` for each part of its key, are what may be asked.")),
            }
        }
        let rule = rule.ok_or_else(|| misunderstood("`rule` is missing."))?;
        Ok(Self { rule, key, command: QuotaCommand::Show })
    }

    fn of_body(body: &[u8]) -> Result<Self, Page> {
        const SHAPE: &str = "Send `{\"rule\": \"routes/NAME/quota/NAME\", \"key\": [..], \"action\": ..}`.";
        let body: Value = serde_json::from_slice(body).map_err(|_| misunderstood(SHAPE))?;
        let known = ["rule", "key", "action", "units"];
        let fields = body.as_object().ok_or_else(|| misunderstood(SHAPE))?;
        if let Some(unknown) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(misunderstood(&format!("`{unknown}` is not known. {SHAPE}")));
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let rule = body["rule"].as_str().ok_or_else(|| misunderstood(SHAPE))?.to_owned();
        let key: Option<Vec<String>> =
            body["key"].as_array().map(|key| key.iter().map(text).collect()).unwrap_or_default();
        let units = body["units"].as_u64();
        let command = match (body["action"].as_str(), units) {
            (Some("reset" | "unblock"), None) => QuotaCommand::Reset,
            (Some("block"), None) => QuotaCommand::Block,
            (Some("grant"), Some(units)) => QuotaCommand::Grant(units),
            (Some("grant"), None) => return Err(misunderstood("`grant` needs `units`, a whole number.")),
            _ => return Err(misunderstood("`action` is `reset`, `block`, `unblock`, or `grant` with `units`.")),
        };
        Ok(Self { rule, key: key.ok_or_else(|| misunderstood(SHAPE))?, command })
    }

    fn ask(&self, publisher: &Publisher) -> Page {
        let Some(found) = publisher.quota_rule(&self.rule) else { return busy() };
        let Some((counts, keys)) = found else {
            return problem(404, "no_such_rule", "No such rule", "`GET /quotas` names the quotas that run.");
        };
        let now_s = i64::try_from(SystemClock.unix_seconds()).unwrap_or(i64::MAX);
        match counts.operate(&keys, &self.key, self.command, now_s) {
            Ok(Some(usage)) if usage.is_done => Page::json(200, JSON, &self.told(&usage)),
            Ok(Some(_)) => problem(
                409,
                "table_full",
                "No room for the key",
                "Raise `keys_max` of the rule, or ask the key's requests.",
            ),
            Ok(None) => problem(404, "no_such_rule", "Not a quota", "Only quotas are shown and changed."),
            Err(KeyError::Parts(parts)) => {
                misunderstood(&format!("The key of this rule has {parts} parts: give `key` for each, in their order."))
            }
            Err(KeyError::Address(at)) => misunderstood(&format!("`key` number {} is not an address.", at + 1)),
        }
    }

    fn told(&self, usage: &QuotaUsage) -> Value {
        let QuotaUsage { used, limit, end_s, is_blocked, is_shared, .. } = *usage;
        json!({
            "rule": self.rule, "key": self.key, "used": used, "limit": limit, "window_end": end_s,
            "blocked": is_blocked, "shared": is_shared,
        })
    }
}

fn misunderstood(detail: &str) -> Page {
    problem(400, "bad_request", "Not understood", detail)
}

fn busy() -> Page {
    problem(503, "busy", "Busy", "A configuration is being published; try again in a moment.")
}

/// A value of a query without its escapes (RFC 3986, section 2.1); `+` stays as it is.
fn decoded(value: &[u8]) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value);
    while let [first, behind @ ..] = rest {
        rest = behind;
        let byte = match (first, behind) {
            (b'%', [high, low, behind @ ..]) => {
                rest = behind;
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                // Two digits of 16 are a byte.
                (digit(high)? * 16 + digit(low)?) as u8
            }
            (b'%', _) => return None,
            (byte, _) => *byte,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_understood_or_told_why_not() {
        let question = Question::of_query(b"rule=routes/a/quota/b&key=10.0.0.1&key=a%20b%2F").unwrap();
        assert_eq!(
            (&*question.rule, &question.key[..]),
            ("routes/a/quota/b", &["10.0.0.1".to_owned(), "a b/".to_owned()][..])
        );
        for query in ["key=a", "rule=a&rule=b", "rule=%zz", "rule=%f", "rule=a&keys=b", "rule=%ff"] {
            assert_eq!(Question::of_query(query.as_bytes()).err().unwrap().status, 400, "{query}");
        }
        let grant = Question::of_body(br#"{"rule": "r", "key": ["k"], "action": "grant", "units": 7}"#).unwrap();
        assert_eq!(grant.command, QuotaCommand::Grant(7));
        for body in [
            "",
            "[]",
            "{}",
            r#"{"rule": "r", "action": "delete"}"#,
            r#"{"rule": "r", "key": [1], "action": "reset"}"#,
            r#"{"rule": "r", "key": [], "action": "grant"}"#,
            r#"{"rule": "r", "key": [], "action": "reset", "unit": 1}"#,
            r#"{"rule": "r", "key": [], "action": "grant", "units": -1}"#,
        ] {
            assert_eq!(Question::of_body(body.as_bytes()).err().unwrap().status, 400, "{body}");
        }
    }
}
