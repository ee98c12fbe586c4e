//! `x-wso2-...` and its older spellings: endpoints, base path, CORS, tiers, and operations that are open to all.

use super::{Gathered, Vendor, endpoint};
use crate::{document::At, import::texts, server::Stage};
use serde_json::json;

/// Reads a policy; false if the key is of another vendor.
pub(super) fn policy(key: &str, at: &At<'_>, gathered: &mut Gathered<'_>) -> bool {
    match key {
        "x-wso2-cors" => cors(at, gathered),
        "x-wso2-throttling-tier" | "x-throttling-tier" => tier(at, gathered),
        "x-wso2-disable-security" => {
            if at.flag() == Some(true) {
                gathered.set(at, "identify", json!("off"));
            }
        }
        "x-auth-type" | "x-wso2-auth" => {
            if at.text().is_some_and(|text| text.eq_ignore_ascii_case("none")) {
                gathered.set(at, "identify", json!("off"));
            }
        }
        "x-scope" | "x-wso2-scopes" => gathered.note(at, "scopes are read from `security`"),
        _ => return false,
    }
    true
}

/// Reads what is of the whole API; false if the key is of another vendor.
pub(super) fn api(key: &str, at: &At<'_>, vendor: &mut Vendor) -> bool {
    match key {
        "x-wso2-basePath" => vendor.base_path = at.text().map(|path| path.trim_end_matches('/').to_owned()),
        "x-wso2-production-endpoints" => endpoints(at, Stage::Production, vendor),
        "x-wso2-sandbox-endpoints" => endpoints(at, Stage::Sandbox, vendor),
        _ => return false,
    }
    true
}

fn endpoints(at: &At<'_>, stage: Stage, vendor: &mut Vendor) {
    let urls = at.get("urls").map(|urls| texts(&urls)).unwrap_or_default();
    vendor.endpoints.extend(urls.iter().filter_map(|url| endpoint(url, stage)));
}

fn cors(at: &At<'_>, gathered: &mut Gathered<'_>) {
    if at.get("corsConfigurationEnabled").and_then(|at| at.flag()) == Some(false) {
        return;
    }
    let list = |key| at.get(key).map(|at| texts(&at)).filter(|list| !list.is_empty());
    let origins = list("accessControlAllowOrigins").unwrap_or_else(|| vec!["*".into()]);
    let is_any = origins == ["*"];
    let mut cors = json!({ "origins": origins });
    for (key, ours) in [("accessControlAllowMethods", "methods"), ("accessControlAllowHeaders", "headers")] {
        if let Some(list) = list(key) {
            cors[ours] = json!(list);
        }
    }
    if at.get("accessControlAllowCredentials").and_then(|at| at.flag()) == Some(true) && !is_any {
        cors["credentials"] = json!(true);
    }
    gathered.set(at, "cors", cors);
}

/// `10KPerMin` and the like; `Unlimited` says nothing.
fn tier(at: &At<'_>, gathered: &mut Gathered<'_>) {
    let text = at.text().unwrap_or_default();
    if text.eq_ignore_ascii_case("unlimited") {
        return;
    }
    let limit = text.split_once("Per").and_then(|(count, unit)| {
        let (digits, factor) = match count.strip_suffix('K') {
            Some(digits) => (digits, 1000),
            None => (count, 1),
        };
        let unit = match unit {
            "Sec" => "second",
            "Min" => "minute",
            "Hour" => "hour",
            "Day" => "day",
            "Month" => "month",
            _ => return None,
        };
        Some((digits.parse::<u64>().ok()?.checked_mul(factor)?, unit))
    });
    match limit {
        Some(limit) => gathered.limit(at, "tier", limit, &json!("node")),
        None => gathered.note(at, "a tier that is not known here: make it a plan"),
    }
}
