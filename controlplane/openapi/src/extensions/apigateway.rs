//! `x-apigateway-...`: limits by name with their definitions at the document, CORS, answers in place of a backend, access
//! by address.

use super::Gathered;
use crate::{document::At, import::texts};
use serde_json::{Value, json};

/// Reads a policy; false if the key is of another vendor.
pub(super) fn policy(key: &str, at: &At<'_>, gathered: &mut Gathered<'_>) -> bool {
    let Some(key) = key.strip_prefix("x-apigateway-") else { return false };
    match key {
        "cors" => {
            if at.flag() == Some(true) {
                gathered.set(at, "cors", json!({ "origins": ["*"] }));
            }
        }
        "ratelimit" => rate_limit(at, gathered),
        "access-control" => access(at, gathered),
        "backend" => backend(at, gathered),
        "auth-type" => {
            if at.text().is_some_and(|text| text.eq_ignore_ascii_case("none")) {
                gathered.set(at, "identify", json!("off"));
            }
        }
        _ => gathered.note(at, "has no counterpart here"),
    }
    true
}

/// Definitions that others point to; false if the key is none.
pub(super) fn api(key: &str) -> bool {
    matches!(key, "x-apigateway-ratelimits" | "x-apigateway-access-controls")
}

/// The definition of a name under a key of the document.
fn defined<'d>(at: &At<'d>, under: &str) -> Option<At<'d>> {
    at.top().get(under)?.get(at.text()?)
}

fn rate_limit(at: &At<'_>, gathered: &mut Gathered<'_>) {
    let Some(limit) = defined(at, "x-apigateway-ratelimits") else {
        return gathered.note(at, "is not defined under `x-apigateway-ratelimits`");
    };
    let number = |key| limit.get(key).and_then(|at| at.number()).filter(|number| *number > 0);
    let unit = limit.get("unit").and_then(|at| at.text()).unwrap_or("minute").to_ascii_lowercase();
    if number("interval").is_some_and(|interval| interval != 1) {
        return gathered.note(&limit, "an interval of more than one unit is not known here");
    }
    for (key, name, whom) in [
        ("api-limit", "api", "node"),
        ("app-limit", "application", "application"),
        ("user-limit", "tenant", "tenant"),
        ("ip-limit", "address", "client_ip"),
    ] {
        if let Some(count) = number(key) {
            gathered.limit(&limit, name, (count, &unit), &json!(whom));
        }
    }
    if let Some(special) = limit.get("special") {
        gathered.note(&special, "limits of single callers: make them overrides of the rule");
    }
}

fn access(at: &At<'_>, gathered: &mut Gathered<'_>) {
    let Some(access) = defined(at, "x-apigateway-access-controls") else {
        return gathered.note(at, "is not defined under `x-apigateway-access-controls`");
    };
    let text = |key| access.get(key).and_then(|at| at.text()).unwrap_or_default().to_ascii_uppercase();
    if text("acl-type") != "IP" {
        return gathered.note(&access, "access by anything but an address is not known here");
    }
    let list = if text("action") == "DENY" { "deny" } else { "allow" };
    let values = access.get("value").map(|at| at.text().map_or_else(|| texts(&at), split)).unwrap_or_default();
    gathered.set(at, "ip", json!({ list: values }));
}

fn split(text: &str) -> Vec<String> {
    text.split([',', ';']).map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// An answer in place of a backend; the address of another is the environment's.
fn backend(at: &At<'_>, gathered: &mut Gathered<'_>) {
    let kind = at.get("type").and_then(|at| at.text()).unwrap_or_default();
    if kind != "MOCK" {
        return gathered.note(at, "endpoints of single operations are not read: they belong to an environment");
    }
    let body = at.get("mockEndpoints").and_then(|mock| mock.get("result-content")).and_then(|at| at.scalar());
    let body = body.unwrap_or_default();
    let is_json = serde_json::from_str::<Value>(&body).is_ok();
    let content_type = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
    gathered.set(at, "mock", json!({ "status": 200, "body": body, "content_type": content_type }));
}
