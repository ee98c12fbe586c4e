//! `/quotas`: what operators see of quotas and do to them.
//!
//! ```text
//! GET  /quotas                                                    the rules there are
//! GET  /quotas?rule=routes/orders/quota/daily&key=10.0.0.1        what a key has used
//! POST /quotas {"rule": .., "key": [..], "action": "grant", "units": 5, "for_s": 86400}
//! ```
//!
//! A `key` for each part of the rule's key, in their order. For whoever may change the configuration: keys are of people.
//! Done at once: a command is one step on memory.

use super::{
    config::problem,
    grants::{Grants, Held},
    pages::{JSON, Page},
};
use crate::{certificates::SystemClock, publish::Publisher};
use serde_json::{Value, json};
use std::{rc::Rc, time::Duration};
use tollgate_io::Io;
use tollgate_tls::WallClock as _;
use tollgate_worker::{KeyError, QuotaCommand, QuotaUsage};

/// The longest time a grant holds, in seconds: a year.
const FOR_S_MAX: u64 = 366 * 86_400;
/// Parts of a key that are read.
const PARTS_MAX: usize = 16;

/// What is asked of which key.
struct Question {
    rule: String,
    key: Vec<String>,
    command: QuotaCommand,
    /// How long a grant holds, if not until its window ends.
    for_time: Option<Duration>,
}

/// The answer to `GET`.
pub(super) fn show(publisher: &Publisher, query: &[u8]) -> Page {
    if query.is_empty() {
        return publisher.quota_rules().map_or_else(busy, |rules| Page::json(200, JSON, &json!({ "rules": rules })));
    }
    Question::of_query(query).map_or_else(|page| page, |question| question.ask(publisher))
}

/// The answer to `POST`.
pub(super) fn operate<I: Io>(publisher: &Publisher, grants: &Rc<Grants>, io: &I, body: &[u8]) -> Page {
    let question = match Question::of_body(body) {
        Ok(question) => question,
        Err(page) => return page,
    };
    if question.for_time.is_some() && !grants.has_room() {
        return problem(503, "busy", "Busy", "So many grants hold for a time that no more can be kept in mind.");
    }
    let (page, usage) = question.done(publisher);
    match (usage, question.command, question.for_time) {
        (Some(usage), QuotaCommand::Grant(units), Some(time)) => {
            let Question { rule, key, .. } = question;
            grants.hold(io, Held { rule, key, units, end_s: usage.end_s }, io.now() + time);
        }
        (Some(_), QuotaCommand::Reset, _) => grants.forget(&question.rule, &question.key),
        _ => {}
    }
    page
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
        Ok(Self { rule, key, command: QuotaCommand::Show, for_time: None })
    }

    fn of_body(body: &[u8]) -> Result<Self, Page> {
        const SHAPE: &str = "Send `{\"rule\": \"routes/NAME/quota/NAME\", \"key\": [..], \"action\": ..}`.";
        let body: Value = serde_json::from_slice(body).map_err(|_| misunderstood(SHAPE))?;
        let known = ["rule", "key", "action", "units", "for_s"];
        let fields = body.as_object().ok_or_else(|| misunderstood(SHAPE))?;
        if let Some(unknown) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(misunderstood(&format!("`{unknown}` is not known. {SHAPE}")));
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let rule = body["rule"].as_str().ok_or_else(|| misunderstood(SHAPE))?.to_owned();
        let key: Option<Vec<String>> =
            body["key"].as_array().map(|key| key.iter().map(text).collect()).unwrap_or_default();
        let units = body["units"].as_u64();
        let for_time = match (&body["for_s"], &body["action"]) {
            (Value::Null, _) => None,
            (time, action) => {
                let seconds = time.as_u64().filter(|seconds| (1..=FOR_S_MAX).contains(seconds) && action == "grant");
                let wrong = || misunderstood("`for_s` is how many seconds a `grant` holds: 1 to 31622400.");
                Some(Duration::from_secs(seconds.ok_or_else(wrong)?))
            }
        };
        let command = match (body["action"].as_str(), units) {
            (Some("reset" | "unblock"), None) => QuotaCommand::Reset,
            (Some("block"), None) => QuotaCommand::Block,
            (Some("grant"), Some(units)) => QuotaCommand::Grant(units),
            (Some("grant"), None) => return Err(misunderstood("`grant` needs `units`, a whole number.")),
            _ => return Err(misunderstood("`action` is `reset`, `block`, `unblock`, or `grant` with `units`.")),
        };
        Ok(Self { rule, key: key.ok_or_else(|| misunderstood(SHAPE))?, command, for_time })
    }

    fn ask(&self, publisher: &Publisher) -> Page {
        self.done(publisher).0
    }

    /// The answer, and what the key has used if that was done.
    fn done(&self, publisher: &Publisher) -> (Page, Option<QuotaUsage>) {
        let Some(found) = publisher.quota_rule(&self.rule) else { return (busy(), None) };
        let Some((counts, keys)) = found else {
            let remedy = "`GET /quotas` names the quotas that run.";
            return (problem(404, "no_such_rule", "No such rule", remedy), None);
        };
        let now_s = i64::try_from(SystemClock.unix_seconds()).unwrap_or(i64::MAX);
        let page = match counts.operate(&keys, &self.key, self.command, now_s) {
            Ok(Some(usage)) if usage.is_done => return (Page::json(200, JSON, &self.told(&usage)), Some(usage)),
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
        };
        (page, None)
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
        assert_eq!((grant.command, grant.for_time), (QuotaCommand::Grant(7), None));
        let body = br#"{"rule": "r", "key": [], "action": "grant", "units": 7, "for_s": 60}"#;
        assert_eq!(Question::of_body(body).unwrap().for_time, Some(Duration::from_secs(60)));
        for body in [
            "",
            "[]",
            "{}",
            r#"{"rule": "r", "action": "delete"}"#,
            r#"{"rule": "r", "key": [1], "action": "reset"}"#,
            r#"{"rule": "r", "key": [], "action": "grant"}"#,
            r#"{"rule": "r", "key": [], "action": "reset", "unit": 1}"#,
            r#"{"rule": "r", "key": [], "action": "grant", "units": -1}"#,
            r#"{"rule": "r", "key": [], "action": "grant", "units": 1, "for_s": 0}"#,
            r#"{"rule": "r", "key": [], "action": "grant", "units": 1, "for_s": "1h"}"#,
            r#"{"rule": "r", "key": [], "action": "block", "for_s": 60}"#,
        ] {
            assert_eq!(Question::of_body(body.as_bytes()).err().unwrap().status, 400, "{body}");
        }
    }
}
