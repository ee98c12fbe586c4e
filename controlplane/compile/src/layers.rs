//! The policies of tenant, API and operation as those of one route.
//!
//! A route of the contract has one layer of its own, over those of the node, so the layers of the records are put on each
//! other here, in the way the contract puts its own: rule after rule, edit after edit, `ip` so that every layer must let a
//! client in, of anything else the last. Rules keep the scope they are written in: one of an API counts for all its
//! operations together. What is no policy, or wrong in itself, is left as it stands, for the contract to refuse.

mod edits;
mod ip;
mod rules;

pub(crate) use rules::join as join_rules;

use serde_json::{Map, Value};
use tollgate_domain::{
    Code, Level, Refusal,
    policies::{Effective, POLICIES},
};

/// Policies of a route, in the contract's words.
pub(crate) type Policies = Map<String, Value>;

/// `effective` as one layer. `scope` names what the rules of a level count for.
///
/// # Errors
/// A policy that opts out of those of the node and adds to them at the same time, which one layer cannot say.
pub(crate) fn fold(effective: &Effective<'_>, scope: &dyn Fn(Level) -> String) -> Result<Policies, Vec<Refusal>> {
    let (mut policies, mut found) = (Policies::new(), Vec::new());
    if !effective.node {
        policies.insert("defaults".to_owned(), "off".into());
    }
    for policy in POLICIES {
        let said = effective.of(policy);
        let was_off = effective.layers.iter().any(|(_, layer)| layer.entries.get(policy).is_some_and(is_off));
        match joined(policy, &said, scope) {
            None if was_off && effective.node => drop(policies.insert(policy.to_owned(), "off".into())),
            None => {}
            Some(_) if was_off && effective.node && adds(policy) => found.push(torn(policy)),
            Some(value) => drop(policies.insert(policy.to_owned(), value)),
        }
    }
    if found.is_empty() { Ok(policies) } else { Err(found) }
}

/// One value out of those of the layers, the outermost first.
fn joined(policy: &str, said: &[(Level, &Value)], scope: &dyn Fn(Level) -> String) -> Option<Value> {
    let (_, last) = said.last()?;
    let values: Vec<&Value> = said.iter().map(|(_, value)| *value).collect();
    let joined = match policy {
        "throttle" | "quota" | "concurrency" | "bandwidth" => {
            let scoped: Vec<_> = said.iter().map(|(level, value)| rules::scoped(value, &scope(*level))).collect();
            rules::join(&scoped)
        }
        "request_headers" | "response_headers" => edits::join(&values, str::eq_ignore_ascii_case),
        "request_query" => edits::join(&values, |one, other| one == other),
        "ip" => ip::join(&values),
        "limits" => keys(&values),
        _ => None,
    };
    Some(joined.unwrap_or_else(|| (*last).clone()))
}

/// Adds `value` to what there is of a policy.
pub(crate) fn put_on(policies: &mut Policies, policy: &str, value: Value) {
    let joined = policies.get(policy).filter(|before| !is_off(before)).and_then(|before| {
        joined(policy, &[(Level::Operation, before), (Level::Operation, &value)], &|_| String::new())
    });
    policies.insert(policy.to_owned(), joined.unwrap_or(value));
}

/// Of each key the last.
fn keys(values: &[&Value]) -> Option<Value> {
    let mut keys = Map::new();
    for value in values {
        keys.extend(value.as_object()?.clone());
    }
    Some(keys.into())
}

/// Policies of which several layers hold together.
fn adds(policy: &str) -> bool {
    !matches!(policy, "authorize" | "cors" | "faults" | "identify" | "mock" | "priority" | "rate_limit_fields")
}

fn torn(policy: &str) -> Refusal {
    let what = format!("`{policy}` is off in one layer and has entries in another inside of it");
    let remedy = "take the `off` out, or write `inherit: false` there, which cuts off all that stands before";
    Refusal::new(Code::InvalidValue, format!("policies.{policy}"), what, remedy)
}

/// As a word, or as YAML readers may take it.
pub(crate) fn is_off(value: &Value) -> bool {
    value == "off" || *value == Value::Bool(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tollgate_domain::{Policies as Layer, policies::effective};

    fn folded(layers: &[Value]) -> Result<Value, Vec<Refusal>> {
        let layers: Vec<Layer> = layers.iter().map(|layer| serde_json::from_value(layer.clone()).unwrap()).collect();
        let levels = [Level::Tenant, Level::Api, Level::Operation];
        let layers: Vec<_> = levels.into_iter().zip(&layers).collect();
        fold(&effective(&layers), &|level| format!("{level:?}").to_lowercase()).map(Value::Object)
    }

    #[test]
    fn layers_meet_as_those_of_the_contract() {
        let rows = [
            (vec![json!({}), json!({"cors": {"origins": ["*"]}})], json!({"cors": {"origins": ["*"]}})),
            (
                vec![json!({"mock": {"status": 200}}), json!({"mock": {"status": 201}})],
                json!({"mock": {"status": 201}}),
            ),
            (
                vec![json!({"limits": {"fields": 9, "body_bytes": 1}}), json!({"limits": {"body_bytes": 2}})],
                json!({"limits": {"fields": 9, "body_bytes": 2}}),
            ),
            (
                vec![
                    json!({"throttle": [{"name": "a", "limit": 1}, {"name": "b", "limit": 1}]}),
                    json!({"throttle": [{"name": "a", "limit": 2}]}),
                ],
                json!({"throttle": [{"name": "b", "limit": 1, "scope": "tenant"}, {"name": "a", "limit": 2, "scope": "api"}]}),
            ),
        ];
        for (layers, expected) in rows {
            assert_eq!(folded(&layers).unwrap(), expected, "{layers:?}");
        }
    }

    #[test]
    fn opting_out() {
        let rule = json!([{"name": "a", "limit": 1}]);
        let scoped = json!([{"name": "a", "limit": 1, "scope": "api"}]);
        let rows = [
            (vec![json!({"throttle": rule}), json!({"throttle": "off"})], json!({"throttle": "off"})),
            (vec![json!({"throttle": rule}), json!({"inherit": false})], json!({"defaults": "off"})),
            (vec![json!({"cors": "off"}), json!({"cors": {"origins": []}})], json!({"cors": {"origins": []}})),
            (
                vec![json!({"throttle": "off"}), json!({"inherit": false, "throttle": rule})],
                json!({"defaults": "off", "throttle": scoped}),
            ),
        ];
        for (layers, expected) in rows {
            assert_eq!(folded(&layers).unwrap(), expected, "{layers:?}");
        }
        let torn = folded(&[json!({"throttle": false}), json!({"throttle": rule})]).unwrap_err();
        assert_eq!(torn[0].place, "policies.throttle");
    }

    #[test]
    fn what_is_wrong_is_left_for_the_contract() {
        for policy in ["throttle", "ip", "request_headers", "limits"] {
            let layers = [json!({policy: {"a": 1}}), json!({policy: 7})];
            assert_eq!(folded(&layers).unwrap()[policy], 7);
        }
    }
}
