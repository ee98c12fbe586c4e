//! An upstream of a record as an item of the contract: endpoints, and the contract's own options for them.

use serde_json::{Value, json};
use tollgate_domain::ApiSpec;

/// An option that is of routes in the contract: how long its requests may take.
const TIMEOUTS: &str = "timeouts";

/// `None` if the API has none here.
pub(crate) fn value(spec: &ApiSpec, name: &str) -> Option<Value> {
    let upstream = spec.upstream.as_ref()?;
    let mut value = json!({ "name": name, "endpoints": upstream.endpoints });
    for (key, option) in upstream.options.iter().filter(|(key, _)| *key != TIMEOUTS) {
        value[key] = option.clone();
    }
    Some(value)
}

/// `timeouts` of its routes.
pub(crate) fn timeouts(spec: &ApiSpec) -> Option<&Value> {
    spec.upstream.as_ref()?.options.get(TIMEOUTS)
}
