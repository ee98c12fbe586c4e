//! `x-kong-...`: plugins of a service (at the document) or a route (at an operation), and names.
//!
//! Limits of the rate-limiting plugin count in windows that begin with the clock; here they become token buckets up to an
//! hour and counters by calendar above, which never admit more.

use super::{Gathered, Vendor};
use crate::{document::At, import::texts};
use serde_json::{Value, json};

const PLUGIN: &str = "x-kong-plugin-";

/// Reads a plugin; false if the key is of another vendor.
pub(super) fn plugin(key: &str, at: &At<'_>, gathered: &mut Gathered<'_>) -> bool {
    let Some(key) = key.strip_prefix(PLUGIN) else { return false };
    let name = at.get("name").and_then(|at| at.text()).unwrap_or(key);
    if at.get("enabled").and_then(|at| at.flag()) == Some(false) {
        gathered.note(at, "is switched off");
        return true;
    }
    let config = at.get("config").unwrap_or_else(|| at.clone());
    match name {
        "rate-limiting" => rate_limiting(&config, gathered),
        "cors" => gathered.set(at, "cors", cors(&config)),
        "ip-restriction" => gathered.set(at, "ip", lists(&config, &["allow", "deny"])),
        "request-size-limiting" => size(&config, gathered),
        "request-termination" => termination(&config, gathered),
        "request-transformer" => {
            edits(&config, "headers", "request_headers", gathered);
            edits(&config, "querystring", "request_query", gathered);
        }
        "response-transformer" => edits(&config, "headers", "response_headers", gathered),
        "key-auth" => gathered.set(at, "identify", key_auth(&config)),
        _ => gathered.note(at, &format!("the plugin `{name}` has no counterpart here")),
    }
    true
}

/// Reads what is of the whole API; false if the key is of another vendor.
pub(super) fn api(key: &str, at: &At<'_>, vendor: &mut Vendor) -> bool {
    match key {
        "x-kong-name" => vendor.name = at.text().map(str::to_owned),
        "x-kong-tags" => {}
        _ => return false,
    }
    true
}

fn rate_limiting(config: &At<'_>, gathered: &mut Gathered<'_>) {
    let text = |key| config.get(key).and_then(|at| at.text()).unwrap_or_default();
    let key = match text("limit_by") {
        "ip" => json!("client_ip"),
        "service" => json!("node"),
        "path" => json!("route"),
        "header" => json!(format!("header:{}", text("header_name"))),
        "credential" => json!("credential"),
        _ => json!("application"),
    };
    for (unit, at) in config.entries() {
        if let ("second" | "minute" | "hour" | "day" | "month" | "year", Some(limit)) = (unit, at.number()) {
            gathered.limit(&at, &format!("per-{unit}"), (limit, unit), &key);
        }
    }
}

fn cors(config: &At<'_>) -> Value {
    let mut cors = lists(config, &["origins", "methods", "headers"]);
    let Value::Object(map) = &mut cors else { return cors };
    if let Some(exposed) = config.get("exposed_headers") {
        map.insert("expose".into(), json!(texts(&exposed)));
    }
    map.entry("origins").or_insert_with(|| json!(["*"]));
    let is_any = map["origins"] == json!(["*"]);
    if config.get("credentials").and_then(|at| at.flag()) == Some(true) && !is_any {
        map.insert("credentials".into(), json!(true));
    }
    if let Some(seconds) = config.get("max_age").and_then(|at| at.number()) {
        map.insert("max_age".into(), json!(format!("{seconds}s")));
    }
    cors
}

/// The lists of texts under some keys, as they are.
fn lists(config: &At<'_>, keys: &[&str]) -> Value {
    let found = keys.iter().filter_map(|key| Some(((*key).to_owned(), json!(texts(&config.get(key)?)))));
    Value::Object(found.collect())
}

fn size(config: &At<'_>, gathered: &mut Gathered<'_>) {
    let unit = match config.get("size_unit").and_then(|at| at.text()) {
        Some("bytes") => "",
        Some("kilobytes") => "KiB",
        _ => "MiB",
    };
    if let Some(at) = config.get("allowed_payload_size")
        && let Some(size) = at.number()
    {
        gathered.set(&at, "limits", json!({ "body_bytes": format!("{size}{unit}") }));
    }
}

fn termination(config: &At<'_>, gathered: &mut Gathered<'_>) {
    let number = |key| config.get(key).and_then(|at| at.number());
    let text = |key| config.get(key).and_then(|at| at.scalar());
    let mut mock = json!({ "status": number("status_code").unwrap_or(503) });
    if let Some(body) = text("body") {
        mock["body"] = json!(body);
        mock["content_type"] = json!(text("content_type").unwrap_or_else(|| "application/json; charset=utf-8".into()));
    } else if let Some(message) = text("message") {
        mock["body"] = json!(json!({ "message": message }).to_string());
        mock["content_type"] = json!("application/json; charset=utf-8");
    }
    gathered.set(config, "mock", mock);
}

/// `add`, `replace` and `remove` of header fields or query parameters, written as `name:value`.
fn edits(config: &At<'_>, what: &str, policy: &str, gathered: &mut Gathered<'_>) {
    let named = |verb: &str| config.get(verb).and_then(|at| at.get(what)).map(|at| texts(&at)).unwrap_or_default();
    let pairs = |verb: &str| -> Vec<Value> {
        let pair = |text: &String| {
            let (name, value) = text.split_once(':')?;
            Some(json!({ "name": name, "value": value }))
        };
        named(verb).iter().filter_map(pair).collect()
    };
    let mut edits = serde_json::Map::new();
    for (key, list) in
        [("remove", json!(named("remove"))), ("set", json!(pairs("replace"))), ("add", json!(pairs("add")))]
    {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            edits.insert(key.into(), list);
        }
    }
    if !edits.is_empty() {
        gathered.set(config, policy, Value::Object(edits));
    }
}

fn key_auth(config: &At<'_>) -> Value {
    let names = config.get("key_names").map(|at| texts(&at)).unwrap_or_default();
    let name = names.first().map_or("apikey", String::as_str);
    let flag = |key| config.get(key).and_then(|at| at.flag()).unwrap_or(true);
    let mut key = serde_json::Map::new();
    if flag("key_in_header") {
        key.insert("header".into(), json!(name));
    }
    if flag("key_in_query") {
        key.insert("query".into(), json!(name));
    }
    json!([{ "api_key": key }])
}
